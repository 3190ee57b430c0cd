/* SPDX-License-Identifier: Apache-2.0 */
/* Asking sites for client documents, through the guarded door: one question at a time for a URL, however many requests
 * wait for it, and none again for a short while after one that failed. Nothing is kept here but failures. */
#ifndef SALLYPORT_DOCUMENT_FETCH_H
#define SALLYPORT_DOCUMENT_FETCH_H

#include "authz/authz.h"
#include "common/egress.h"

enum document_answer {
	DOCUMENT_SILENT, /* no answer, or one that says nothing about the document: what is kept stays good for a while
	                  */
	DOCUMENT_GONE,   /* the site says that there is none */
	DOCUMENT_UNCHANGED, /* 304 */
	DOCUMENT_CAME       /* 200 with JSON: to be read and judged */
};
struct document_fetched { /* lives in the request's pool */
	enum document_answer answer;
	h2o_iovec_t body;
	const char *etag, *last_modified; /* NULL if absent */
	int64_t lifetime;                 /* seconds that it may be kept, within our bounds */
};

struct document_fetches;
struct document_fetches *document_fetches_open(struct egress *egress);
/* The egress must be closed before, which answers whoever waits. */
void document_fetches_close(struct document_fetches *fetches);

/* STEP_WAIT, and *ret filled in before the next step runs; or STEP_NEXT with *ret filled in at once. The validators may
 * be NULL. */
step_result document_fetch(struct request *r, const char *url, const char *etag, const char *last_modified,
                           struct document_fetched *ret);
/* A document came that cannot be used: for a short while the URL is not asked again. */
void document_fetch_hold(struct document_fetches *fetches, const char *url);

#endif
