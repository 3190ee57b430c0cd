/* SPDX-License-Identifier: Apache-2.0 */
/* POST {base}/register: RFC 7591. */
#ifndef SALLYPORT_REGISTER_H
#define SALLYPORT_REGISTER_H

#include "authz/client_metadata.h"

/* Gives a client that was read its id and, unless it is public, a secret (returned; NULL if none) with its digest. */
const char *client_credentials_make(struct request *r, struct client *c, uint8_t digest[SHA256_SIZE]);
/* 201 with what was registered, and the secret, which is shown this once. */
step_result reply_new_client(struct request *r, const struct client *c, const char *secret,
                             enum metadata_source source);
/* What was registered, with the URI and the token of its management (RFC 7592, 3), and the secret unless it is NULL. */
step_result reply_registration(struct request *r, int status, const struct client *c, const char *secret);

struct register_state {
	struct registration registration;
	struct handle initial_access;
	uint8_t secret_digest[SHA256_SIZE];
	uint8_t metadata_digest[SHA256_SIZE];
	const char *secret; /* NULL: a public client */
};
extern step_fn *const register_steps[];

#endif
