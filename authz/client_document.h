/* SPDX-License-Identifier: Apache-2.0 */
/* Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document-00): a client_id that is the https URL of
 * the JSON document that describes the client. Here: which URLs may be one, and what a document may say. */
#ifndef SALLYPORT_CLIENT_DOCUMENT_H
#define SALLYPORT_CLIENT_DOCUMENT_H

#include "authz/store.h"

enum { DOCUMENT_URL_MAX = CLIENT_ID_MAX, DOCUMENT_SIZE_MAX = 5120 /* draft, 6.6 */ };

/* True if the id claims to be a URL; ids that were made here never do. */
bool client_document_is_url(const char *client_id);
/* NULL, or a fixed sentence about the URL (draft, 3). */
const char *client_document_url_problem(h2o_iovec_t url);
/* NULL, or why the operator does not want clients of this URL: a fixed sentence. For ids that are no URL NULL. Asked
 * wherever such a client is used, not only where it comes in. */
const char *client_document_refused(const struct client_document_settings *settings, const char *client_id);

/* What the document at `url` says, checked as a registration is (client_metadata_read); origin and client_id are set,
 * texts are in the pool. False and *problem, fixed English. */
bool client_document_read(h2o_mem_pool_t *pool, h2o_iovec_t body, const char *url, struct client *ret,
                          const char **problem);

#endif
