/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be reached by a URL that somebody else chose, and how often. Private to egress.c and this file. */
#ifndef SALLYPORT_EGRESS_GUARD_H
#define SALLYPORT_EGRESS_GUARD_H

#include <sys/socket.h>

#include "egress.h"
#include "uri.h"

enum { GUARD_HOSTS = 256 };

struct egress_guard { /* start zeroed */
	const struct egress_exception *exceptions;
	size_t exception_count;
	unsigned running;
	int64_t all_due_ms, host_due_ms[GUARD_HOSTS]; /* clock_monotonic_ms when the budget is whole again */
	uint8_t key[16];                              /* of the hash: nobody can aim at a host's budget */
	bool has_key;
};

/* NULL and *exception (NULL if there is none) if a transfer may start, which egress_guard_leave ends; else a fixed text
 * for the log. */
const char *egress_guard_enter(struct egress_guard *guard, const struct uri *url,
                               const struct egress_exception **exception);
void egress_guard_leave(struct egress_guard *guard);
/* Asked for the address of each connection, when it is about to be made. */
bool egress_guard_allows(const struct egress_exception *exception, const struct sockaddr *address);
bool egress_guard_is_loopback(const struct sockaddr *address);

#endif
