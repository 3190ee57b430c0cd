/* SPDX-License-Identifier: Apache-2.0 */
#include "jws.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <string.h>

#include "encoding.h"

enum {
	P256_SIZE = 32,
	ES256_SIZE = 2 * P256_SIZE,
	SIGNATURE_MAX = JWK_RSA_BITS_MAX / 8, /* also more than any DER form of ES256 */
	DER_MAX = 8 + ES256_SIZE              /* SEQUENCE of two INTEGERs, each with a sign octet */
};

/* ---- Signatures ---- */

/* RFC 7518, 3.4: r and s, each of the full size, instead of DER */
static bool ecdsa_to_fixed(uint8_t *signature, size_t *len)
{
	const uint8_t *p = signature;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)*len);
	bool fine = pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, P256_SIZE) == P256_SIZE &&
	            BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + P256_SIZE, P256_SIZE) == P256_SIZE;
	ECDSA_SIG_free(pair);
	*len = ES256_SIZE;
	return fine;
}

/* One INTEGER: the shortest form, with a zero octet where the first bit would say "negative". */
static size_t der_append_integer(uint8_t *der, const uint8_t number[P256_SIZE])
{
	size_t skip = 0, pad;

	while (skip < P256_SIZE - 1 && number[skip] == 0)
		skip++;
	pad = number[skip] >> 7;
	der[0] = 0x02;
	der[1] = (uint8_t)(pad + P256_SIZE - skip);
	der[2] = 0;
	memcpy(der + 2 + pad, number + skip, P256_SIZE - skip);
	return 2 + pad + P256_SIZE - skip;
}

static size_t ecdsa_to_der(const uint8_t fixed[ES256_SIZE], uint8_t der[DER_MAX])
{
	size_t len = 2;

	len += der_append_integer(der + len, fixed);
	len += der_append_integer(der + len, fixed + P256_SIZE);
	der[0] = 0x30;
	der[1] = (uint8_t)(len - 2);
	return len;
}

/* *len is the size of the buffer before, of the signature after. */
static bool signature_make(const struct jwk *key, h2o_iovec_t input, uint8_t *signature, size_t *len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool fine = EVP_MD_CTX_copy_ex(ctx, key->sign) == 1 &&
	            EVP_DigestSign(ctx, signature, len, (const uint8_t *)input.base, input.len) == 1;
	EVP_MD_CTX_free(ctx);
	if (fine && key->algorithm == JWS_ES256)
		fine = ecdsa_to_fixed(signature, len);
	if (!fine)
		ERR_clear_error();
	return fine;
}

static bool signature_holds(const struct jwk *key, h2o_iovec_t input, h2o_iovec_t signature)
{
	uint8_t der[DER_MAX];

	if (key->algorithm == JWS_ES256) {
		if (signature.len != ES256_SIZE)
			return false;
		signature.len = ecdsa_to_der((const uint8_t *)signature.base, der);
		signature.base = (char *)der;
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	/* 0 and negative values both mean no */
	bool fine = EVP_MD_CTX_copy_ex(ctx, key->verify) == 1 &&
	            EVP_DigestVerify(ctx, (const uint8_t *)signature.base, signature.len, (const uint8_t *)input.base,
	                             input.len) == 1;
	EVP_MD_CTX_free(ctx);
	/* what stays in OpenSSL's queue would be taken for an error of the next TLS record */
	if (!fine)
		ERR_clear_error();
	return fine;
}

h2o_iovec_t jws_sign(h2o_mem_pool_t *pool, const struct jwk *key, const char *typ, h2o_iovec_t claims)
{
	const h2o_iovec_t none = {NULL, 0};
	struct text_buffer header = {.pool = pool}, token = {.pool = pool};
	uint8_t signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);

	if (key->sign == NULL)
		return none;
	text_append_str(&header, "{\"alg\":\"");
	text_append_str(&header, jws_algorithm_name(key->algorithm));
	text_append_str(&header, "\",\"typ\":");
	text_append_json(&header, text_of(typ));
	text_append_str(&header, ",\"kid\":");
	text_append_json(&header, text_of(key->kid));
	text_append_str(&header, "}");

	text_append_iovec(&token, base64url_encode(pool, header.base, header.len));
	text_append(&token, ".", 1);
	text_append_iovec(&token, base64url_encode(pool, claims.base, claims.len));
	if (!signature_make(key, h2o_iovec_init(token.base, token.len), signature, &len))
		return none;
	text_append(&token, ".", 1);
	text_append_iovec(&token, base64url_encode(pool, signature, len));
	return h2o_iovec_init(token.base, token.len);
}

/* ---- Reading ---- */

struct header {
	h2o_iovec_t typ, kid; /* len 0 also where they are no text */
	bool has_typ, has_kid;
	enum jws_algorithm algorithm;
};

