/* SPDX-License-Identifier: Apache-2.0 */
/* The one outbound door: HTTP requests by libcurl on the event loop. URLs that the configuration names: https, or http
 * to loopback. URLs that somebody else chose go guarded: https at port 443, a public host name, and only addresses of
 * the public Internet, judged when a connection is about to be made, so that what the name leads to later (DNS
 * rebinding) does not matter; a budget for each host and each asker. What is done on a caller's behalf (tools, upstream
 * servers) goes confined: to the hosts of a list, at the addresses that the list gives them. No redirects, no proxy
 * from the environment, no cookies; size and time are capped; nothing of an answer, and nothing of why there is none,
 * is echoed to anybody but the log. */
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

/* Where a confined request may go: this host, at this port, and there at addresses of these ranges; without any, at
 * public ones. A host may have several, with different ports. */
struct egress_place {
	const char *host;                   /* host_pattern.h */
	unsigned port;                      /* always said */
	const struct address_range *ranges; /* no other address will do */
	size_t range_count;
	const char *ca_file; /* NULL: as the others */
	bool plain;          /* by http, never https; only with ranges */
};
struct egress_places {
	const struct egress_place *list;
	size_t count;
};
/* True if a confined request could be sent: scheme, host and port fit a place, and a host that is an address is one of
 * those that the place allows. For what is known before a request is made; each request is judged again. */
bool egress_places_allow(const struct egress_places *places, h2o_iovec_t url);

/* Why there is no answer. */
enum egress_failure {
	EGRESS_FINE,
	EGRESS_FORBIDDEN, /* the request may not go out, or not there */
	EGRESS_UNSENT,    /* no connection: nobody has seen anything of the request, and it may be sent again */
	EGRESS_LOST,      /* a connection that broke, or no HTTP: it may have been acted on */
	EGRESS_TIMED_OUT, /* the same */
	EGRESS_TOO_LARGE,
	EGRESS_ENDED, /* on_data wanted no more, or the server goes down */
};

struct egress_flight;

/* Of an answer that is read while it comes. All of it is called from the loop, never from inside of another function of
 * this file, and what is called may call any of them, egress_cancel of this flight included. */
struct egress_stream {
	/* The head of the last answer is there (not of 1xx): egress_status and egress_field tell it. */
	void (*on_head)(void *data, struct egress_flight *flight);
	/* A piece of the body, never empty, gone after the call. False: no more is wanted, `done` comes at once with
	 * EGRESS_ENDED. NULL: the body is collected for `done` as without a stream. */
	bool (*on_data)(void *data, struct egress_flight *flight, h2o_iovec_t bytes);
};

struct egress_request {
	const char *method; /* "GET", "POST", any other in capital letters */
	const char *url;
	const char *content_type;                      /* NULL without body */
	const char *accept;                            /* NULL: application/json */
	const char *authorization;                     /* NULL if none */
	const char *if_none_match, *if_modified_since; /* NULL if none */
	/* More of them, "Name: value", NULL-terminated; NULL: none. egress_field_name_is_free, and the values hold no
	 * control character. Else nothing is sent. */
	const char *const *headers;
	h2o_iovec_t body;
	long timeout_ms; /* whole exchange; 0 with on_data: none, the reader knows when it is over */
	/* Bytes of the body, decoded. With on_data it is no limit of the whole, which the reader has to know. */
	size_t answer_limit;
	long connect_ms; /* of timeout_ms, until there is a connection; 0: all of it */
	/* Codings of the body (gzip or deflate, once) are offered and undone, any other is no answer. Without, an
	 * answer that has one comes as it is: egress_field(flight, "Content-Encoding"). */
	bool decodes;
	/* It is never sent twice. Else it may be if a connection that was kept turns out to be dead. */
	bool once;
	bool guarded;     /* somebody else chose the URL */
	bool public_only; /* somebody else chose the host: https, and only public addresses */
	h2o_iovec_t
	    asker;    /* of a guarded request: who made us send it, an address say; each has a share of the budgets */
	uint64_t who; /* whose share of the connections to the host it takes (request.share); 0: nobody's */
	const struct egress_places *places; /* the request is confined to them; not copied, stays until `done` */
	const struct egress_stream *stream; /* NULL: the answer comes whole; not copied */
};
struct egress_answer {
	int status;          /* 0: no answer (refused, timed out, too large, certificate) */
	const char *problem; /* fixed text for the log when status is 0 */
	enum egress_failure failure;
	bool over_budget; /* never sent, because the asker sends us too often: says nothing about the URL */
	h2o_iovec_t content_type, body;
	struct http_cache cache; /* what the head says of keeping it */
};
typedef void egress_done_fn(void *data, const struct egress_answer *answer); /* the answer is gone after the call */

/* All texts are copied. `done` is called exactly once, never before egress_fetch returns. The flight is there until
 * `done` has returned. With on_data an answer that broke off behind its head comes with its status and a failure. */
struct egress_flight *egress_fetch(struct egress *egress, const struct egress_request *request, egress_done_fn *done,
                                   void *data);
/* A token (RFC 9110, 5.6.2), and no header that has a member above, frames the message or names its receiver. */
bool egress_field_name_is_free(h2o_iovec_t name);
/* The same to a service: without case, and "_" is "-". */
bool egress_field_name_is(h2o_iovec_t name, const char *other);
/* Ends it now: the connection is closed if anything was sent, nobody is told. */
void egress_cancel(struct egress_flight *flight);
/* True if the request, or a part of it, has gone out: it may have been acted on. In `done` too. */
bool egress_was_sent(const struct egress_flight *flight);
/* From on_head on, in `done` too. 0 and {NULL, 0}: there is none. The first field of that name. */
int egress_status(const struct egress_flight *flight);
h2o_iovec_t egress_field(const struct egress_flight *flight, const char *name);

#endif
