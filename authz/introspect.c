/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/introspect.h"

#include <string.h>

#include "authz/introspect_answer.h"
#include "authz/keys.h"
#include "authz/parameter.h"
#include "authz/token_client.h"
#include "common/clock.h"
#include "common/encoding.h"

static step_result answer_inactive(struct request *r)
{
	if (store_read_revoke(r) == REVOKE_CLIENT_REFUSED)
		return fail_client(r);
	return reply_introspection(r, client_of(r)->client_id, INTROSPECTION_INACTIVE);
}

static step_fn *const inactive_steps[] = {answer_inactive, NULL};

static void mark(struct request *r)
{
	struct introspect_state *s = r->state;
	const struct answer_cache *cache = authz_of(r)->answers;
	char grant_id[UUID_TEXT_SIZE];

	uuid_format(s->token.grant_id, grant_id);
	s->asked_at = clock_now();
	s->mark = answer_mark_begin(cache);
	answer_mark_add(cache, &s->mark, "client", client_of(r)->client_id);
	answer_mark_add(cache, &s->mark, "grant", grant_id);
	answer_mark_add(cache, &s->mark, "token", s->token.jti);
	answer_mark_add(cache, &s->mark, "client", s->token.client_id);
	answer_mark_add(cache, &s->mark, "person", s->token.subject);
}

/* An API key has no claims of its own: the database tells them. */
static step_result answer_api_key(struct request *r)
{
	struct introspect_state *s = r->state;
	struct introspected i = {0};
	char key_id[UUID_TEXT_SIZE];

	store_read_introspect_api_key(r, &i);
	if (i.client_refused)
		return fail_client(r);
	if (!i.active)
		return reply_introspection(r, client_of(r)->client_id, INTROSPECTION_INACTIVE);
	uuid_format(s->api_key.id, key_id);
	struct access_token token = {
	    .jti = key_id,
	    .subject = i.subject,
	    .client_id = i.client_id,
	    .audience = i.resource,
	    .scope = i.scope,
	    .certificate = "",
	    .key = "",
	    .details = "",
	    .acr = "",
	    .issued_at = i.issued_at,
	    .expires_at = i.expires_at,
	};
	memcpy(token.grant_id, s->api_key.id, sizeof(token.grant_id));
	h2o_iovec_t active = introspection_active(r, &token, &i);
	int64_t ends = i.expires_at < s->asked_at + i.expires_in ? i.expires_at : s->asked_at + i.expires_in;
	/* these two only the answer tells; whose key it is decides which of them is true */
	answer_mark_add(authz_of(r)->answers, &s->mark, "client", i.client_id);
	answer_mark_add(authz_of(r)->answers, &s->mark, "person", i.subject);
	answer_cache_put(authz_of(r)->answers, s->key, &s->mark, ends, active.base, active.len);
	return reply_introspection(r, client_of(r)->client_id, active);
}

static step_fn *const api_key_steps[] = {answer_api_key, NULL};

static step_result ask_api_key(struct request *r)
{
	struct introspect_state *s = r->state;
	const struct answer_cache *cache = authz_of(r)->answers;
	char key_id[UUID_TEXT_SIZE];

	uuid_format(s->api_key.id, key_id);
	s->asked_at = clock_now();
	s->mark = answer_mark_begin(cache);
	answer_mark_add(cache, &s->mark, "client", client_of(r)->client_id);
	answer_mark_add(cache, &s->mark, "token", key_id);
	run_steps(r, api_key_steps);
	return store_introspect_api_key(r, client_of(r), s->api_key.id);
}

/* Only an access token, or an API key, is ever active. A refresh token is none of a resource server's business: one
 * that asks only whether what it was shown is active would let a refresh token in. */
static step_result ask(struct request *r)
{
	struct introspect_state *s = r->state;
	const char *token = parameter(&r->form, "token");
	size_t len;
	if (token == NULL)
		return fail(r, &INVALID_REQUEST, "token is missing");
	if (!access_token_readable(r)) /* "not active" would be believed, and a person signed out by an outage */
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the signing keys are not loaded yet");
	answer_key(client_of(r), "introspect", &token, 1, s->key);
	const void *kept = answer_cache_get(authz_of(r)->answers, s->key, &len);
	if (kept != NULL)
		return reply_introspection(r, client_of(r)->client_id,
		                           h2o_iovec_init(memcpy(h2o_mem_alloc_pool(&r->pool, len), kept, len), len));
	if (handle_open(authz_of(r)->handle_keys, HANDLE_API_KEY, text_of(token), &s->api_key))
		return ask_api_key(r);
	if (access_token_read(r, text_of(token), &s->token)) {
		mark(r);
		return store_introspect(r, client_of(r), s->token.grant_id, s->token.jti);
	}
	if (access_token_key_is_closed(r, text_of(token)))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the token's signing key cannot be opened here");
	if (!s->keys_reread && access_token_key_is_missing(r, text_of(token))) {
		s->keys_reread = true;
		run_steps(r, introspect_steps);
		return keyring_reread(r, authz_of(r)->keyring);
	}
	run_steps(r, inactive_steps);
	return store_prove_client(r, client_of(r), true);
}

static step_result answer(struct request *r)
{
	struct introspect_state *s = r->state;
	struct introspected i = {0};
	store_read_introspect(r, &i);
	if (i.client_refused)
		return fail_client(r);
	if (!i.active)
		return reply_introspection(r, client_of(r)->client_id, INTROSPECTION_INACTIVE);
	if (s->token.expires_at > s->asked_at + i.expires_in) /* the grant ends before the token does */
		s->token.expires_at = s->asked_at + i.expires_in;
	h2o_iovec_t active = introspection_active(r, &s->token, &i);
	answer_cache_put(authz_of(r)->answers, s->key, &s->mark, s->token.expires_at, active.base, active.len);
	return reply_introspection(r, client_of(r)->client_id, active);
}

step_fn *const introspect_steps[] = {ask, answer, NULL};