const char *jws_split(h2o_iovec_t token, size_t size_max, struct jws_parts *ret)
{
	if (token.len == 0 || token.len > size_max)
		return "the token is empty or too long";
	char *end = token.base + token.len;
	char *first = memchr(token.base, '.', token.len);
	char *second = first != NULL ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
	if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
		return "the token has not three parts";
	ret->header = h2o_iovec_init(token.base, (size_t)(first - token.base));
	ret->payload = h2o_iovec_init(first + 1, (size_t)(second - first - 1));
	ret->signature = h2o_iovec_init(second + 1, (size_t)(end - second - 1));
	ret->input = h2o_iovec_init(token.base, (size_t)(second - token.base));
	if (ret->header.len == 0 || ret->payload.len == 0 || ret->signature.len == 0)
		return "a part of the token is empty";
	return NULL;
}

json_t *jws_part_read(h2o_mem_pool_t *pool, h2o_iovec_t part)
{
	h2o_iovec_t text = base64url_decode(pool, part);
	if (text.base == NULL)
		return NULL;
	json_t *object = json_read(pool, text, NULL);
	return json_is_object(object) ? object : NULL;
}

bool jws_typ_is(h2o_iovec_t value, const char *typ)
{
	static const char prefix[] = "application/";
	size_t len = sizeof(prefix) - 1;

	if (value.len > len && text_is_nocase(h2o_iovec_init(value.base, len), prefix))
		value = h2o_iovec_init(value.base + len, value.len - len);
	return text_is_nocase(value, typ);
}

/* NULL, or why not. */
static const char *header_members_read(h2o_mem_pool_t *pool, h2o_iovec_t part, struct header *ret)
{
	json_t *object = jws_part_read(pool, part);
	const char *member;
	json_t *value;

	if (object == NULL)
		return "the header is no base64url of a JSON object";
	/* crit and what it names (b64), keys and their places (jwk, jku, x5c, x5u) and zip: nothing of it is
	 * understood, so nothing of it may be passed over (RFC 7515, 4.1.11; RFC 8725, 3.10) */
	json_object_foreach (object, member, value) {
		if (strcmp(member, "alg") != 0 && strcmp(member, "typ") != 0 && strcmp(member, "kid") != 0)
			return "the header has a member that is not allowed";
	}
	ret->typ = json_get_text(object, "typ");
	ret->kid = json_get_text(object, "kid");
	ret->has_typ = json_object_get(object, "typ") != NULL;
	ret->has_kid = json_object_get(object, "kid") != NULL;
	if (!jws_algorithm_of(json_get_text(object, "alg"), &ret->algorithm))
		return "alg is unknown";
	return NULL;
}

/* NULL, or why not. */
static const char *header_read(h2o_mem_pool_t *pool, h2o_iovec_t part, const char *typ, struct header *ret)
{
	const char *why = header_members_read(pool, part, ret);

	if (why != NULL)
		return why;
	if (!jws_typ_is(ret->typ, typ))
		return "typ is another one";
	return ret->kid.len == 0 ? "kid is missing" : NULL;
}

h2o_iovec_t jws_peek_kid(h2o_mem_pool_t *pool, h2o_iovec_t token, const char *typ)
{
	struct jws_parts parts;
	struct header header;

	if (jws_split(token, JWS_SIZE_MAX, &parts) != NULL || header_read(pool, parts.header, typ, &header) != NULL)
		return h2o_iovec_init(NULL, 0);
	return header.kid;
}

const char *jws_signature_problem(h2o_mem_pool_t *pool, const struct jwk *key, const struct jws_parts *parts)
{
	h2o_iovec_t signature = base64url_decode(pool, parts->signature);

	if (signature.len == 0)
		return "the signature is no base64url";
	return signature_holds(key, parts->input, signature) ? NULL : "the signature is wrong";
}

/* NULL, or why not. */
static const char *signature_problem(h2o_mem_pool_t *pool, const struct jwk *key, const struct header *header,
                                     const struct jws_parts *parts)
{
	/* RFC 8725, 3.1: the key says which algorithm, the header may only agree */
	if (header->algorithm != key->algorithm)
		return "alg is not that of the key";
	return jws_signature_problem(pool, key, parts);
}

bool jws_peek_issuer(h2o_mem_pool_t *pool, h2o_iovec_t token, h2o_iovec_t *ret_issuer)
{
	struct jws_parts parts;

	if (jws_split(token, JWS_SIZE_MAX, &parts) != NULL || jws_part_read(pool, parts.header) == NULL)
		return false;
	*ret_issuer = json_get_text(jws_part_read(pool, parts.payload), "iss");
	return true;
}

json_t *jws_peek_claims(h2o_mem_pool_t *pool, h2o_iovec_t token)
{
	struct jws_parts parts;

	if (jws_split(token, JWS_SIZE_MAX, &parts) != NULL || jws_part_read(pool, parts.header) == NULL)
		return NULL;
	return jws_part_read(pool, parts.payload);
}

