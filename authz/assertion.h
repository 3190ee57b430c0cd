/* SPDX-License-Identifier: Apache-2.0 */
/* Client assertions: JWTs by which a client says who it is (RFC 7521, 4.2; RFC 7523, 2.2 and 3; OpenID Connect Core,
 * 9). */
#ifndef SALLYPORT_ASSERTION_H
#define SALLYPORT_ASSERTION_H

#include "common/json.h"
#include "common/secret.h"

enum { ASSERTION_SIZE_MAX = 8192, ASSERTION_LIFETIME_MAX = 300 };
extern const char ASSERTION_TYPE[];            /* client_assertion_type */
extern const char *const ASSERTION_JWT_TYPS[]; /* what `typ` may be, NULL at the end; it may also be absent */

struct assertion_peek {
	const char *client_id; /* of sub */
	const char *algorithm; /* "HS256", "ES256", ... as registered */
	bool is_mac;           /* HS256 */
};
/* What the text says of itself; nothing is believed yet. NULL, or why it is no assertion that could be verified here
 * (alg none and unknown ones included). In the pool. */
const char *assertion_peek(h2o_mem_pool_t *pool, h2o_iovec_t text, struct assertion_peek *ret);

struct assertion {
	uint8_t jti_digest[SHA256_SIZE];
	int64_t expires_at;
};
/* Of claims whose signature holds. NULL, or why not: iss and sub are the client, aud is this server and nobody else, it
 * lives no longer than ASSERTION_LIFETIME_MAX, was issued in the past, and has a jti. */
const char *assertion_problem(const json_t *claims, const char *client_id, const char *issuer, int64_t now,
                              struct assertion *ret);

#endif
