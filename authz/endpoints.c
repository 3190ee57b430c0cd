/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/endpoints.h"

#include <string.h>

#include "authz/admin_client.h"
#include "authz/authorize.h"
#include "authz/bearer.h"
#include "authz/budget.h"
#include "authz/client_key_metadata.h"
#include "authz/client_metadata_schema.h"
#include "authz/consent.h"
#include "authz/event.h"
#include "authz/introspect.h"
#include "authz/keys.h"
#include "authz/login.h"
#include "authz/metadata.h"
#include "authz/page_reply.h"
#include "authz/register.h"
#include "authz/registered_client.h"
#include "authz/revocations.h"
#include "authz/revoke.h"
#include "authz/token.h"
#include "authz/userinfo.h"
#include "common/reply.h"

bool authz_is_ready(struct authz *authz)
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	bool ready = db_ready(authz->db) && keyring_signing_key(authz->keyring, &pool) != NULL;
	h2o_mem_clear_pool(&pool);
	return ready;
}

static step_result answer_health(struct request *r)
{
	struct authz *authz = authz_of(r);
	if (!db_ready(authz->db))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the database is not connected");
	if (keyring_signing_key(authz->keyring, &r->pool) == NULL)
		return fail(r, &TEMPORARILY_UNAVAILABLE, "there is no key to sign with yet");
	if (event_demand_record(r) == STEP_DONE)
		return STEP_DONE;
	return reply_json(r, 200, json_pack("{s:s}", "status", "ok"));
}

static step_fn *const health_steps[] = {answer_health, NULL};

