/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/store_statements.h"

static void read_granted(struct request *r, struct granted *ret)
{
	*ret = (struct granted){
	    .generation = (uint32_t)rows_int(r->rows, 0, "generation"),
	    .subject = store_text(r, 0, "subject"),
	    .client_id = store_text(r, 0, "client_id"),
	    .resource = store_text(r, 0, "resource"),
	    .scope = store_text(r, 0, "scope"),
	    .auth_time = rows_int(r->rows, 0, "auth_time"),
	    .now = rows_int(r->rows, 0, "now"),
	};
	ret->roles = store_texts(r, 0, "roles", &ret->role_count);
	ret->groups = store_texts(r, 0, "groups", &ret->group_count);
	rows_uuid(r->rows, 0, "grant_id", ret->grant_id);
}

step_result store_redeem_code(struct request *r, const struct client_proof *proof, const uint8_t code_id[16],
                              const char *redirect_uri, const char *code_challenge, const char *resource,
                              int64_t grant_lifetime)
{
	struct db_param params[PROOF_PARAMS + 7] = {
	    [PROOF_PARAMS] = param_uuid(code_id), param_text(redirect_uri),
	    param_text(code_challenge),           param_text(resource),
	    param_int(&r->pool, grant_lifetime),  param_bool(r->retry_after_s > 0),
	    param_text(proof->key_thumbprint),
	};

	store_proof_params(proof, params);
	return store_ask_together(r, STATEMENT_REDEEM_CODE, params, sizeof(params) / sizeof(params[0]), code_id);
}

enum redeem store_read_redeem_code(struct request *r, struct granted *ret)
{
	static const char *const OUTCOMES[] = {
	    [REDEEM_CLIENT_REFUSED] = "client_refused",
	    [REDEEM_UNAUTHORIZED_CLIENT] = "unauthorized_client",
	    [REDEEM_INVALID] = "invalid",
	    [REDEEM_REPLAYED] = "replayed",
	    [REDEEM_REDIRECT_MISMATCH] = "redirect_mismatch",
	    [REDEEM_VERIFIER_MISMATCH] = "verifier_mismatch",
	    [REDEEM_TARGET_MISMATCH] = "target_mismatch",
	    [REDEEM_KEY_MISSING] = "key_missing",
	    [REDEEM_KEY_MISMATCH] = "key_mismatch",
	    [REDEEM_LIMITED] = "limited",
	    [REDEEM_GRANTED] = "granted",
	};
	enum redeem outcome = (enum redeem)store_outcome(r, OUTCOMES, sizeof(OUTCOMES) / sizeof(OUTCOMES[0]));

	*ret = (struct granted){0};
	if (outcome == REDEEM_GRANTED || outcome == REDEEM_REPLAYED)
		read_granted(r, ret);
	if (outcome == REDEEM_GRANTED)
		ret->nonce = store_text(r, 0, "nonce"), ret->approval = store_text(r, 0, "approval");
	return outcome;
}

step_result store_refresh(struct request *r, const struct client_proof *proof, const uint8_t grant_id[16],
                          uint32_t generation, const struct scopes *scope, const char *resource, int64_t window)
{
	/* An empty scope parameter is no wish for a token without scope. RFC 6749, 6: as granted. */
	bool narrows = scope != NULL && scope->count > 0;
	struct db_param params[PROOF_PARAMS + 7] = {
	    [PROOF_PARAMS] = param_uuid(grant_id),
	    param_int(&r->pool, generation),
	    narrows ? param_text_array(&r->pool, scope->names, scope->count) : param_text(NULL),
	    param_text(resource),
	    param_int(&r->pool, window),
	    param_bool(r->retry_after_s > 0),
	    param_text(proof->key_thumbprint),
	};

	store_proof_params(proof, params);
	return store_ask_together(r, STATEMENT_REFRESH, params, sizeof(params) / sizeof(params[0]), grant_id);
}

enum refresh store_read_refresh(struct request *r, struct granted *ret)
{
	static const char *const OUTCOMES[] = {
	    [REFRESH_CLIENT_REFUSED] = "client_refused",
	    [REFRESH_UNAUTHORIZED_CLIENT] = "unauthorized_client",
	    [REFRESH_INVALID] = "invalid",
	    [REFRESH_REUSED] = "reused",
	    [REFRESH_TARGET_MISMATCH] = "target_mismatch",
	    [REFRESH_SCOPE_EXCEEDED] = "scope_exceeded",
	    [REFRESH_KEY_MISSING] = "key_missing",
	    [REFRESH_KEY_MISMATCH] = "key_mismatch",
	    [REFRESH_LIMITED] = "limited",
	    [REFRESH_ROTATED] = "rotated",
	    [REFRESH_RETRIED] = "retried",
	    [REFRESH_STALE] = "stale",
	};
	enum refresh outcome = (enum refresh)store_outcome(r, OUTCOMES, sizeof(OUTCOMES) / sizeof(OUTCOMES[0]));

	*ret = (struct granted){0};
	if (outcome >= REFRESH_ROTATED || outcome == REFRESH_REUSED)
		read_granted(r, ret);
	return outcome;
}

