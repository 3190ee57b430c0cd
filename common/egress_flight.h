/* SPDX-License-Identifier: Apache-2.0 */
/* A request under way. Private to egress*.c. */
#ifndef SALLYPORT_EGRESS_FLIGHT_H
#define SALLYPORT_EGRESS_FLIGHT_H

#include "egress.h"
#include "egress_guard.h"
#include "egress_line.h"
#include "egress_loop.h"

struct egress {
	struct egress_loop on;
	struct egress_guard guard;
	struct egress_line line;
	char *ca_file;
	h2o_timeout_entry_t refused_timer;
	h2o_linklist_t flights; /* with curl */
	h2o_linklist_t refused; /* never sent; answered in the next turn of the loop */
	h2o_linklist_t news;    /* of whom something came that the reader has not seen */
};

struct egress_flight {
	h2o_linklist_t link, news;
	struct egress *egress;
	CURL *easy;
	struct curl_slist *headers;
	egress_done_fn *done;
	void *data;
	const struct egress_stream *stream;
	const char *problem; /* known better than by curl's code */
	enum egress_failure failure;
	bool loopback_only, public_only;
	bool guarded;                     /* between egress_guard_enter and egress_guard_leave */
	const struct egress_place *place; /* of a confined request */
	bool once, decodes;
	bool was_sent; /* a connection was there, and the request went out */
	bool has_head, head_is_new;
	bool is_read;   /* the reader is being called: */
	bool cancelled; /* in there */
	struct egress_errand errand;
	struct egress_turn turn;
	struct http_cache cache;
	char *sent; /* the request's body, sent_len bytes */
	size_t sent_len;
	char *body; /* the answer's, NUL-terminated; of a stream: what the reader has not seen */
	size_t body_len, body_capacity, body_limit, head_len;
};

/* ---- egress_places.c ---- */

/* The place where a confined request may go to; NULL: nowhere. */
const struct egress_place *egress_places_find(const struct egress_places *places, const struct uri *url);
bool egress_place_allows(const struct egress_place *place, const struct address *address);

/* The host of a URL is an address and not a name; IPv6 with its brackets. */
bool egress_host_is_address(h2o_iovec_t host, struct address *ret);

/* ---- egress_request.c: what goes out ---- */

/* Fixed text if the request may not go out. Its headers are read. */
const char *egress_request_problem(struct egress_flight *t, const struct egress_request *request);
/* t->easy is new. */
void egress_request_set(struct egress_flight *t, const struct egress_request *request);
/* Judged when a connection is about to be made, and again when the request is about to be sent on one. NULL if it may.
 */
const char *egress_address_problem(const struct egress_flight *t, const struct sockaddr *address);
const char *egress_peer_problem(const struct egress_flight *t, const char *address /* as curl tells it */);

#endif
