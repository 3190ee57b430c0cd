/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/introspect_answer.h"

#include <string.h>

#include "authz/keys.h"
#include "common/clock.h"
#include "common/encoding.h"
#include "common/jws.h"
#include "common/reply.h"

#define SIGNED_TYPE "token-introspection+jwt"

const h2o_iovec_t INTROSPECTION_INACTIVE = {(char *)"{\"active\":false}", sizeof("{\"active\":false}") - 1};

/* ---- which of the two ---- */

/* RFC 9110, 12.4.2: "q=0", "q=0.", up to three zeros. */
static bool is_unwanted(h2o_iovec_t parameters)
{
	while (parameters.len > 0) {
		h2o_iovec_t p = text_cut(&parameters, ';');

		if (p.len < 3 || (p.base[0] != 'q' && p.base[0] != 'Q') || p.base[1] != '=')
			continue;
		size_t zeros = 2;
		while (zeros < p.len && (p.base[zeros] == '0' || p.base[zeros] == '.'))
			zeros++;
		return zeros == p.len;
	}
	return false;
}

bool introspection_is_signed(h2o_iovec_t accept)
{
	while (accept.len > 0) {
		h2o_iovec_t parameters = text_cut(&accept, ',');
		h2o_iovec_t type = text_cut(&parameters, ';');

		if (text_is_nocase(type, "application/" SIGNED_TYPE))
			return !is_unwanted(parameters);
	}
	return false;
}

/* ---- what is said ---- */

/* What the token names and its person may still have. */
static const char *living_scope(struct request *r, const struct access_token *t, const struct introspected *i)
{
	struct scopes token, living;

	if (i->scope == NULL)
		return "";
	if (strcmp(t->scope, i->scope) == 0)
		return t->scope;
	if (!scopes_parse(&r->pool, text_of(t->scope), &token) || !scopes_parse(&r->pool, text_of(i->scope), &living))
		return "";
	struct scopes both = scopes_intersect(&r->pool, &token, &living);
	return scopes_text(&r->pool, &both);
}

static void append_member(struct text_buffer *b, const char *name, const char *value)
{
	if (value == NULL)
		return;
	text_append_str(b, ",\"");
	text_append_str(b, name);
	text_append_str(b, "\":");
	text_append_json(b, text_of(value));
}

/* Members of the operator's own, whose names no other member can have. */
static void append_claims(struct text_buffer *b, const char *object)
{
	size_t len = object != NULL ? strlen(object) : 0;

	if (len <= 2) /* {} */
		return;
	text_append_str(b, ",");
	text_append(b, object + 1, len - 2);
}

h2o_iovec_t introspection_active(struct request *r, const struct access_token *t, const struct introspected *i)
{
	struct text_buffer b = {.pool = &r->pool};
	char grant_id[UUID_TEXT_SIZE];

	uuid_format(t->grant_id, grant_id);
	text_append_str(&b, "{\"active\":true");
	append_member(&b, "iss", authz_of(r)->settings.issuer);
	append_member(&b, "sub", t->subject);
	append_member(&b, "client_id", t->client_id);
	append_member(&b, "aud", t->audience);
	append_member(&b, "scope", living_scope(r, t, i));
	text_append_printf(&b, ",\"iat\":%lld,\"exp\":%lld", (long long)t->issued_at, (long long)t->expires_at);
	append_member(&b, "jti", t->jti);
	append_member(&b, "token_type", *t->key != '\0' ? "DPoP" : "Bearer");
	append_member(&b, "grant_id", grant_id);
	claims_append_authentication(&b, t->acr, t->auth_time);
	claims_append_details(&b, t->details);
	claims_append_confirmation(&b, t->certificate, t->key); /* RFC 8705, 3.2; RFC 9449, 6.2 */
	append_member(&b, "username", i->username);
	append_member(&b, "grantable_scope", i->grantable_scope);
	claims_append_names(&b, "roles", i->roles, i->role_count);
	claims_append_names(&b, "groups", i->groups, i->group_count);
	append_claims(&b, i->claims);
	text_append_str(&b, "}");
	return h2o_iovec_init(b.base, b.len);
}

/* RFC 9701, 5: for this resource server, of this moment; no exp and no sub, or it could be taken for another kind of
 * token. */
static h2o_iovec_t sign(struct request *r, const struct jwk *key, const char *client_id, h2o_iovec_t answer)
{
	struct text_buffer b = {.pool = &r->pool};

	text_append_str(&b, "{\"iss\":");
	text_append_json(&b, text_of(authz_of(r)->settings.issuer));
	append_member(&b, "aud", client_id);
	text_append_printf(&b, ",\"iat\":%lld,\"token_introspection\":", (long long)clock_now());
	text_append_iovec(&b, answer);
	text_append_str(&b, "}");
	return jws_sign(&r->pool, key, SIGNED_TYPE, h2o_iovec_init(b.base, b.len));
}

step_result reply_introspection(struct request *r, const char *client_id, h2o_iovec_t answer)
{
	const char *type = "application/json";

	if (introspection_is_signed(request_header(r, "accept", NULL))) {
		const struct jwk *key = keyring_signing_key(authz_of(r)->keyring, &r->pool);
		answer = key != NULL ? sign(r, key, client_id, answer) : (h2o_iovec_t){NULL, 0};
		type = "application/" SIGNED_TYPE;
	}
	if (answer.base == NULL)
		return fail(r, &TEMPORARILY_UNAVAILABLE, "there is no key to sign with yet");
	reply_header(r, "cache-control", "no-store");
	reply_header(r, "pragma", "no-cache");
	return reply_body(r, 200, type, answer);
}
