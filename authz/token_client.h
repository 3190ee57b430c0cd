/* SPDX-License-Identifier: Apache-2.0 */
/* How a client says who it is at /token, /introspect, /revoke and /revocations: the guard of CLIENT rows. It reads;
 * secrets are compared by the verdict functions, assertions and certificates verified before (client_proof.h). */
#ifndef SALLYPORT_TOKEN_CLIENT_H
#define SALLYPORT_TOKEN_CLIENT_H

#include "authz/store.h"

extern step_fn *const client_guard[];
/* What the guard read; NULL before it ran. */
const struct client_proof *client_of(const struct request *r);
/* Ends the request: the proof did not hold (RFC 6749, 5.2). */
step_result fail_client(struct request *r);
/* The same; why, fixed English, stands in the log only. */
step_result fail_client_because(struct request *r, const char *why);
/* The AS_JSON form of an error: with a challenge where a client tried Basic and failed (RFC 6749, 5.2). */
step_result show_error_client(struct request *r, const struct oauth_error *error, const char *text);

/* "Basic ..." credentials, both readings of the secret. False if they are malformed or the secret is empty. */
bool basic_credentials_read(h2o_mem_pool_t *pool, h2o_iovec_t authorization, struct client_proof *ret);

#endif
