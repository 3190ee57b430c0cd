/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/id_token.h"

#include "authz/authentication.h"
#include "authz/keys.h"
#include "common/jws.h"

bool id_token_is_due(struct request *r, const struct granted *g)
{
	struct scopes scopes;
	return scopes_parse(&r->pool, text_of(g->scope), &scopes) && scopes_has(&scopes, "openid");
}

const char *id_token_mint(struct request *r, const struct granted *g)
{
	const struct authz_settings *settings = &authz_of(r)->settings;
	const struct jwk *key = keyring_signing_key(authz_of(r)->keyring, &r->pool);
	if (key == NULL)
		return NULL;
	json_t *claims =
	    json_keep(&r->pool, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "iss", settings->issuer, "sub",
	                                  g->subject, "aud", g->client_id, "iat", (json_int_t)g->now, "exp",
	                                  (json_int_t)(g->now + settings->access_token_lifetime), "auth_time",
	                                  (json_int_t)g->auth_time, "acr", AUTHENTICATION_PASSWORD));
	if (g->nonce != NULL)
		json_object_set_new(claims, "nonce", json_string(g->nonce));
	return jws_sign(&r->pool, key, "JWT", json_text(&r->pool, claims)).base;
}
