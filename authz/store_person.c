/* SPDX-License-Identifier: Apache-2.0 */
/* Authorization requests, their pages, signing in, and the decision. */
#include "authz/store_statements.h"

#include <string.h>

static struct db_param optional_uuid(const uint8_t *id)
{
	return id == NULL ? param_text(NULL) : param_uuid(id);
}

step_result store_page_view(struct request *r, const uint8_t request_id[16], const uint8_t browser_id[16],
                            const uint8_t *session_id)
{
	struct db_param params[] = {param_uuid(request_id), param_uuid(browser_id), optional_uuid(session_id)};

	return store_ask(r, STATEMENT_PAGE_VIEW, params, 3);
}

static void read_scopes_shown(struct request *r, struct page_view *ret)
{
	size_t count, title_count, tool_count, allowed_count, kept_count;
	const char **names = store_texts(r, 0, "scope_names", &count);
	const char **titles = store_texts(r, 0, "scope_titles", &title_count);
	const char **tools = store_texts(r, 0, "scope_tools", &tool_count);
	const char **allowed = store_texts(r, 0, "scope_allowed", &allowed_count);
	const char **kept = store_texts(r, 0, "scope_kept", &kept_count);

	if (title_count < count || tool_count < count || allowed_count < count || kept_count < count)
		count = 0;
	ret->scopes = h2o_mem_alloc_pool(&r->pool, (count + 1) * sizeof(struct scope_shown));
	ret->scope_count = count;
	for (size_t i = 0; i < count; i++) {
		ret->scopes[i] = (struct scope_shown){
		    .name = names[i],
		    .title = titles[i],
		    .tools = tools[i],
		    .allowed = strcmp(allowed[i], "true") == 0,
		    .kept = strcmp(kept[i], "true") == 0,
		};
	}
}

enum page_state store_read_page_view(struct request *r, struct page_view *ret)
{
	static const char *const OUTCOMES[] = {"no_request", "sign_in", "consent"};
	enum page_state state = (enum page_state)store_outcome(r, OUTCOMES, 3);

	*ret = (struct page_view){0};
	if (state == PAGE_NO_REQUEST)
		return state;
	ret->request = (struct authorization){
	    .client_id = store_text(r, 0, "client_id"),
	    .client_name = store_text(r, 0, "client_name"),
	    .client_uri = store_text(r, 0, "client_uri"),
	    .redirect_uri = store_text(r, 0, "redirect_uri"),
	    .resource = store_text(r, 0, "resource"),
	    .resource_name = store_text(r, 0, "resource_name"),
	    .state = store_text(r, 0, "state"),
	    .code_challenge = store_text(r, 0, "code_challenge"),
	    .prompt = store_text(r, 0, "prompt"),
	    .details = store_text(r, 0, "details"),
	    .client_is_dynamic = rows_bool(r->rows, 0, "client_is_dynamic"),
	    .loopback_only = rows_bool(r->rows, 0, "loopback_only"),
	};
	ret->request.scopes = store_texts(r, 0, "requested_scopes", &ret->request.scope_count);
	read_scopes_shown(r, ret);
	ret->username = store_text(r, 0, "username");
	ret->display_name = store_text(r, 0, "display_name");
	ret->auth_time = rows_int(r->rows, 0, "auth_time");
	ret->grantable = rows_bool(r->rows, 0, "grantable");
	ret->silent = rows_text(r->rows, 0, "silent") != NULL;
	ret->can_remember = rows_bool(r->rows, 0, "can_remember");
	ret->client_described = store_text(r, 0, "client_described");
	return state;
}

/* ---- signing in ---- */

step_result store_person_for_sign_in(struct request *r, const char *username, const char *address)
{
	struct db_param params[] = {param_text(username), param_text(address)};

	return store_ask(r, STATEMENT_PERSON_FOR_SIGN_IN, params, 2);
}

bool store_read_person_for_sign_in(struct request *r, struct person_sign_in *ret)
{
	*ret = (struct person_sign_in){0};
	if (rows_count(r->rows) != 1)
		return false;
	ret->throttled = rows_bool(r->rows, 0, "throttled");
	ret->password_hash = store_text(r, 0, "password_hash");
	return rows_uuid(r->rows, 0, "person_id", ret->person_id) && ret->password_hash != NULL;
}

