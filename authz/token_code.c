/* SPDX-License-Identifier: Apache-2.0 */
/* grant_type=authorization_code: OAuth 2.1, 4.1.3 with RFC 7636, 4.5 and RFC 8707, 2.2. */
#include "authz/budget.h"
#include "authz/event.h"
#include "authz/parameter.h"
#include "authz/token.h"
#include "common/secret.h"

enum { VERIFIER_MIN = 43, VERIFIER_MAX = 128 };

/* RFC 7636, 4.1 */
static bool is_verifier(h2o_iovec_t text)
{
	if (text.len < VERIFIER_MIN || text.len > VERIFIER_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.base[i];
		bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!alphanumeric && c != '-' && c != '.' && c != '_' && c != '~')
			return false;
	}
	return true;
}

static step_result check(struct request *r)
{
	struct token_state *s = r->state;
	h2o_iovec_t verifier = form_get(&r->form, "code_verifier");
	const char *code = parameter(&r->form, "code");
	if (code == NULL)
		return fail(r, &INVALID_REQUEST, "code is missing");
	if (verifier.len == 0)
		return fail(r, &INVALID_REQUEST, "code_verifier is missing");
	if (!is_verifier(verifier))
		return fail(r, &INVALID_REQUEST, "code_verifier is malformed");
	if (!parameter_resource(r, &r->form, &s->resource))
		return fail(r, &INVALID_TARGET, "one resource can be asked for at a time");
	if (!handle_open(authz_of(r)->handle_keys, HANDLE_CODE, text_of(code), &s->handle))
		return fail_grant_after_proof(r);
	return STEP_NEXT;
}

static step_result redeem(struct request *r)
{
	const struct token_state *s = r->state;
	h2o_iovec_t verifier = form_get(&r->form, "code_verifier");
	return store_redeem_code(r, client_of(r), s->handle.id, parameter(&r->form, "redirect_uri"),
	                         sha256_base64url(&r->pool, verifier), s->resource,
	                         authz_of(r)->settings.grant_lifetime);
}

static step_result fail_replayed(struct request *r, const struct granted *g)
{
	const struct token_state *s = r->state;
	answer_cache_forget_grant(authz_of(r)->answers, g->grant_id);
	event_write(r, "token.code_replayed",
	            json_pack("{s:s, s:o, s:o}", "client_id", client_of(r)->client_id, "code", event_id(s->handle.id),
	                      "grant_id", event_id(g->grant_id)));
	return fail_grant(r);
}

static step_result answer(struct request *r)
{
	struct granted g = {0};
	switch (store_read_redeem_code(r, &g)) {
	case REDEEM_CLIENT_REFUSED: return fail_client(r);
	case REDEEM_UNAUTHORIZED_CLIENT:
		return fail(r, &UNAUTHORIZED_CLIENT, "the client is not registered for authorization_code");
	case REDEEM_INVALID:
	case REDEEM_REDIRECT_MISMATCH:
	case REDEEM_VERIFIER_MISMATCH: return fail_grant(r);
	case REDEEM_REPLAYED: return fail_replayed(r, &g);
	case REDEEM_TARGET_MISMATCH: return fail(r, &INVALID_TARGET, "the resource is not the one that was granted");
	case REDEEM_KEY_MISSING: return fail_key_missing(r);
	case REDEEM_KEY_MISMATCH: return fail_grant(r);
	case REDEEM_LIMITED: return fail_limited(r);
	case REDEEM_GRANTED: return reply_tokens(r, &g, "token.issued");
	}
	return fail_internal(r, "a redemption that does not exist");
}

step_fn *const token_code_steps[] = {check, token_use_key, token_check_key, redeem, answer, NULL};