/* NULL, or why not. */
static const char *token_problem(h2o_mem_pool_t *pool, const struct jwk_set *keys, const char *typ, h2o_iovec_t token,
                                 struct jws_parts *parts)
{
	struct header header;
	const char *why = jws_split(token, JWS_SIZE_MAX, parts);

	if (why == NULL)
		why = header_read(pool, parts->header, typ, &header);
	if (why != NULL)
		return why;
	const struct jwk *key = jwk_set_find(keys, header.kid);
	return key != NULL ? signature_problem(pool, key, &header, parts) : "kid is unknown";
}

static json_t *claims_read(h2o_mem_pool_t *pool, const struct jws_parts *parts, const char **why)
{
	json_t *claims = jws_part_read(pool, parts->payload);

	if (claims == NULL)
		*why = "the claims are no base64url of a JSON object";
	return claims;
}

json_t *jws_verify(h2o_mem_pool_t *pool, const struct jwk_set *keys, const char *typ, h2o_iovec_t token,
                   const char **why)
{
	struct jws_parts parts;

	*why = token_problem(pool, keys, typ, token, &parts);
	return *why == NULL ? claims_read(pool, &parts, why) : NULL;
}

/* ---- Reading what is signed with a key of the signer's own set ---- */

static bool typ_is_any(const struct header *header, const char *const *typs)
{
	if (!header->has_typ)
		return true;
	for (; *typs != NULL; typs++)
		if (jws_typ_is(header->typ, *typs))
			return true;
	return false;
}

/* The key that kid names. A key without kid is meant where it is the only one for the algorithm; without kid in the
 * header, any key is. */
static const struct jwk *key_meant(const struct jwk_set *keys, const struct header *header)
{
	const struct jwk *named = jwk_set_find(keys, header->kid), *only = NULL;

	for (size_t i = 0; named == NULL && i < keys->count; i++) {
		const struct jwk *key = &keys->keys[i];
		if (key->algorithm != header->algorithm || (header->has_kid && *key->kid != '\0'))
			continue;
		if (only != NULL)
			return NULL;
		only = key;
	}
	return named != NULL ? named : only;
}

/* NULL, or why not. */
static const char *own_token_problem(h2o_mem_pool_t *pool, const struct jwk_set *keys, const char *const *typs,
                                     h2o_iovec_t token, struct jws_parts *parts, bool *key_unknown)
{
	struct header header;
	const char *why = jws_split(token, JWS_SIZE_MAX, parts);

	if (why == NULL)
		why = header_members_read(pool, parts->header, &header);
	if (why != NULL)
		return why;
	if (!typ_is_any(&header, typs))
		return "typ is another one";
	if (header.has_kid && header.kid.len == 0)
		return "kid is no text";
	const struct jwk *key = key_meant(keys, &header);
	*key_unknown = key == NULL;
	return key != NULL ? signature_problem(pool, key, &header, parts) : "no key of the set is meant";
}

json_t *jws_verify_own(h2o_mem_pool_t *pool, const struct jwk_set *keys, const char *const *typs, h2o_iovec_t token,
                       bool *key_unknown, const char **why)
{
	struct jws_parts parts;
	bool unknown = false;

	*why = own_token_problem(pool, keys, typs, token, &parts, &unknown);
	if (key_unknown != NULL)
		*key_unknown = unknown;
	return *why == NULL ? claims_read(pool, &parts, why) : NULL;
}

/* ---- Claims ---- */

bool jwt_audience_has(const json_t *aud, const char *audience)
{
	const json_t *value;
	bool found = false;
	size_t i;

	if (json_is_string(aud))
		return strcmp(json_string_value(aud), audience) == 0;
	json_array_foreach (aud, i, value) {
		if (!json_is_string(value))
			return false;
		found = found || strcmp(json_string_value(value), audience) == 0;
	}
	return found;
}

const char *jwt_claims_problem(const json_t *claims, const char *issuer, const char *audience, int64_t now, int skew_s)
{
	const json_t *iss = json_object_get(claims, "iss"), *exp = json_object_get(claims, "exp");
	const json_t *iat = json_object_get(claims, "iat"), *nbf = json_object_get(claims, "nbf");
	int64_t latest = now + skew_s;

	if (!json_is_string(iss) || strcmp(json_string_value(iss), issuer) != 0)
		return "iss is another one";
	if (!jwt_audience_has(json_object_get(claims, "aud"), audience))
		return "aud is another one";
	if (!json_is_integer(exp) || !json_is_integer(iat) || (nbf != NULL && !json_is_integer(nbf)))
		return "exp, iat or nbf is missing or no integer";
	if (json_integer_value(exp) <= now)
		return "the token has expired";
	if (json_integer_value(iat) > latest)
		return "the token was issued in the future";
	if (nbf != NULL && json_integer_value(nbf) > latest)
		return "the token is not valid yet";
	return NULL;
}
