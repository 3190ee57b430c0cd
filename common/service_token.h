/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC JWTs (HS256) through libjwt: service tokens under a key that both sides were given, and client_secret_jwt
 * assertions. Public keys never come here (jwk.h), so the two kinds cannot be confused. */
#ifndef SALLYPORT_SERVICE_TOKEN_H
#define SALLYPORT_SERVICE_TOKEN_H

#include "json.h"
#include "secret.h"

enum { SERVICE_TOKEN_SIZE_MAX = 4096, SERVICE_TOKEN_KEY_MIN = 32 };

/* Adds iat, exp and a random jti to `claims` (iss, sub, aud and what else is wanted). NULL if the key is under 32
 * bytes. In the pool. */
char *service_token_sign(h2o_mem_pool_t *pool, struct secret key, const json_t *claims, int lifetime_s);
/* The claims (kept by the pool) if alg is HS256, the MAC holds and the text is canonical; else NULL and *why. What they
 * say is for the caller to judge. */
json_t *service_token_open(h2o_mem_pool_t *pool, struct secret key, h2o_iovec_t token, const char **why);

#endif
