/* SPDX-License-Identifier: Apache-2.0 */
/* grant_type=refresh_token: OAuth 2.1, 4.3, with the retry window that keeps honest clients alive. */
#include <string.h>

#include "authz/budget.h"
#include "authz/event.h"
#include "authz/parameter.h"
#include "authz/token.h"

/* offline_access was no scope when it was asked for at /authorize either. */
static void leave_out_offline_access(struct scopes *s)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->names[i], "offline_access") != 0)
			s->names[kept++] = s->names[i];
	s->count = kept;
}

static step_result check(struct request *r)
{
	struct token_state *s = r->state;
	const char *token = parameter(&r->form, "refresh_token");
	const char *scope_text = parameter(&r->form, "scope");
	struct scopes *scope = h2o_mem_alloc_pool(&r->pool, sizeof(*scope));
	if (token == NULL)
		return fail(r, &INVALID_REQUEST, "refresh_token is missing");
	if (!scopes_parse(&r->pool, text_of(scope_text), scope))
		return fail(r, &INVALID_SCOPE, "scope has characters that no scope name has");
	leave_out_offline_access(scope);
	if (!parameter_resource(r, &r->form, &s->resource))
		return fail(r, &INVALID_TARGET, "one resource can be asked for at a time");
	if (!handle_open(authz_of(r)->handle_keys, HANDLE_REFRESH, text_of(token), &s->handle))
		return fail_grant_after_proof(r);
	s->scope = scope_text != NULL ? scope : NULL;
	return STEP_NEXT;
}

static step_result refresh(struct request *r)
{
	const struct token_state *s = r->state;
	return store_refresh(r, client_of(r), s->handle.id, s->handle.generation, s->scope, s->resource,
	                     authz_of(r)->settings.refresh_retry_window);
}

static step_result fail_reused(struct request *r)
{
	const struct token_state *s = r->state;
	answer_cache_forget_grant(authz_of(r)->answers, s->handle.id);
	event_write(r, "token.reuse_detected",
	            json_pack("{s:s, s:o, s:I}", "client_id", client_of(r)->client_id, "grant_id",
	                      event_id(s->handle.id), "generation", (json_int_t)s->handle.generation));
	return fail_grant(r);
}

static step_result answer(struct request *r)
{
	struct granted g = {0};
	switch (store_read_refresh(r, &g)) {
	case REFRESH_CLIENT_REFUSED: return fail_client(r);
	case REFRESH_UNAUTHORIZED_CLIENT:
		return fail(r, &UNAUTHORIZED_CLIENT, "the client is not registered for refresh_token");
	case REFRESH_INVALID: return fail_grant(r);
	case REFRESH_REUSED: return fail_reused(r);
	case REFRESH_TARGET_MISMATCH: return fail(r, &INVALID_TARGET, "the resource is not the one that was granted");
	case REFRESH_SCOPE_EXCEEDED: return fail(r, &INVALID_SCOPE, "the scope is more than was granted");
	case REFRESH_KEY_MISSING: return fail_key_missing(r);
	case REFRESH_KEY_MISMATCH: return fail_grant(r);
	case REFRESH_LIMITED: return fail_limited(r);
	case REFRESH_ROTATED: return reply_tokens(r, &g, "token.refreshed");
	case REFRESH_RETRIED: return reply_tokens(r, &g, "token.refresh_retried");
	case REFRESH_STALE: return reply_tokens(r, &g, "token.refresh_stale");
	}
	return fail_internal(r, "a refresh that does not exist");
}

step_fn *const token_refresh_steps[] = {check, token_use_key, token_check_key, refresh, answer, NULL};