/* THE TABLE. What a row leaves out: anyone may ask, no body, errors as OAuth JSON, no CORS. */
static const struct endpoint ENDPOINTS[] = {
    {.method = "GET",
     .path = "/.well-known/oauth-authorization-server{base}",
     .cors = ANY_ORIGIN,
     .steps = metadata_steps,
     .about = "RFC 8414 metadata"},
    {.method = "GET",
     .path = "/.well-known/openid-configuration{base}",
     .cors = ANY_ORIGIN,
     .steps = metadata_steps,
     .about = "the same, where OpenID clients look (inserted form)"},
    {.method = "GET",
     .path = "{base}/.well-known/openid-configuration",
     .cors = ANY_ORIGIN,
     .steps = metadata_steps,
     .about = "the same (appended form)"},
    {.method = "GET",
     .path = "{base}/.well-known/oauth-authorization-server",
     .cors = ANY_ORIGIN,
     .steps = metadata_steps,
     .about = "the same (appended form)"},
    {.method = "GET",
     .path = "{base}/jwks",
     .cors = ANY_ORIGIN,
     .steps = jwks_steps,
     .about = "public signing keys (RFC 7517)"},
    {.method = "POST",
     .path = "{base}/register",
     .body = JSON,
     .errors_as = AS_CHALLENGE,
     .cors = ANY_ORIGIN,
     .budget = BUDGET_REGISTRATION,
     .steps = register_steps,
     .state_size = sizeof(struct register_state),
     .about = "registration of clients (RFC 7591)"},
    {.method = "GET",
     .path = "{base}/register/{id}",
     .caller = REGISTRANT,
     .errors_as = AS_CHALLENGE,
     .cors = ANY_ORIGIN,
     .budget = BUDGET_MANAGEMENT,
     .steps = registered_client_show_steps,
     .about = "what a client registered (RFC 7592)"},
    {.method = "PUT",
     .path = "{base}/register/{id}",
     .caller = REGISTRANT,
     .body = JSON,
     .errors_as = AS_CHALLENGE,
     .cors = ANY_ORIGIN,
     .budget = BUDGET_MANAGEMENT,
     .steps = registered_client_replace_steps,
     .state_size = sizeof(struct registered_client_state),
     .about = "something else in its place"},
    {.method = "DELETE",
     .path = "{base}/register/{id}",
     .caller = REGISTRANT,
     .errors_as = AS_CHALLENGE,
     .cors = ANY_ORIGIN,
     .budget = BUDGET_MANAGEMENT,
     .steps = registered_client_delete_steps,
     .about = "its end, with its grants"},
    {.method = "GET",
     .path = "{base}/authorize",
     .errors_as = AS_REDIRECT,
     .budget = BUDGET_AUTHORIZATION,
     .steps = authorize_steps,
     .state_size = sizeof(struct authorize_state),
     .about = "authorization request (code, S256)"},
    {.method = "POST",
     .path = "{base}/authorize",
     .body = FORM,
     .errors_as = AS_REDIRECT,
     .budget = BUDGET_AUTHORIZATION,
     .steps = authorize_steps,
     .state_size = sizeof(struct authorize_state),
     .about = "the same as a form"},
    {.method = "GET",
     .path = "{base}/sign-in",
     .errors_as = AS_PAGE,
     .steps = sign_in_page_steps,
     .state_size = sizeof(struct sign_in_state),
     .about = "sign-in page"},
    {.method = "POST",
     .path = "{base}/sign-in",
     .body = FORM,
     .errors_as = AS_PAGE,
     .steps = sign_in_steps,
     .state_size = sizeof(struct sign_in_state),
     .about = "name and password"},
    {.method = "GET",
     .path = "{base}/consent",
     .errors_as = AS_PAGE,
     .steps = consent_page_steps,
     .state_size = sizeof(struct consent_state),
     .about = "consent page"},
    {.method = "POST",
     .path = "{base}/consent",
     .body = FORM,
     .errors_as = AS_PAGE,
     .steps = consent_steps,
     .state_size = sizeof(struct consent_state),
     .about = "the person's decision"},
    {.method = "POST",
     .path = "{base}/sign-out",
     .body = FORM,
     .errors_as = AS_PAGE,
     .steps = sign_out_steps,
     .state_size = sizeof(struct sign_out_state),
     .about = "end of the session"},
    {.method = "POST",
     .path = "{base}/token",
     .caller = CLIENT,
     .body = FORM,
     .cors = ANY_ORIGIN,
     .budget = BUDGET_TOKEN,
     .steps = token_steps,
     .state_size = sizeof(struct token_state),
     .about = "authorization_code, refresh_token and client_credentials"},
    {.method = "POST",
     .path = "{base}/introspect",
     .caller = CLIENT,
     .body = FORM,
     .steps = introspect_steps,
     .state_size = sizeof(struct introspect_state),
     .body_limit = 32 * 1024,
     .about = "RFC 7662, for resource servers"},
    {.method = "POST",
     .path = "{base}/revoke",
     .caller = CLIENT,
     .body = FORM,
     .cors = ANY_ORIGIN,
     .steps = revoke_steps,
     .state_size = sizeof(struct revoke_state),
     .body_limit = 32 * 1024,
     .about = "RFC 7009"},
    {.method = "POST",
     .path = "{base}/revocations",
     .caller = CLIENT,
     .body = JSON,
     .steps = revocations_steps,
     .state_size = sizeof(struct revocations_state),
     .body_limit = 64 * 1024,
     .about = "security events for resource servers (RFC 8936)"},
    {.method = "GET",
     .path = "{base}/admin/clients",
     .caller = ADMIN,
     .errors_as = AS_CHALLENGE,
     .steps = admin_client_list_steps,
     .state_size = sizeof(struct admin_client_state),
     .about = "clients, ?after= and ?limit="},
    {.method = "POST",
     .path = "{base}/admin/clients",
     .caller = ADMIN,
     .body = JSON,
     .errors_as = AS_CHALLENGE,
     .steps = admin_client_add_steps,
     .state_size = sizeof(struct admin_client_state),
     .about = "a new client"},
    {.method = "GET",
     .path = "{base}/admin/clients/{id}",
     .caller = ADMIN,
     .errors_as = AS_CHALLENGE,
     .steps = admin_client_show_steps,
     .state_size = sizeof(struct admin_client_state),
     .about = "one client"},
    {.method = "PATCH",
     .path = "{base}/admin/clients/{id}",
     .caller = ADMIN,
     .body = JSON,
     .errors_as = AS_CHALLENGE,
     .steps = admin_client_update_steps,
     .state_size = sizeof(struct admin_client_state),
     .about = "changes of it (RFC 7396)"},
    {.method = "DELETE",
     .path = "{base}/admin/clients/{id}",
     .caller = ADMIN,
     .errors_as = AS_CHALLENGE,
     .steps = admin_client_delete_steps,
     .state_size = sizeof(struct admin_client_state),
     .about = "its end, with its grants"},
    {.method = "GET",
     .path = "{base}/userinfo",
     .caller = BEARER,
     .errors_as = AS_CHALLENGE,
     .cors = ANY_ORIGIN,
     .steps = userinfo_steps,
     .about = "who signed in (OpenID Connect Core, 5.3)"},
    {.method = "POST",
     .path = "{base}/userinfo",
     .caller = BEARER,
     .errors_as = AS_CHALLENGE,
     .cors = ANY_ORIGIN,
     .steps = userinfo_steps,
     .about = "the same"},
    {.method = "GET", .path = "{base}/style.css", .steps = style_steps, .about = "style of the pages"},
    {.method = "GET", .path = "{base}/health", .steps = health_steps, .about = "200 while keys and database are there"},
};

