/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/token.h"

#include <string.h>

#include "authz/access_token.h"
#include "authz/budget.h"
#include "authz/client_proof.h"
#include "authz/event.h"
#include "authz/id_token.h"
#include "authz/parameter.h"
#include "common/encoding.h"
#include "common/reply.h"

struct grant {
	const char *type;
	step_fn *const *steps;
	bool judges_limited; /* its verdict knows a request over its budget, and still tells what no waiting mends */
};

static const struct grant GRANTS[] = {
    {"authorization_code", token_code_steps, true},
    {"refresh_token", token_refresh_steps, true},
    {"client_credentials", token_service_steps, false},
};

static step_result answer_limited(struct request *r)
{
	return store_read_revoke(r) == REVOKE_CLIENT_REFUSED ? fail_client(r) : fail_limited(r);
}

static step_fn *const limited_steps[] = {answer_limited, NULL};

/* A client that is not who it says hears that, and not that it shall wait. */
static step_result fail_limited_after_proof(struct request *r)
{
	run_steps(r, limited_steps);
	return store_prove_client(r, client_of(r), false);
}

static step_result read_key(struct request *r)
{
	struct client_guard *g = r->caller;

	if (shown_key_read(r, "/token", (h2o_iovec_t){NULL, 0}, &g->key) == STEP_DONE)
		return STEP_DONE;
	g->proof.key_thumbprint = g->key.thumbprint;
	return STEP_NEXT;
}

/* Over its budget a request changes nothing, so its proof may come again. */
step_result token_use_key(struct request *r)
{
	const struct client_guard *g = r->caller;
	return r->retry_after_s > 0 ? STEP_NEXT : shown_key_use(r, &g->key);
}

step_result token_check_key(struct request *r)
{
	const struct client_guard *g = r->caller;
	return r->retry_after_s > 0 ? STEP_NEXT : shown_key_check_use(r, &g->key, false);
}

step_result fail_key_missing(struct request *r)
{
	return fail(r, &INVALID_DPOP_PROOF, "the client's tokens are bound to a key, and no DPoP proof came");
}

static step_result dispatch(struct request *r)
{
	const char *type = parameter(&r->form, "grant_type");
	if (type == NULL)
		return fail(r, &INVALID_REQUEST, "grant_type is missing");
	if (parameter(&r->form, "authorization_details") != NULL) /* RFC 9396, 6: a person's word is not narrowed */
		return fail(r, &INVALID_AUTHORIZATION_DETAILS, "authorization_details can be asked for at /authorize");
	if (client_of(r)->certificate_bound && client_of(r)->certificate_thumbprint == NULL) /* RFC 8705, 3.4 */
		return fail(r, &INVALID_REQUEST,
		            "the client's tokens are bound to a certificate, and none was presented");
	if (event_demand_record(r) ==
	    STEP_DONE) /* or a code is spent, or a generation, and nobody has what came of it */
		return STEP_DONE;
	for (size_t i = 0; i < sizeof(GRANTS) / sizeof(GRANTS[0]); i++) {
		if (strcmp(type, GRANTS[i].type) != 0)
			continue;
		bool is_limited = r->retry_after_s > 0 && !GRANTS[i].judges_limited;
		return is_limited ? fail_limited_after_proof(r) : run_steps(r, GRANTS[i].steps);
	}
	return fail(r, &UNSUPPORTED_GRANT_TYPE, "the server knows no such grant_type");
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
	if (r->retry_after_s > 0) /* a flood of what this server never made: the database does not hear of it */
		return fail_grant(r);
	run_steps(r, proof_steps);
	return store_prove_client(r, client_of(r), false);
}

static const char *mint_refresh_token(struct request *r, const struct granted *g)
{
	struct handle h = {.generation = g->generation};
	memcpy(h.id, g->grant_id, sizeof(h.id));
	return handle_mint(&r->pool, authz_of(r)->handle_keys, HANDLE_REFRESH, &h);
}

static bool record(struct request *r, const struct granted *g, const char *event, const char *jti)
{
	struct text_buffer members = {.pool = &r->pool};
	char grant_id[UUID_TEXT_SIZE];
	uuid_format(g->grant_id, grant_id);
	event_append(&members, "grant_id", grant_id);
	event_append(&members, "subject", g->subject);
	event_append(&members, "client_id", g->client_id);
	event_append(&members, "resource", g->resource);
	event_append(&members, "scope", g->scope);
	event_append(&members, "jti", jti);
	claims_append_details(&members, g->approval);
	text_append_printf(&members, ",\"generation\":%u", (unsigned)g->generation);
	if (client_of(r)->key_thumbprint != NULL)
		event_append(&members, "key", client_of(r)->key_thumbprint);
	return event_write_text(r, event, h2o_iovec_init(members.base, members.len));
}

step_result reply_tokens(struct request *r, const struct granted *g, const char *event)
{
	const char *jti, *access_token = access_token_mint(r, g, &jti);
	if (access_token == NULL)
		return fail(r, &TEMPORARILY_UNAVAILABLE, "there is no key to sign with yet");
	const char *id_token = id_token_is_due(r, g) ? id_token_mint(r, g) : NULL;
	struct text_buffer answer = {.pool = &r->pool};
	text_append_str(&answer, "{\"access_token\":\"");
	text_append_str(&answer, access_token); /* base64url and dots: nothing to escape, nor in a handle */
	const char *key = client_of(r)->key_thumbprint;
	text_append_printf(&answer,
	                   "\",\"token_type\":\"%s\",\"expires_in\":%lld,\"scope\":", key != NULL ? "DPoP" : "Bearer",
	                   (long long)access_token_lifetime(r, g));
	text_append_json(&answer, text_of(g->scope));
	claims_append_details(&answer, g->approval); /* RFC 9396, 7 */
	if (g->generation > 0) {
		text_append_str(&answer, ",\"refresh_token\":\"");
		text_append_str(&answer, mint_refresh_token(r, g));
		text_append_str(&answer, "\"");
	}
	if (id_token != NULL) {
		text_append_str(&answer, ",\"id_token\":\"");
		text_append_str(&answer, id_token);
		text_append_str(&answer, "\"");
	}
	text_append_str(&answer, "}");
	if (!record(r, g, event, jti))
		return fail_unrecorded(r);
	reply_header(r, "cache-control", "no-store"); /* RFC 6749, 5.1 */
	reply_header(r, "pragma", "no-cache");
	return reply_body(r, 200, "application/json", h2o_iovec_init(answer.base, answer.len));
}

step_fn *const token_steps[] = {read_key, dispatch, NULL};
