/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/access_token.h"

#include <string.h>

#include "authz/authentication.h"
#include "authz/authorization_details.h"
#include "authz/keys.h"
#include "authz/known_tokens.h"
#include "authz/token_client.h"
#include "common/clock.h"
#include "common/encoding.h"
#include "common/jws.h"
#include "common/secret.h"

static const char TYPE[] = "at+jwt";

static void append_member(struct text_buffer *b, const char *name, const char *value)
{
	text_append_str(b, b->len > 1 ? ",\"" : "\"");
	text_append_str(b, name);
	text_append_str(b, "\":");
	text_append_json(b, text_of(value));
}

void claims_append_names(struct text_buffer *b, const char *name, const char *const *names, size_t count)
{
	if (count == 0)
		return;
	text_append_printf(b, ",\"%s\":[", name);
	for (size_t i = 0; i < count; i++) {
		text_append_str(b, i > 0 ? "," : "");
		text_append_json(b, text_of(names[i]));
	}
	text_append_str(b, "]");
}

void claims_append_confirmation(struct text_buffer *b, const char *certificate, const char *key)
{
	bool has_certificate = certificate != NULL && *certificate != '\0', has_key = key != NULL && *key != '\0';

	if (!has_certificate && !has_key)
		return;
	text_append_str(b, ",\"cnf\":{");
	if (has_certificate) /* thumbprints are base64url: nothing to escape */
		text_append_printf(b, "\"x5t#S256\":\"%s\"%s", certificate, has_key ? "," : "");
	if (has_key)
		text_append_printf(b, "\"jkt\":\"%s\"", key);
	text_append_str(b, "}");
}

void claims_append_authentication(struct text_buffer *b, const char *acr, int64_t auth_time)
{
	if (auth_time == 0)
		return;
	text_append_printf(b, ",\"auth_time\":%lld", (long long)auth_time);
	if (*acr != '\0')
		append_member(b, "acr", acr);
}

void claims_append_details(struct text_buffer *b, const char *details)
{
	if (details == NULL || *details == '\0')
		return;
	text_append_str(b, ",\"authorization_details\":");
	text_append_str(b, details);
}

/* What was approved is for now. */
int64_t access_token_lifetime(const struct request *r, const struct granted *g)
{
	int64_t lifetime = authz_of(r)->settings.access_token_lifetime;
	return g->approval != NULL && lifetime > APPROVAL_LIFETIME_S ? APPROVAL_LIFETIME_S : lifetime;
}

/* RFC 9068, 2.2. The times are the database's, as the grant's are. */
static h2o_iovec_t claims_text(struct request *r, const struct granted *g, const char *jti)
{
	const struct authz_settings *settings = &authz_of(r)->settings;
	struct text_buffer b = {.pool = &r->pool};
	char grant_id[UUID_TEXT_SIZE];
	uuid_format(g->grant_id, grant_id);
	text_append_str(&b, "{");
	append_member(&b, "iss", settings->issuer);
	append_member(&b, "sub", g->subject);
	append_member(&b, "aud", g->resource);
	append_member(&b, "client_id", g->client_id);
	append_member(&b, "scope", g->scope);
	append_member(&b, "jti", jti);
	append_member(&b, "grant_id", grant_id);
	claims_append_names(&b, "roles", g->roles, g->role_count);
	claims_append_names(&b, "groups", g->groups, g->group_count);
	const struct client_proof *client = client_of(r);
	if (client != NULL)
		claims_append_confirmation(&b, client->certificate_thumbprint, client->key_thumbprint);
	text_append_printf(&b, ",\"iat\":%lld,\"exp\":%lld", (long long)g->now,
	                   (long long)(g->now + access_token_lifetime(r, g)));
	claims_append_details(&b, g->approval);
	claims_append_authentication(&b, AUTHENTICATION_PASSWORD, g->auth_time);
	text_append_str(&b, "}");
	return h2o_iovec_init(b.base, b.len);
}

const char *access_token_mint(struct request *r, const struct granted *g, const char **ret_jti)
{
	const struct jwk *key = keyring_signing_key(authz_of(r)->keyring, &r->pool);
	uint8_t random[16];
	if (key == NULL)
		return NULL;
	random_bytes(random, sizeof(random));
	*ret_jti = base64url_encode(&r->pool, random, sizeof(random)).base;
	return jws_sign(&r->pool, key, TYPE, claims_text(r, g, *ret_jti)).base;
}

static bool read_claims(h2o_mem_pool_t *pool, const json_t *claims, struct access_token *t)
{
	const char *const *const MEMBERS[] = {&t->jti, &t->subject, &t->client_id, &t->audience, &t->scope};
	t->jti = json_get_text(claims, "jti").base;
	t->subject = json_get_text(claims, "sub").base;
	t->client_id = json_get_text(claims, "client_id").base;
	t->audience = json_get_text(claims, "aud").base;
	t->scope = json_get_text(claims, "scope").base;
	for (size_t i = 0; i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++)
		if (*MEMBERS[i] == NULL)
			return false;
	const json_t *cnf = json_object_get(claims, "cnf");
	h2o_iovec_t certificate = json_get_text(cnf, "x5t#S256"), key = json_get_text(cnf, "jkt");
	t->certificate = certificate.base != NULL ? certificate.base : "";
	t->key = key.base != NULL ? key.base : "";
	const json_t *details = json_object_get(claims, "authorization_details");
	t->details = details != NULL ? json_text(pool, details).base : "";
	h2o_iovec_t acr = json_get_text(claims, "acr");
	t->acr = acr.base != NULL ? acr.base : "";
	t->auth_time = json_integer_value(json_object_get(claims, "auth_time"));
	t->issued_at = json_integer_value(json_object_get(claims, "iat"));
	t->expires_at = json_integer_value(json_object_get(claims, "exp"));
	return uuid_parse(json_get_text(claims, "grant_id"), t->grant_id);
}

bool access_token_readable(struct request *r)
{
	return keyring_public_keys(authz_of(r)->keyring, &r->pool) != NULL;
}

bool access_token_key_is_missing(struct request *r, h2o_iovec_t text)
{
	const struct jwk_set *keys = keyring_public_keys(authz_of(r)->keyring, &r->pool);
	h2o_iovec_t kid = jws_peek_kid(&r->pool, text, TYPE);
	return kid.base != NULL && keys != NULL && jwk_set_find(keys, kid) == NULL;
}

bool access_token_key_is_closed(struct request *r, h2o_iovec_t text)
{
	return keyring_is_closed(authz_of(r)->keyring, jws_peek_kid(&r->pool, text, TYPE));
}

bool access_token_read(struct request *r, h2o_iovec_t text, struct access_token *ret)
{
	const char *why;
	uint8_t digest[SHA256_SIZE];
	const struct jwk_set *keys = keyring_public_keys(authz_of(r)->keyring, &r->pool);
	if (keys == NULL)
		return false;
	sha256(text, digest);
	if (known_tokens_get(r, keys, digest, ret))
		return ret->expires_at > clock_now();
	const json_t *claims = jws_verify(&r->pool, keys, TYPE, text, &why);
	if (claims == NULL || !read_claims(&r->pool, claims, ret) ||
	    !text_is(json_get_text(claims, "iss"), authz_of(r)->settings.issuer))
		return false;
	known_tokens_put(r, keys, digest, ret);
	return ret->expires_at > clock_now();
}