/* A page that made its own name point here (DNS rebinding) sends that name. Probes may ask for health by any; an
 * administrator's listener has names that nobody else knows, and wants a key. */
static step_result check_host(struct request *r)
{
	const struct authz_settings *settings = &authz_of(r)->settings;
	if (r->h2o == NULL || r->at_admin_listener)
		return STEP_NEXT;
	const char *authority = strstr(settings->origin, "://") + 3;
	if (text_is_nocase(r->h2o->input.authority, authority))
		return STEP_NEXT;
	size_t base_len = strlen(settings->base);
	if (r->path.len >= base_len &&
	    text_is(h2o_iovec_init(r->path.base + base_len, r->path.len - base_len), "/health"))
		return STEP_NEXT;
	show_error_json(r, &FORBIDDEN, "the Host header does not name this server");
	return STEP_DONE;
}

/* What every answer says, pages and errors and documents alike. HSTS: RFC 6797; a year, as browsers expect it. */
static step_result admit(struct request *r)
{
	reply_header(r, "x-content-type-options", "nosniff");
	if (authz_of(r)->settings.secure)
		reply_header(r, "strict-transport-security", "max-age=31536000");
	return check_host(r);
}

const struct service *authz_service(struct authz *authz)
{
	struct service *service = h2o_mem_alloc_pool(&authz->pool, sizeof(*service));
	*service = (struct service){
	    .name = "authz",
	    .endpoints = ENDPOINTS,
	    .endpoint_count = sizeof(ENDPOINTS) / sizeof(ENDPOINTS[0]),
	    .base = authz->settings.base,
	    .guards = {[CLIENT] = client_guard,
	               [ADMIN] = admin_guard,
	               [REGISTRANT] = registrant_guard,
	               [BEARER] = bearer_guard},
	    .show_error = {[AS_JSON] = show_error_client,
	                   [AS_PAGE] = show_error_page,
	                   [AS_REDIRECT] = show_error_redirect,
	                   [AS_CHALLENGE] = show_error_challenge},
	    .admit = admit,
	    .spend = budget_spend,
	    .has_admin_listener = authz->settings.has_admin_listener,
	    .daemon = authz,
	};
	authz->metadata = metadata_build(authz);
	client_metadata_schema_prepare();
	client_key_metadata_offer_tls(authz->settings.client_certificates, authz->settings.client_authorities);
	return service;
}
