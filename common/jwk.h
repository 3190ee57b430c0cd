/* SPDX-License-Identifier: Apache-2.0 */
/* Asymmetric keys: RFC 7517 and OpenSSL. A key is bound to one algorithm for good (RFC 8725, 3.1); symmetric keys do
 * not exist here. */
#ifndef SALLYPORT_JWK_H
#define SALLYPORT_JWK_H

#include <openssl/evp.h>

#include "json.h"

enum jws_algorithm { JWS_ES256, JWS_RS256, JWS_PS256, JWS_EDDSA, JWS_ALGORITHMS };
const char *jws_algorithm_name(enum jws_algorithm a); /* "ES256" */
/* Exact; "Ed25519" (RFC 9864) is EdDSA, which has no other curve here. */
bool jws_algorithm_of(h2o_iovec_t name, enum jws_algorithm *ret);

struct jwk {
	const char *kid;
	enum jws_algorithm algorithm;
	EVP_PKEY *key; /* freed when the pool goes */
	bool is_private;
	EVP_MD_CTX *sign,
	    *verify; /* prepared for jws.c, which only copies them: any thread may; sign is NULL in a public key */
};
struct jwk_set {
	struct jwk *keys;
	size_t count;
};

/* *ret (without kid) of a key of OpenSSL, which is taken over also on failure. False if the key cannot carry out the
 * algorithm. */
bool jwk_fill(h2o_mem_pool_t *pool, struct jwk *ret, enum jws_algorithm algorithm, EVP_PKEY *key, bool is_private);
/* A fresh key; kid = RFC 7638 thumbprint (base64url of SHA-256). RSA (3072 bits) is slow: in a worker. NULL if OpenSSL
 * fails. */
struct jwk *jwk_generate(h2o_mem_pool_t *pool, enum jws_algorithm algorithm);
/* Public members only, with kid, alg, use "sig". A new reference. */
json_t *jwk_public_json(const struct jwk *key);
/* PKCS#8 DER of a private key, wiped with the pool; and back (kid is computed again). */
h2o_iovec_t jwk_private_der(h2o_mem_pool_t *pool, const struct jwk *key);
struct jwk *jwk_of_private_der(h2o_mem_pool_t *pool, enum jws_algorithm algorithm, const void *der, size_t len);
/* RFC 7638. */
char *jwk_thumbprint(h2o_mem_pool_t *pool, const struct jwk *key);

enum { JWK_SET_MAX = 64, JWK_RSA_BITS_MIN = 2048, JWK_RSA_BITS_MAX = 8192, JWK_RSA_BITS_MAX_OWN = 4096 };
/* A JWKS document: keys that are not for signatures, of unknown kty or crv, without kid, or whose alg does not fit kty
 * are passed over (RFC 7517, 5); `oct`, private members, RSA under 2,048 bits, a point off its curve and a repeated kid
 * refuse the whole set: NULL and *error. An RSA key without alg is RS256. */
struct jwk_set *jwk_set_read(h2o_mem_pool_t *pool, const json_t *document, const char **error);
/* The same of a set whose keys prove nobody but its owner (a client's): a key without kid is taken too (its kid is ""),
 * an RSA key without alg is for `rsa` (JWS_RS256 or JWS_PS256), and one of more than 4,096 bits is refused. */
struct jwk_set *jwk_set_read_own(h2o_mem_pool_t *pool, const json_t *document, enum jws_algorithm rsa,
                                 const char **error);
/* One key that somebody sent along with his signature of this algorithm (RFC 9449, 4.3): under the rules of
 * jwk_set_read_own. False and *why if it is none, or holds a secret. */
bool jwk_read_own(h2o_mem_pool_t *pool, const json_t *object, enum jws_algorithm algorithm, struct jwk *ret,
                  const char **why);
/* NULL for an empty kid. */
const struct jwk *jwk_set_find(const struct jwk_set *set, h2o_iovec_t kid);

#endif
