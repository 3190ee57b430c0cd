/* SPDX-License-Identifier: Apache-2.0 */
#include "service_token.h"

#include <jwt.h>
#include <string.h>

#include "clock.h"
#include "encoding.h"
#include "jws.h"

/* The claims with iat, exp and jti as text; NULL if they are no object. */
static char *claims_complete(h2o_mem_pool_t *pool, const json_t *claims, int lifetime_s)
{
	int64_t now = clock_now();
	json_t *all = json_is_object(claims) ? json_copy((json_t *)claims) : NULL; /* only counts references */

	if (json_keep(pool, all) == NULL)
		return NULL;
	json_object_set_new(all, "iat", json_integer(now));
	json_object_set_new(all, "exp", json_integer(now + lifetime_s));
	json_object_set_new(all, "jti", json_string(random_token(pool, "")));
	return json_text(pool, all).base;
}

/* libjwt's text is copied into wiped memory: it is a bearer secret. */
static char *token_keep(h2o_mem_pool_t *pool, char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;
	char *kept = NULL;

	if (len != 0 && len <= SERVICE_TOKEN_SIZE_MAX)
		kept = memcpy(secret_alloc(pool, len + 1), text, len + 1);
	secret_wipe(text, len);
	free(text);
	return kept;
}

char *service_token_sign(h2o_mem_pool_t *pool, struct secret key, const json_t *claims, int lifetime_s)
{
	jwt_t *jwt = NULL;
	char *text = NULL;

	if (key.len < SERVICE_TOKEN_KEY_MIN || key.len > SERVICE_TOKEN_SIZE_MAX || lifetime_s <= 0)
		return NULL;
	char *complete = claims_complete(pool, claims, lifetime_s);
	/* libjwt encodes in alloca: what comes to it is bounded before */
	if (complete == NULL || strlen(complete) > SERVICE_TOKEN_SIZE_MAX)
		return NULL;
	if (jwt_new(&jwt) != 0)
		return NULL;
	if (jwt_add_grants_json(jwt, complete) == 0 && jwt_set_alg(jwt, JWT_ALG_HS256, key.bytes, (int)key.len) == 0)
		text = jwt_encode_str(jwt);
	jwt_free(jwt);
	return token_keep(pool, text);
}

/* The token's alg is looked at before libjwt has the key: libjwt believes it (HS384 with a short key, RS256 with a
 * PEM). */
static bool header_fits(const json_t *header)
{
	static const char *const allowed[] = {"alg", "typ", "kid"};
	size_t known = 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		known += json_object_get(header, allowed[i]) != NULL;
	if (known != json_object_size(header) || !text_is(json_get_text(header, "alg"), "HS256"))
		return false;
	return json_object_get(header, "typ") == NULL || text_is_nocase(json_get_text(header, "typ"), "JWT");
}

/* The claims if the text is canonical and the header fits; else NULL and *why. Nothing is proved yet. libjwt itself
 * takes padding, line breaks and stray bits, so that one token would have many texts, and repeated members. */
static json_t *token_read(h2o_mem_pool_t *pool, h2o_iovec_t token, const char **why)
{
	struct jws_parts parts;
	uint8_t mac[SHA256_SIZE];

	*why = jws_split(token, SERVICE_TOKEN_SIZE_MAX, &parts);
	if (*why != NULL)
		return NULL;
	*why = "the header is not that of an HS256 token";
	if (!header_fits(jws_part_read(pool, parts.header)))
		return NULL;
	*why = "the claims are no base64url of a JSON object";
	json_t *claims = jws_part_read(pool, parts.payload);
	if (claims == NULL)
		return NULL;
	*why = "the signature is not that of an HS256 token";
	return base64url_decode_exact(parts.signature, mac, sizeof(mac)) ? claims : NULL;
}

json_t *service_token_open(h2o_mem_pool_t *pool, struct secret key, h2o_iovec_t token, const char **why)
{
	jwt_t *jwt = NULL;

	*why = "the key is too short";
	/* with a NULL key libjwt accepts anything */
	if (key.bytes == NULL || key.len < SERVICE_TOKEN_KEY_MIN || key.len > SERVICE_TOKEN_SIZE_MAX)
		return NULL;
	json_t *claims = token_read(pool, token, why);
	if (claims == NULL)
		return NULL;
	char *text = memcpy(secret_alloc(pool, token.len + 1), token.base, token.len);
	bool holds = jwt_decode(&jwt, text, key.bytes, (int)key.len) == 0 && jwt_get_alg(jwt) == JWT_ALG_HS256;
	jwt_free(jwt);
	*why = holds ? NULL : "the signature is wrong";
	return holds ? claims : NULL;
}
