/* SPDX-License-Identifier: Apache-2.0 */
/* DPoP proofs (RFC 9449, 4): a JWT by which a client shows, with each request, that it has the key that its tokens are
 * bound to. What is stated here of a proof is true of the text alone: whether it came before is for the caller to
 * remember, and whether its nonce is one of ours, dpop_nonce.h knows. */
#ifndef SALLYPORT_DPOP_H
#define SALLYPORT_DPOP_H

#include "json.h"
#include "secret.h"

/* How old a proof may be, by its iat; where a nonce proves that it is new, clocks may differ more. */
enum { DPOP_SIZE_MAX = 8192, DPOP_AGE_MAX_S = 60, DPOP_SKEW_MAX_S = 300, DPOP_THUMBPRINT_SIZE = 43 };
/* JWS algorithms that a proof may have, for metadata documents; NULL at the end, and as one text. */
extern const char *const DPOP_ALGORITHMS[];
extern const char DPOP_ALGORITHMS_TEXT[];

struct dpop_request {
	const char *method; /* of the request */
	const char *url;    /* of the request: query and fragment do not matter */
	h2o_iovec_t token;  /* the access token that came with it (ath); base NULL at the token endpoint */
	int64_t now;        /* seconds */
};

struct dpop_proof {
	uint8_t thumbprint[SHA256_SIZE]; /* RFC 7638, of the key: what cnf.jkt and dpop_jkt name */
	const char *thumbprint_text;     /* the same in base64url */
	uint8_t digest[SHA256_SIZE];     /* of key and jti: what must not come twice */
	h2o_iovec_t nonce;               /* base NULL if absent */
	int64_t age_s;                   /* by its iat; negative: it is ahead of our clock */
};

/* NULL and *ret, or why not (fixed English for the log): form, signature by the key inside, htm, htu, ath, and that iat
 * is within DPOP_SKEW_MAX_S. In the pool. */
const char *dpop_verify(h2o_mem_pool_t *pool, h2o_iovec_t text, const struct dpop_request *request,
                        struct dpop_proof *ret);
/* Of a proof without a nonce: iat alone says when it was made. */
bool dpop_is_fresh(const struct dpop_proof *proof);

/* True if htu names the URL: scheme and host in any case, the default port or none, an empty path or "/"; query and
 * fragment do not matter (RFC 9449, 4.3; RFC 3986, 6.2.2 and 6.2.3). */
bool dpop_url_matches(h2o_iovec_t htu, const char *url);
/* base64url of 32 bytes, as dpop_jkt and cnf.jkt have it. */
bool dpop_thumbprint_read(h2o_iovec_t text, uint8_t ret[SHA256_SIZE]);

#endif
