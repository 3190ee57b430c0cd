/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be reached by a URL that somebody else chose, and how often. Private to egress.c and this file. */
#ifndef SALLYPORT_EGRESS_GUARD_H
#define SALLYPORT_EGRESS_GUARD_H

#include <sys/socket.h>

#include "egress.h"
#include "uri.h"

enum { GUARD_BUDGETS = 1024, GUARD_RUNNING_MAX = 32 };

/* Who made us ask, and whom. */
struct egress_errand {
	const struct uri *url;
	h2o_iovec_t asker;
	const struct egress_exception *exception; /* out; NULL: none */
	unsigned place;                           /* out, for egress_guard_leave */
	bool over_budget;                         /* out: refused because the asker or the host had enough */
};

struct egress_guard { /* start zeroed */
	const struct egress_exception *exceptions;
	size_t exception_count;
	unsigned running;
	uint64_t askers[GUARD_RUNNING_MAX];        /* of what is running; 0: a free place */
	int64_t all_due_ms, due_ms[GUARD_BUDGETS]; /* clock_monotonic_ms when the budget is whole again */
	uint8_t key[16];                           /* of the hash: nobody can aim at a budget */
	bool has_key;
};

/* NULL if a transfer may start, which egress_guard_leave ends; else a fixed text for the log. */
const char *egress_guard_enter(struct egress_guard *guard, struct egress_errand *errand);
void egress_guard_leave(struct egress_guard *guard, const struct egress_errand *errand);
/* Asked for the address of each connection, when it is about to be made. */
bool egress_guard_allows(const struct egress_exception *exception, const struct sockaddr *address);
bool egress_guard_is_loopback(const struct sockaddr *address);

#endif
