/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests go to one host at a time. What a host that hangs holds up is what goes there: the rest of it waits
 * here, in order, and has no part in the connections that others need; and of those to one host a person has a share.
 * (libcurl has such a limit, too, but wakes those who wait for any host one by one, and does not count the time that
 * they wait.) Private to egress*.c. */
#ifndef SALLYPORT_EGRESS_LINE_H
#define SALLYPORT_EGRESS_LINE_H

#include "shares.h"
#include "text.h"
#include "uri.h"

enum { LINE_RUNNING_MAX = 64, LINE_WAITING_MAX = 1024 }; /* for one host */

struct egress_turn { /* part of a request; zeroed: in no line */
	struct egress_host *host;
	uint64_t who; /* whose part it takes (shares.h) */
	bool waits;
	int64_t due_ms; /* clock_monotonic_ms: so long it may take, waiting included; INT64_MAX: as long as it likes */
	h2o_linklist_t link, everybody;
};

struct egress_line {
	h2o_linklist_t hosts; /* to which anything runs */
	h2o_linklist_t all;   /* who waits, for whatever host */
	h2o_loop_t *loop;
	h2o_timeout_t *often;
	h2o_timeout_entry_t timer;                 /* runs while anybody waits */
	void (*on_turn)(struct egress_turn *turn); /* it does not wait any more */
	void (*on_due)(struct egress_turn *turn);  /* and has waited too long; it must leave */
};

/* `often`: after so long it is looked again whether anybody has waited too long. */
void egress_line_init(struct egress_line *line, h2o_loop_t *loop, h2o_timeout_t *often,
                      void (*on_turn)(struct egress_turn *turn), void (*on_due)(struct egress_turn *turn));
void egress_line_dispose(struct egress_line *line);
/* False if the line is full. Else egress_line_leave must follow, and turn->waits says whether on_turn comes before. */
bool egress_line_enter(struct egress_line *line, struct egress_turn *turn, const struct uri *url);
/* Of another one it may be the turn then. Does nothing for who is in no line. */
void egress_line_leave(struct egress_line *line, struct egress_turn *turn);

#endif
