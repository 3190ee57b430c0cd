/* SPDX-License-Identifier: Apache-2.0 */
/* The one outbound door: HTTP requests by libcurl on the event loop. URLs that the configuration names: https, or http
 * to loopback. URLs that somebody else chose go guarded: https at port 443, a public host name, and only addresses of
 * the public Internet, judged when a connection is about to be made, so that what the name leads to later (DNS
 * rebinding) does not matter; a budget for each host and each asker. No redirects, no proxy from the environment, no
 * cookies; size and time are capped; nothing of an answer, and nothing of why there is none, is echoed to anybody but
 * the log. */
#ifndef SALLYPORT_EGRESS_H
#define SALLYPORT_EGRESS_H

#include "address.h"
#include "http_cache.h"
#include "request.h"

struct egress;
/* Costs nothing: libcurl is set up for the first request. */
struct egress *egress_open(h2o_context_t *context, const char *ca_file /* NULL: the system's */);
void egress_close(struct egress *egress);

/* What a guarded request may do beside the rule, for the hosts that fit: this port, and these addresses beside public
 * ones. A host may have several, with different ports. */
struct egress_exception {
	const char *host;                   /* host_pattern.h */
	unsigned port;                      /* 443 unless said */
	const struct address_range *ranges; /* of special addresses */
	size_t range_count;
	const char *ca_file; /* NULL: as the others */
};
/* The list is not copied. */
void egress_set_exceptions(struct egress *egress, const struct egress_exception *exceptions, size_t count);

struct egress_request {
	const char *method; /* "GET", "POST" */
	const char *url;
	const char *content_type;                      /* NULL without body */
	const char *accept;                            /* NULL: application/json */
	const char *authorization;                     /* NULL if none */
	const char *if_none_match, *if_modified_since; /* NULL if none */
	h2o_iovec_t body;
	long timeout_ms;     /* whole exchange */
	size_t answer_limit; /* bytes */
	bool guarded;        /* somebody else chose the URL */
	h2o_iovec_t
	    asker; /* of a guarded request: who made us send it, an address say; each has a share of the budgets */
};
struct egress_answer {
	int status;          /* 0: no answer (refused, timed out, too large, certificate) */
	const char *problem; /* fixed text for the log when status is 0 */
	bool over_budget;    /* never sent, because the asker sends us too often: says nothing about the URL */
	h2o_iovec_t content_type, body;
	struct http_cache cache; /* what the head says of keeping it */
};
typedef void egress_done_fn(void *data, const struct egress_answer *answer); /* the answer is gone after the call */

/* All texts are copied. `done` is called exactly once, never before egress_fetch returns. */
void egress_fetch(struct egress *egress, const struct egress_request *request, egress_done_fn *done, void *data);

#endif
