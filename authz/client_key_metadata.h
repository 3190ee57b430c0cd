/* SPDX-License-Identifier: Apache-2.0 */
/* The members of client metadata that say by which keys or certificate a client proves itself: jwks, jwks_uri,
 * token_endpoint_auth_signing_alg (RFC 7591, 2; OpenID Connect Registration, 2), tls_client_auth_* and
 * tls_client_certificate_bound_access_tokens (RFC 8705, 2.1.2 and 3.4). Part of client_metadata.h's validator. */
#ifndef SALLYPORT_CLIENT_KEY_METADATA_H
#define SALLYPORT_CLIENT_KEY_METADATA_H

#include "authz/store.h"

/* What the listener makes possible; nothing until it is said. `authorities`: there are some that are trusted to name
 * clients. */
void client_key_metadata_offer_tls(bool certificates, bool authorities);

/* After auth_method was read; fills in the members that the method has use for. NULL, or what cannot be registered (a
 * sentence in the pool or static). A jwks_uri is not fetched. */
const char *client_key_metadata_read(h2o_mem_pool_t *pool, const json_t *document, struct client *c);
void client_key_metadata_show(json_t *object, const struct client *c);

#endif
