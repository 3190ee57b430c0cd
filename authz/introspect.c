/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/introspect.h"

#include "authz/parameter.h"
#include "authz/token_client.h"
#include "common/encoding.h"
#include "common/reply.h"

static step_result reply_inactive(struct request *r)
{
	reply_header(r, "pragma", "no-cache");
	return reply_json(r, 200, json_pack("{s:b}", "active", 0)); /* RFC 7662, 2.2: nothing else */
}

static step_result answer_inactive(struct request *r)
{
	return store_read_revoke(r) == REVOKE_CLIENT_REFUSED ? fail_client(r) : reply_inactive(r);
}

static step_fn *const inactive_steps[] = {answer_inactive, NULL};

/* Only an access token is ever active. A refresh token is none of a resource server's business: one that asks only
 * whether what it was shown is active would let a refresh token in. */
static step_result ask(struct request *r)
{
	struct introspect_state *s = r->state;
	const char *token = parameter(&r->form, "token");
	if (token == NULL)
		return fail(r, &INVALID_REQUEST, "token is missing");
	if (!access_token_readable(r)) /* "not active" would be believed, and a person signed out by an outage */
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the signing keys are not loaded yet");
	if (access_token_read(r, text_of(token), &s->token))
		return store_introspect(r, client_of(r), s->token.grant_id, s->token.jti);
	run_steps(r, inactive_steps);
	return store_prove_client(r, client_of(r), true);
}

/* What the token names and its person may still have. */
static const char *living_scope(struct request *r, const struct access_token *t, const struct introspected *i)
{
	struct scopes token, living;
	if (i->scope == NULL || !scopes_parse(&r->pool, text_of(t->scope), &token) ||
	    !scopes_parse(&r->pool, text_of(i->scope), &living))
		return "";
	struct scopes both = scopes_intersect(&r->pool, &token, &living);
	return scopes_text(&r->pool, &both);
}

static json_t *active_json(struct request *r, const struct access_token *t, const struct introspected *i)
{
	json_t *answer = json_pack("{s:b, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s}", "active", 1, "iss",
	                           authz_of(r)->settings.issuer, "sub", t->subject, "client_id", t->client_id, "aud",
	                           t->audience, "scope", living_scope(r, t, i), "iat", (json_int_t)t->issued_at, "exp",
	                           (json_int_t)t->expires_at, "jti", t->jti, "token_type", "Bearer");
	char grant_id[UUID_TEXT_SIZE];
	uuid_format(t->grant_id, grant_id);
	json_object_set_new(answer, "grant_id", json_string(grant_id));
	if (i->username != NULL)
		json_object_set_new(answer, "username", json_string(i->username));
	if (i->grantable_scope != NULL)
		json_object_set_new(answer, "grantable_scope", json_string(i->grantable_scope));
	return answer;
}

static step_result answer(struct request *r)
{
	const struct introspect_state *s = r->state;
	struct introspected i = {0};
	store_read_introspect(r, &i);
	if (i.client_refused)
		return fail_client(r);
	if (!i.active)
		return reply_inactive(r);
	reply_header(r, "pragma", "no-cache");
	return reply_json(r, 200, active_json(r, &s->token, &i));
}

step_fn *const introspect_steps[] = {ask, answer, NULL};