step_result store_sign_in(struct request *r, const uint8_t person_id[16], const uint8_t session_id[16],
                          const uint8_t *old_session_id, const char *compared_hash, const char *new_hash, int64_t idle,
                          int64_t lifetime)
{
	struct db_param params[] = {
	    param_uuid(person_id),         param_uuid(session_id),         optional_uuid(old_session_id),
	    param_text(compared_hash),     param_text(new_hash),           param_int(&r->pool, idle),
	    param_int(&r->pool, lifetime), param_text(request_address(r)), /* becomes a known address of the person */
	};

	return store_ask(r, STATEMENT_SIGN_IN, params, sizeof(params) / sizeof(params[0]));
}

bool store_read_sign_in(struct request *r)
{
	return rows_count(r->rows) == 1 && rows_bool(r->rows, 0, "signed_in");
}

step_result store_sign_out(struct request *r, const uint8_t session_id[16])
{
	struct db_param params[] = {param_uuid(session_id)};

	return store_ask(r, STATEMENT_SIGN_OUT, params, 1);
}

/* ---- the decision ---- */

step_result store_decide(struct request *r, const uint8_t request_id[16], const uint8_t browser_id[16],
                         const uint8_t *session_id, enum decide_how how, const uint8_t code_id[16],
                         int64_t code_lifetime)
{
	static const char *const HOW[] = {
	    [DECIDE_DENY] = "deny", [DECIDE_APPROVE] = "approve", [DECIDE_SILENTLY] = "silent"};
	struct db_param params[] = {
	    param_uuid(request_id), param_uuid(browser_id), optional_uuid(session_id),
	    param_text(HOW[how]),   optional_uuid(code_id), param_int(&r->pool, code_lifetime),
	};

	return store_ask(r, STATEMENT_DECIDE, params, sizeof(params) / sizeof(params[0]));
}

enum decision store_read_decide(struct request *r, struct decided *ret)
{
	static const char *const OUTCOMES[] = {"no_request", "no_session", "denied", "no_scope", "ask", "approved"};
	enum decision decision = (enum decision)store_outcome(r, OUTCOMES, 6);

	*ret = (struct decided){
	    .redirect_uri = store_text(r, 0, "redirect_uri"),
	    .state = store_text(r, 0, "state"),
	    .client_id = store_text(r, 0, "client_id"),
	    .resource = store_text(r, 0, "resource"),
	    .username = store_text(r, 0, "username"),
	    .scope = store_text(r, 0, "scope"),
	    .consent = store_text(r, 0, "consent"),
	};
	return decision;
}

step_result store_authorize(struct request *r, const struct authorization *a, const struct authorize_ids *ids,
                            int64_t request_lifetime, int64_t code_lifetime)
{
	struct db_param params[] = {
	    param_uuid(ids->request),
	    param_uuid(ids->browser),
	    optional_uuid(ids->session),
	    param_uuid(ids->code),
	    param_text(a->client_id),
	    param_text(a->resource),
	    param_text(a->redirect_uri),
	    param_text_array(&r->pool, a->scopes, a->scope_count),
	    param_text(a->state),
	    param_text(a->code_challenge),
	    param_text(a->nonce),
	    param_text(a->prompt),
	    param_text(a->came),
	    param_int(&r->pool, request_lifetime),
	    param_int(&r->pool, code_lifetime),
	    param_text(a->key_thumbprint),
	    a->max_age < 0 ? param_text(NULL) : param_int(&r->pool, a->max_age),
	    param_text(a->details),
	    param_text(a->approval),
	};

	return store_ask_together(r, STATEMENT_AUTHORIZE, params, sizeof(params) / sizeof(params[0]), ids->code);
}

enum authorize store_read_authorize(struct request *r, struct decided *ret)
{
	static const char *const OUTCOMES[] = {"gone", "no_session", "ask", "approved"};
	enum authorize outcome = (enum authorize)store_outcome(r, OUTCOMES, 4);

	*ret = (struct decided){0};
	if (outcome == AUTHORIZE_APPROVED) {
		ret->username = store_text(r, 0, "username");
		ret->scope = store_text(r, 0, "scope");
		ret->consent = store_text(r, 0, "consent");
	}
	return outcome;
}
