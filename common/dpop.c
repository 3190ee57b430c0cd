/* SPDX-License-Identifier: Apache-2.0 */
#include "dpop.h"

#include <math.h>
#include <string.h>

#include "encoding.h"
#include "jws.h"
#include "uri.h"

enum { JTI_MAX = 256, NONCE_MAX = 256 };

const char *const DPOP_ALGORITHMS[] = {"ES256", "EdDSA", "Ed25519", "PS256", "RS256", NULL};
const char DPOP_ALGORITHMS_TEXT[] = "ES256 EdDSA Ed25519 PS256 RS256";

/* ---- the key, and the signature by it ---- */

/* NULL, or why not. RFC 9449, 4.3, 4 to 7: an asymmetric algorithm, and of the key the public half only. */
static const char *key_read(h2o_mem_pool_t *pool, h2o_iovec_t part, struct jwk *ret)
{
	const json_t *header = jws_part_read(pool, part);
	enum jws_algorithm algorithm;
	const char *member, *why;
	json_t *value;

	if (header == NULL)
		return "the proof's header is no base64url of a JSON object";
	/* what else a header may hold changes what it says, or where its key comes from (RFC 7515, 4.1) */
	json_object_foreach ((json_t *)header, member, value) {
		if (strcmp(member, "alg") != 0 && strcmp(member, "typ") != 0 && strcmp(member, "jwk") != 0 &&
		    strcmp(member, "kid") != 0)
			return "the proof's header has a member that is not allowed";
	}
	if (!jws_typ_is(json_get_text(header, "typ"), "dpop+jwt"))
		return "the proof's typ is another one";
	if (!jws_algorithm_of(json_get_text(header, "alg"), &algorithm))
		return "the proof's alg is not one that is taken";
	if (!jwk_read_own(pool, json_object_get(header, "jwk"), algorithm, ret, &why))
		return "the proof's jwk is no public key of its alg";
	return NULL;
}

/* ---- URLs ---- */

static h2o_iovec_t port_of(const struct uri *u)
{
	if (u->port.len > 0)
		return u->port;
	return text_of(text_is_nocase(u->scheme, "https") ? "443" : "80");
}

/* Our own URLs have their host in lower case. */
static bool host_is(h2o_iovec_t host, h2o_iovec_t lower)
{
	return h2o_lcstris(host.base, host.len, lower.base, lower.len);
}

static h2o_iovec_t path_of(const struct uri *u)
{
	return u->path.len > 0 ? u->path : text_of("/");
}

bool dpop_url_matches(h2o_iovec_t htu, const char *url)
{
	struct uri a, b;

	if (!uri_parse(htu, &a) || !uri_parse(text_of(url), &b) || !a.has_authority)
		return false;
	return text_is_nocase(a.scheme, text_is_nocase(b.scheme, "https") ? "https" : "http") &&
	       text_equal(port_of(&a), port_of(&b)) && host_is(a.host, b.host) && text_equal(path_of(&a), path_of(&b));
}

/* ---- the claims ---- */

/* RFC 7519, 2: NumericDate may have a fraction. */
static bool time_claim(const json_t *claims, const char *name, int64_t *ret)
{
	const json_t *value = json_object_get(claims, name);
	double number = json_number_value(value);

	if (!json_is_number(value) || !(fabs(number) < 1e12))
		return false;
	*ret = (int64_t)floor(number);
	return true;
}

static const char *times_problem(const json_t *claims, int64_t now, int64_t *ret_age_s)
{
	int64_t issued_at, limit;

	if (!time_claim(claims, "iat", &issued_at))
		return "the proof's iat is missing or no time";
	*ret_age_s = now - issued_at;
	if (*ret_age_s > DPOP_SKEW_MAX_S || *ret_age_s < -DPOP_SKEW_MAX_S)
		return "the proof is not of this moment";
	if (json_object_get(claims, "exp") != NULL &&
	    (!time_claim(claims, "exp", &limit) || limit + CLOCK_SKEW_S <= now))
		return "the proof has expired";
	if (json_object_get(claims, "nbf") != NULL &&
	    (!time_claim(claims, "nbf", &limit) || limit - CLOCK_SKEW_S > now))
		return "the proof is not valid yet";
	return NULL;
}

/* RFC 9449, 4.2: base64url of the SHA-256 of the token's ASCII. */
static bool token_is(h2o_mem_pool_t *pool, h2o_iovec_t ath, h2o_iovec_t token)
{
	return ath.len == DPOP_THUMBPRINT_SIZE && text_is(ath, sha256_base64url(pool, token));
}

/* NULL, or why not. */
static const char *claims_problem(h2o_mem_pool_t *pool, const json_t *claims, const struct dpop_request *request,
                                  int64_t *ret_age_s)
{
	h2o_iovec_t jti = json_get_text(claims, "jti"), nonce = json_get_text(claims, "nonce");

	if (claims == NULL)
		return "the proof's claims are no base64url of a JSON object";
	if (jti.len == 0 || jti.len > JTI_MAX)
		return "the proof's jti is missing or too long";
	if (!text_is(json_get_text(claims, "htm"), request->method))
		return "the proof is for another method";
	if (!dpop_url_matches(json_get_text(claims, "htu"), request->url))
		return "the proof is for another URL";
	if (request->token.base != NULL && !token_is(pool, json_get_text(claims, "ath"), request->token))
		return "the proof is for another access token";
	if (json_object_get(claims, "nonce") != NULL && (nonce.len == 0 || nonce.len > NONCE_MAX))
		return "the proof's nonce is no text or too long";
	return times_problem(claims, request->now, ret_age_s);
}

static void digest_make(h2o_mem_pool_t *pool, const json_t *claims, struct dpop_proof *proof)
{
	struct text_buffer b = {.pool = pool};

	text_append(&b, proof->thumbprint, sizeof(proof->thumbprint));
	text_append_iovec(&b, json_get_text(claims, "jti"));
	sha256(h2o_iovec_init(b.base, b.len), proof->digest);
}

const char *dpop_verify(h2o_mem_pool_t *pool, h2o_iovec_t text, const struct dpop_request *request,
                        struct dpop_proof *ret)
{
	struct jws_parts parts;
	struct jwk key;
	const char *why = jws_split(text, DPOP_SIZE_MAX, &parts);

	*ret = (struct dpop_proof){.nonce = {NULL, 0}};
	if (why == NULL)
		why = key_read(pool, parts.header, &key);
	if (why != NULL)
		return why;
	/* what is cheap to see is looked at before the signature is computed; nothing of it is believed before */
	const json_t *claims = jws_part_read(pool, parts.payload);
	why = claims_problem(pool, claims, request, &ret->age_s);
	if (why == NULL)
		why = jws_signature_problem(pool, &key, &parts);
	if (why != NULL)
		return why;
	ret->thumbprint_text = jwk_thumbprint(pool, &key);
	if (ret->thumbprint_text == NULL || !dpop_thumbprint_read(text_of(ret->thumbprint_text), ret->thumbprint))
		return "the proof's key has no thumbprint";
	ret->nonce = json_get_text(claims, "nonce");
	digest_make(pool, claims, ret);
	return NULL;
}

bool dpop_is_fresh(const struct dpop_proof *proof)
{
	return proof->age_s <= DPOP_AGE_MAX_S && proof->age_s >= -CLOCK_SKEW_S;
}

bool dpop_thumbprint_read(h2o_iovec_t text, uint8_t ret[SHA256_SIZE])
{
	return base64url_decode_exact(text, ret, SHA256_SIZE);
}
