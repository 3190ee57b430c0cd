/* SPDX-License-Identifier: Apache-2.0 */
/* /authorize of a client whose id is the URL of its document: what comes before the checks that all requests meet. */
#ifndef SALLYPORT_AUTHORIZE_DOCUMENT_H
#define SALLYPORT_AUTHORIZE_DOCUMENT_H

#include "authz/document_fetch.h"
#include "authz/store.h"

struct authorize_document { /* lives in the request's pool */
	const char *url, *resource;
	struct document_kept kept;
	struct document_fetched fetched;
	bool was_fetched;
	const char *advice; /* for the person, when a step here fails */
};

/* Asks for the client, as store_authorize_lookup, and for what is kept of its document. */
step_result authorize_document_begin(struct request *r, const char *url, const char *resource,
                                     struct authorize_document **ret);
/* The two steps that follow: the first fetches the document if there is none or it is old, the second judges what came.
 * After them r->rows holds the answer of store_authorize_lookup. */
step_result authorize_document_fetch(struct request *r, struct authorize_document *d);
step_result authorize_document_judge(struct request *r, struct authorize_document *d);
/* Between the two and the checks: nothing, or the failure of a document that was withdrawn. */
step_result authorize_document_end(struct request *r, struct authorize_document *d);

#endif
