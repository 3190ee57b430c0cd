/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi_socket interface on the h2o loop: curl says which descriptors and which time to watch, and is called
 * for what happened. Private to egress.c and egress_loop.c. */
#ifndef SALLYPORT_EGRESS_LOOP_H
#define SALLYPORT_EGRESS_LOOP_H

#include <curl/curl.h>

#include "text.h"

struct egress_loop {
	h2o_loop_t *loop;
	CURLM *multi;
	void (*on_finished)(CURL *easy, CURLcode code); /* from the loop, never from inside of a call to curl */
	/* Behind each call to curl, before on_finished: what came in there. NULL: nobody wants to know. */
	void (*on_news)(struct egress_loop *e);
	h2o_timeout_t soon, tick, far;
	h2o_timeout_entry_t timer; /* linked to one of them while curl wants to be called at due_ms */
	int64_t due_ms;            /* clock_monotonic_ms; -1: curl wants nothing */
	h2o_linklist_t watches;
};

/* Sets nothing of curl up: `multi` is NULL until egress_loop_begin, which does so once. */
void egress_loop_init(struct egress_loop *e, h2o_loop_t *loop, void (*on_finished)(CURL *easy, CURLcode code));
void egress_loop_begin(struct egress_loop *e);
/* All easy handles must be out of it. */
void egress_loop_dispose(struct egress_loop *e);

#endif
