/* SPDX-License-Identifier: Apache-2.0 */
/* Client metadata (RFC 7591, 2): the one validator for registration and its management, for documents, the admin REST
 * and the operator's verb, and the one way to show a client as JSON. */
#ifndef SALLYPORT_CLIENT_METADATA_H
#define SALLYPORT_CLIENT_METADATA_H

#include "authz/store.h"

enum metadata_source {
	METADATA_REGISTERED, /* by the client itself: RFC 7591's members only */
	METADATA_DOCUMENT,   /* the same from the document at the client's URL (client_document.h) */
	METADATA_ADMIN, /* also `resource`, `enabled`, `consent`, `default_resource` and the grant client_credentials; a
	                 * resource server needs no redirect URI */
};

enum { REDIRECT_URIS_MAX = 10, CLIENT_NAME_MAX = 64 /* code points */ };

struct metadata_problem {
	const struct oauth_error *error; /* INVALID_REDIRECT_URI or INVALID_CLIENT_METADATA (RFC 7591, 3.2.2) */
	const char *text;
};

/* Fills in what metadata says (not client_id, origin and times), defaults included. Unknown members and null ones count
 * as absent. Texts are in the pool. False and *problem if anything that was given cannot be registered. */
bool client_metadata_read(h2o_mem_pool_t *pool, const json_t *document, enum metadata_source source, struct client *ret,
                          struct metadata_problem *problem);
/* What is registered, as RFC 7591, 3.2.1 has it, without a secret. METADATA_ADMIN adds resource, origin, enabled and
 * times. A new reference. */
json_t *client_metadata_json(const struct client *c, enum metadata_source source);
json_t *client_redirect_uris_json(const struct client *c);

#endif
