/* SPDX-License-Identifier: Apache-2.0 */
/* The one outbound door: HTTP requests by libcurl on the event loop. Only URLs that the configuration names go through
 * it: https, or http to loopback. No redirects, no proxy from the environment, no cookies; size and time are capped;
 * nothing of an answer is echoed to anybody. */
#ifndef SALLYPORT_EGRESS_H
#define SALLYPORT_EGRESS_H

#include "request.h"

struct egress;
struct egress *egress_open(h2o_context_t *context, const char *ca_file /* NULL: the system's */);
void egress_close(struct egress *egress);

struct egress_request {
	const char *method; /* "GET", "POST" */
	const char *url;
	const char *content_type;  /* NULL without body */
	const char *accept;        /* NULL: application/json */
	const char *authorization; /* NULL if none */
	h2o_iovec_t body;
	long timeout_ms;     /* whole exchange */
	size_t answer_limit; /* bytes */
};
struct egress_answer {
	int status;          /* 0: no answer (refused, timed out, too large, certificate) */
	const char *problem; /* fixed text for the log when status is 0 */
	h2o_iovec_t content_type, body;
};
typedef void egress_done_fn(void *data, const struct egress_answer *answer); /* the answer is gone after the call */

/* All texts are copied. `done` is called exactly once, never before egress_fetch returns. */
void egress_fetch(struct egress *egress, const struct egress_request *request, egress_done_fn *done, void *data);

#endif