step_result store_client_credentials(struct request *r, const struct client_proof *proof, const struct scopes *scope,
                                     const char *resource)
{
	bool narrows = scope != NULL && scope->count > 0;
	struct db_param params[PROOF_PARAMS + 3] = {
	    [PROOF_PARAMS] = narrows ? param_text_array(&r->pool, scope->names, scope->count) : param_text(NULL),
	    param_text(resource),
	    param_bool(proof->key_thumbprint != NULL),
	};

	store_proof_params(proof, params);
	return store_ask(r, STATEMENT_CLIENT_CREDENTIALS, params, sizeof(params) / sizeof(params[0]));
}

enum own_grant store_read_client_credentials(struct request *r, struct granted *ret)
{
	static const char *const OUTCOMES[] = {
	    [OWN_CLIENT_REFUSED] = "client_refused", [OWN_UNAUTHORIZED_CLIENT] = "unauthorized_client",
	    [OWN_TARGET_UNKNOWN] = "target_unknown", [OWN_SCOPE_EXCEEDED] = "scope_exceeded",
	    [OWN_KEY_MISSING] = "key_missing",       [OWN_GRANTED] = "granted",
	};
	enum own_grant outcome = (enum own_grant)store_outcome(r, OUTCOMES, sizeof(OUTCOMES) / sizeof(OUTCOMES[0]));

	*ret = (struct granted){0};
	if (outcome == OWN_GRANTED)
		read_granted(r, ret);
	return outcome;
}

step_result store_introspect(struct request *r, const struct client_proof *proof, const uint8_t grant_id[16],
                             const char *jti)
{
	struct db_param params[PROOF_PARAMS + 2] = {[PROOF_PARAMS] = param_uuid(grant_id), param_text(jti)};

	store_proof_params(proof, params);
	return store_ask(r, STATEMENT_INTROSPECT, params, sizeof(params) / sizeof(params[0]));
}

void store_read_introspect(struct request *r, struct introspected *ret)
{
	static const char *const OUTCOMES[] = {"client_refused", "inactive", "active"};
	int outcome = store_outcome(r, OUTCOMES, 3);

	*ret = (struct introspected){.client_refused = outcome == 0, .active = outcome == 2};
	if (!ret->active)
		return;
	ret->username = store_text(r, 0, "username");
	ret->scope = store_text(r, 0, "scope");
	ret->client_id = store_text(r, 0, "client_id");
	ret->subject = store_text(r, 0, "subject");
	ret->grantable_scope = store_text(r, 0, "grantable_scope");
	ret->expires_in = rows_int(r->rows, 0, "expires_in");
	ret->roles = store_texts(r, 0, "roles", &ret->role_count);
	ret->groups = store_texts(r, 0, "groups", &ret->group_count);
	ret->claims = store_text(r, 0, "claims");
}

step_result store_introspect_api_key(struct request *r, const struct client_proof *proof, const uint8_t key_id[16])
{
	struct db_param params[PROOF_PARAMS + 1] = {[PROOF_PARAMS] = param_uuid(key_id)};

	store_proof_params(proof, params);
	return store_ask(r, STATEMENT_INTROSPECT_API_KEY, params, sizeof(params) / sizeof(params[0]));
}

void store_read_introspect_api_key(struct request *r, struct introspected *ret)
{
	store_read_introspect(r, ret);
	if (!ret->active)
		return;
	ret->resource = store_text(r, 0, "resource");
	ret->issued_at = rows_int(r->rows, 0, "issued_at");
	ret->expires_at = rows_int(r->rows, 0, "expires_at");
}

step_result store_revoke(struct request *r, const struct client_proof *proof, const uint8_t grant_id[16],
                         const char *jti, int64_t token_expires_at)
{
	struct db_param params[PROOF_PARAMS + 3] = {
	    [PROOF_PARAMS] = param_uuid(grant_id),
	    param_text(jti),
	    param_int(&r->pool, token_expires_at),
	};

	store_proof_params(proof, params);
	return store_ask(r, STATEMENT_REVOKE, params, sizeof(params) / sizeof(params[0]));
}

enum revoke store_read_revoke(struct request *r)
{
	static const char *const OUTCOMES[] = {"client_refused", "nothing", "done"};

	return (enum revoke)store_outcome(r, OUTCOMES, 3);
}

step_result store_prove_client(struct request *r, const struct client_proof *proof, bool needs_resource)
{
	struct db_param params[PROOF_PARAMS + 1] = {[PROOF_PARAMS] = param_bool(needs_resource)};

	store_proof_params(proof, params);
	return store_ask(r, STATEMENT_PROVE_CLIENT, params, sizeof(params) / sizeof(params[0]));
}

step_result store_userinfo(struct request *r, const uint8_t grant_id[16], const char *jti, const struct scopes *scope)
{
	struct db_param params[] = {
	    param_uuid(grant_id),
	    param_text(jti),
	    param_text_array(&r->pool, scope->names, scope->count),
	};

	return store_ask(r, STATEMENT_USERINFO, params, sizeof(params) / sizeof(params[0]));
}

bool store_read_userinfo(struct request *r, struct userinfo *ret)
{
	*ret = (struct userinfo){
	    .subject = store_text(r, 0, "subject"),
	    .username = store_text(r, 0, "username"),
	    .display_name = store_text(r, 0, "display_name"),
	};
	return ret->subject != NULL;
}
