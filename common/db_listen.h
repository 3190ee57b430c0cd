/* SPDX-License-Identifier: Apache-2.0 */
/* What PostgreSQL tells by NOTIFY on one channel: a connection of its own on the event loop that does LISTEN. A lost
 * connection comes back by itself with backoff; a peer that is gone without a word is found out within a few seconds.
 * What was said while there was no connection nobody repeats: who hears that it is live again must read anew whatever
 * he remembers. (LISTEN belongs to a session: a pooler that hands sessions around by transaction cannot be in between.)
 */
#ifndef SALLYPORT_DB_LISTEN_H
#define SALLYPORT_DB_LISTEN_H

#include "text.h"

struct db_listen;

struct db_listen_options {    /* texts are copied */
	const char *name;     /* for the log */
	const char *conninfo; /* libpq; as in db.h */
	const char *channel;
	/* In the order of the commits; `payload` lives during the call. Neither function may close the listener. */
	void (*on_notice)(void *data, const char *payload);
	/* LISTEN has begun to work (true), or the connection was lost (false). */
	void (*on_change)(void *data, bool live);
	void *data;
	int64_t delay_ms; /* before the first connection is opened */
};

/* Starts to connect; never fails for an absent server. */
struct db_listen *db_listen_open(h2o_loop_t *loop, const struct db_listen_options *options);
/* Calls nobody. */
void db_listen_close(struct db_listen *listen);
/* Whatever is committed from now on will be told, and what was committed before has been, but for what is on its way:
 * not so while the connection is away, nor after this process was stopped or slept, until it has read what was told
 * meanwhile. */
bool db_listen_live(const struct db_listen *listen);

#endif
