/* SPDX-License-Identifier: Apache-2.0 */
/* What a receiver of security events asks (RFC 8936, 2.2), and the positions that the ids of events hold: the server
 * keeps nothing of its receivers. A position is "<timeline>~<base>~<upper>~<after>": base and upper are snapshots of
 * PostgreSQL ("xmin:xmax:xip,..."), upper may be empty. See feed_poll in sql/functions/feed.sql. */
#ifndef SALLYPORT_POLL_REQUEST_H
#define SALLYPORT_POLL_REQUEST_H

#include "common/json.h"

struct feed_position {
	const char *timeline, *base;
	const char *upper; /* NULL: none */
	int64_t after;
};
/* False unless PostgreSQL would take all of its parts. The texts live in the pool. */
bool feed_position_read(h2o_mem_pool_t *pool, h2o_iovec_t text, struct feed_position *ret);
const char *feed_position_text(h2o_mem_pool_t *pool, const struct feed_position *p);

enum { POLL_EVENTS_MAX = 64 };
struct poll_request {
	int max_events; /* 0 to POLL_EVENTS_MAX */
	bool returns_immediately;
	bool has_position;             /* some event was acknowledged, or refused, whose id is a position */
	struct feed_position position; /* the newest of them: who acknowledges an event has heard of those before it */
	size_t refused;                /* events that the receiver could not read (setErrs) */
};
/* NULL, or what is wrong. */
const char *poll_request_read(h2o_mem_pool_t *pool, const json_t *body, struct poll_request *ret);

#endif
