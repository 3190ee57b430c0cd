/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/revoke.h"

#include <string.h>

#include "authz/answer_cache.h"
#include "authz/event.h"
#include "authz/keys.h"
#include "authz/parameter.h"
#include "authz/token_client.h"
#include "common/reply.h"

/* What the token is, its own form says: token_type_hint is not needed (RFC 7009, 2.1). What is no token of ours, or has
 * expired, is as good as revoked. */
static step_result ask(struct request *r)
{
	struct revoke_state *s = r->state;
	const char *token = parameter(&r->form, "token");
	struct handle handle;
	struct access_token access;
	if (token == NULL)
		return fail(r, &INVALID_REQUEST, "token is missing");
	if (handle_open(authz_of(r)->handle_keys, HANDLE_REFRESH, text_of(token), &handle)) {
		memcpy(s->grant_id, handle.id, sizeof(s->grant_id));
		return store_revoke(r, client_of(r), s->grant_id, NULL, 0);
	}
	if (!access_token_readable(r)) /* "done" would be said of a token that lives on */
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the signing keys are not loaded yet");
	if (access_token_read(r, text_of(token), &access)) {
		memcpy(s->grant_id, access.grant_id, sizeof(s->grant_id));
		s->jti = access.jti;
		return store_revoke(r, client_of(r), s->grant_id, s->jti, access.expires_at);
	}
	if (access_token_key_is_closed(r, text_of(token)))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the token's signing key cannot be opened here");
	if (!s->keys_reread && access_token_key_is_missing(r, text_of(token))) {
		s->keys_reread = true;
		run_steps(r, revoke_steps);
		return keyring_reread(r, authz_of(r)->keyring);
	}
	return store_prove_client(r, client_of(r), false);
}

static void record(struct request *r)
{
	const struct revoke_state *s = r->state;
	json_t *members =
	    json_pack("{s:s, s:o}", "client_id", client_of(r)->client_id, "grant_id", event_id(s->grant_id));
	if (s->jti != NULL)
		json_object_set_new(members, "jti", json_string(s->jti));
	event_write(r, s->jti != NULL ? "token.revoked" : "grant.revoked", members);
}

static void forget(struct request *r)
{
	const struct revoke_state *s = r->state;
	if (s->jti != NULL)
		answer_cache_forget(authz_of(r)->answers, "token", s->jti);
	else
		answer_cache_forget_grant(authz_of(r)->answers, s->grant_id);
}

static step_result answer(struct request *r)
{
	enum revoke done = store_read_revoke(r);
	if (done == REVOKE_CLIENT_REFUSED)
		return fail_client(r);
	if (done == REVOKE_DONE) {
		forget(r);
		record(r);
	}
	reply_header(r, "cache-control", "no-store");
	reply_header(r, "pragma", "no-cache");
	return reply_body(r, 200, NULL, (h2o_iovec_t){NULL, 0}); /* RFC 7009, 2.2 */
}

step_fn *const revoke_steps[] = {ask, answer, NULL};
