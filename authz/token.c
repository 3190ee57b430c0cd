/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/token.h"

#include <string.h>

#include "authz/access_token.h"
#include "authz/event.h"
#include "authz/parameter.h"
#include "common/reply.h"

struct grant {
	const char *type;
	step_fn *const *steps;
};

static const struct grant GRANTS[] = {
    {"authorization_code", token_code_steps},
    {"refresh_token", token_refresh_steps},
};

static step_result dispatch(struct request *r)
{
	const char *type = parameter(&r->form, "grant_type");
	if (type == NULL)
		return fail(r, &INVALID_REQUEST, "grant_type is missing");
	for (size_t i = 0; i < sizeof(GRANTS) / sizeof(GRANTS[0]); i++)
		if (strcmp(type, GRANTS[i].type) == 0)
			return run_steps(r, GRANTS[i].steps);
	return fail(r, &UNSUPPORTED_GRANT_TYPE, "grant_type must be authorization_code or refresh_token");
}

step_result fail_grant(struct request *r)
{
	return fail(r, &INVALID_GRANT, "the grant is unknown, expired, revoked, used or not for this request");
}

static step_result answer_proof(struct request *r)
{
	return store_read_revoke(r) == REVOKE_CLIENT_REFUSED ? fail_client(r) : fail_grant(r);
}

static step_fn *const proof_steps[] = {answer_proof, NULL};

step_result fail_grant_after_proof(struct request *r)
{
	run_steps(r, proof_steps);
	return store_prove_client(r, client_of(r), false);
}

static const char *mint_refresh_token(struct request *r, const struct granted *g)
{
	struct handle h = {.generation = g->generation};
	memcpy(h.id, g->grant_id, sizeof(h.id));
	return handle_mint(&r->pool, authz_of(r)->handle_keys, HANDLE_REFRESH, &h);
}

step_result reply_tokens(struct request *r, const struct granted *g, const char *event)
{
	const char *jti, *access_token = access_token_mint(r, g, &jti);
	if (access_token == NULL)
		return fail(r, &TEMPORARILY_UNAVAILABLE, "there is no key to sign with yet");
	json_t *answer =
	    json_pack("{s:s, s:s, s:I, s:s}", "access_token", access_token, "token_type", "Bearer", "expires_in",
	              (json_int_t)authz_of(r)->settings.access_token_lifetime, "scope", g->scope);
	if (g->generation > 0)
		json_object_set_new(answer, "refresh_token", json_string(mint_refresh_token(r, g)));
	event_write(r, event,
	            json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:I}", "grant_id", event_id(g->grant_id), "subject",
	                      g->subject, "client_id", g->client_id, "resource", g->resource, "scope", g->scope, "jti",
	                      jti, "generation", (json_int_t)g->generation));
	reply_header(r, "pragma", "no-cache"); /* RFC 6749, 5.1 */
	return reply_json(r, 200, answer);
}

step_fn *const token_steps[] = {dispatch, NULL};
