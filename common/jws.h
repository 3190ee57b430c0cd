/* SPDX-License-Identifier: Apache-2.0 */
/* Compact JWS (RFC 7515) as signed JWTs (RFC 7519) under RFC 8725: the key fixes the algorithm, the caller demands
 * `typ`, the header may hold alg, typ and kid only, base64url and JSON are read strictly. */
#ifndef SALLYPORT_JWS_H
#define SALLYPORT_JWS_H

#include "jwk.h"

enum { JWS_SIZE_MAX = 16384 };

/* NUL-terminated compact text; `claims` is a complete JSON object text. {NULL, 0} only if OpenSSL fails. */
h2o_iovec_t jws_sign(h2o_mem_pool_t *pool, const struct jwk *key, const char *typ, h2o_iovec_t claims);

/* The three parts as they stand in the token. NULL, or why not: more than `size_max` bytes, an empty part, or another
 * number of parts (neither JWE nor the detached form: RFC 7515, appendix F). Nothing is believed of them yet. */
struct jws_parts { /* base64url text */
	h2o_iovec_t header, payload, signature;
	h2o_iovec_t input; /* RFC 7515, 5.1: header and payload with the dot */
};
const char *jws_split(h2o_iovec_t token, size_t size_max, struct jws_parts *ret);
/* The JSON object that a part is; NULL if it is none. */
json_t *jws_part_read(h2o_mem_pool_t *pool, h2o_iovec_t part);

/* Whether a header's typ is this one (RFC 7515, 4.1.9): compared like a media type, whose "application/" may be left
 * out. */
bool jws_typ_is(h2o_iovec_t value, const char *typ);
/* NULL if the signature over parts->input is one of this key, else why not. That the header's alg is the key's was
 * checked before. */
const char *jws_signature_problem(h2o_mem_pool_t *pool, const struct jwk *key, const struct jws_parts *parts);

/* Reads iss without believing anything, to know whom to ask: {NULL, 0} if it says none. False if the text is no signed
 * JWT at all. */
bool jws_peek_issuer(h2o_mem_pool_t *pool, h2o_iovec_t token, h2o_iovec_t *ret_issuer);
/* Reads the claims without believing anything. NULL if the text is no signed JWT. */
json_t *jws_peek_claims(h2o_mem_pool_t *pool, h2o_iovec_t token);
/* Reads kid without believing anything: to decide whether a key set must be fetched again. {NULL, 0} if the text is no
 * JWS of this typ. */
h2o_iovec_t jws_peek_kid(h2o_mem_pool_t *pool, h2o_iovec_t token, const char *typ);

/* The claims (kept by the pool), or NULL and *why (fixed English for the log) if anything is wrong with form, typ, kid
 * or signature. */
json_t *jws_verify(h2o_mem_pool_t *pool, const struct jwk_set *keys, const char *typ, h2o_iovec_t token,
                   const char **why);

/* The same of a JWT that somebody signed with a key of his own set (a client's assertion, RFC 7523): typ may be absent
 * or any of `typs` (NULL at the end), and kid too where only one key fits the algorithm. *key_unknown (may be NULL)
 * says that no key of the set was meant, so that a newer set may have it. */
json_t *jws_verify_own(h2o_mem_pool_t *pool, const struct jwk_set *keys, const char *const *typs, h2o_iovec_t token,
                       bool *key_unknown, const char **why);

/* How far the clock of another server may be ahead of ours. */
enum { CLOCK_SKEW_S = 30 };
/* RFC 7519, 4.1.3: one text that is `audience`, or an array of texts that has it. */
bool jwt_audience_has(const json_t *aud, const char *audience);
/* RFC 9068, 4 and RFC 7519, 4.1: iss equal, aud (string or array) has `audience`, exp, iat present as integers, not
 * expired, not of the future (skew_s tolerated for iat and nbf). NULL, or why not. */
const char *jwt_claims_problem(const json_t *claims, const char *issuer, const char *audience, int64_t now, int skew_s);

#endif
