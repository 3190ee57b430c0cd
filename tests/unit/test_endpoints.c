/* SPDX-License-Identifier: Apache-2.0 */
/* The table from outside: router, guards, steps and answers of all machine endpoints, over doubles of the store. */
#include "authz/endpoints.c"

#include "authz/authentication.h"
#include "authz/authorization_details.h"
#include "common/clock.h"
#include "common/encoding.h"
#include "common/jws.h"
#include "tests/unit/authz_double.h"

#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static json_t *answer_json(struct request *r)
{
	json_t *answer = json_read(&r->pool, reply_test_body(r), NULL);
	assert_non_null(answer);
	return answer;
}

static bool is(const json_t *object, const char *member, const char *text)
{
	return text_is(json_get_text(object, member), text);
}

static void assert_failed(struct request *r, int status, const char *error)
{
	json_t *answer = answer_json(r);
	if (reply_test_status(r) != status || !is(answer, "error", error))
		fail_saying("%d %s", reply_test_status(r), reply_test_body(r).base);
	assert_string_equal(reply_test_header(r, "cache-control"), "no-store");
	request_test_free(r);
}

static void describes_itself(void **state)
{
	(void)state;
	static const char *const PATHS[] = {
	    "/.well-known/oauth-authorization-server/t1", "/.well-known/openid-configuration/t1",
	    "/t1/.well-known/openid-configuration", "/t1/.well-known/oauth-authorization-server"};
	for (size_t i = 0; i < 4; i++) {
		struct request *r = ask("GET", PATHS[i], NULL, NULL);
		json_t *d = answer_json(r);
		assert_int_equal(reply_test_status(r), 200);
		assert_string_equal(reply_test_header(r, "content-type"), "application/json");
		assert_string_equal(reply_test_header(r, "access-control-allow-origin"), "*");
		assert_true(is(d, "issuer", "http://127.0.0.1:9400/t1"));
		assert_true(is(d, "token_endpoint", "http://127.0.0.1:9400/t1/token"));
		assert_true(is(d, "registration_endpoint", "http://127.0.0.1:9400/t1/register"));
		assert_string_equal(
		    json_string_value(json_array_get(json_object_get(d, "code_challenge_methods_supported"), 0)),
		    "S256");
		assert_true(json_is_true(json_object_get(d, "authorization_response_iss_parameter_supported")));
		assert_string_equal(json_string_value(json_array_get(json_object_get(d, "acr_values_supported"), 0)),
		                    AUTHENTICATION_PASSWORD);
		request_test_free(r);
	}
	struct request *r = ask("GET", "/.well-known/oauth-authorization-server", NULL, NULL);
	assert_int_equal(reply_test_status(r), 404);
	request_test_free(r);
}

/* Each URL that the document names is a row of the table. */
static void promises_only_what_there_is(void **state)
{
	(void)state;
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	json_t *d = json_read(&pool, AUTHZ.metadata, NULL), *value;
	const char *name;
	json_object_foreach (d, name, value) {
		const char *url = json_string_value(value);
		if (url == NULL || strcmp(name, "issuer") == 0)
			continue;
		struct request *r = ask("PUT", url + strlen(AUTHZ.settings.origin), NULL, NULL);
		assert_int_equal(reply_test_status(r), 405);
		request_test_free(r);
	}
	AUTHZ.settings.registration = REGISTRATION_CLOSED;
	json_t *closed = json_read(&pool, metadata_build(&AUTHZ), NULL);
	assert_null(json_object_get(closed, "registration_endpoint"));
	assert_failed(ask("POST", "/t1/register", NULL, "{\"redirect_uris\":[\"https://a.example/\"]}"), 403,
	              "access_denied");
	AUTHZ.settings.registration = REGISTRATION_OPEN;
	h2o_mem_clear_pool(&pool);
}

static void registers_clients(void **state)
{
	(void)state;
	DOUBLE.registered = REGISTER_ADDED;
	struct request *r = ask("POST", "/t1/register", NULL,
	                        "{\"redirect_uris\":[\"http://localhost:1/cb\"],\"client_name\":\"N\",\"scope\":\"\"}");
	json_t *answer = answer_json(r);
	assert_int_equal(reply_test_status(r), 201);
	assert_true(text_starts(json_get_text(answer, "client_secret"), "secret_"));
	assert_int_equal(json_integer_value(json_object_get(answer, "client_secret_expires_at")), 0);
	assert_true(is(answer, "client_id", DOUBLE.added.client_id));
	assert_true(is(answer, "token_endpoint_auth_method", "client_secret_basic"));
	assert_true(DOUBLE.added_secret);
	assert_string_equal(DOUBLE.added.origin, "dynamic");
	assert_string_equal(reply_test_header(r, "cache-control"), "no-store");
	request_test_free(r);

	r = ask("POST", "/t1/register", NULL,
	        "{\"redirect_uris\":[\"http://localhost:1/cb\"],\"token_endpoint_auth_method\":\"none\"}");
	assert_int_equal(reply_test_status(r), 201);
	assert_null(json_object_get(answer_json(r), "client_secret"));
	assert_false(DOUBLE.added_secret);
	request_test_free(r);

	double_reset(NULL);
	assert_failed(ask("POST", "/t1/register", NULL, "{\"redirect_uris\":[\"javascript:x\"]}"), 400,
	              "invalid_redirect_uri");
	assert_failed(ask("POST", "/t1/register", NULL, "[]"), 400, "invalid_client_metadata");
	assert_failed(ask("POST", "/t1/register", NULL, "{"), 400, "invalid_request");
	assert_null(DOUBLE.asked);
}

static struct granted granted_of(uint32_t generation)
{
	struct granted g = {.generation = generation,
	                    .subject = "person",
	                    .client_id = "c",
	                    .resource = "http://127.0.0.1:9401/mcp",
	                    .scope = "logs:read",
	                    .auth_time = clock_now() - 5,
	                    .now = clock_now()};
	memset(g.grant_id, 9, sizeof(g.grant_id));
	return g;
}

static struct request *redeem_with(const char *extra)
{
	struct request *r = prepare("POST", "/t1/token", NULL, "x");
	r->body = text_of(text_printf(&r->pool, "grant_type=authorization_code&client_id=c&code=%s&%s",
	                              handle_text(r, HANDLE_CODE, 3, 0), extra));
	return run(r);
}

static void gives_tokens_for_a_code(void **state)
{
	(void)state;
	DOUBLE.redeem = REDEEM_GRANTED;
	DOUBLE.granted = granted_of(1);
	struct request *r = redeem_with("code_verifier=" VERIFIER
	                                "&redirect_uri=http%3A%2F%2Flocalhost%2F&resource=http://127.0.0.1:9401/mcp");
	json_t *answer = answer_json(r);
	const char *why;
	assert_int_equal(reply_test_status(r), 200);
	assert_string_equal(DOUBLE.challenge, CHALLENGE);
	assert_string_equal(DOUBLE.redirect_uri, "http://localhost/");
	assert_string_equal(DOUBLE.resource_asked, "http://127.0.0.1:9401/mcp");
	assert_int_equal(DOUBLE.id[0], 3);
	assert_true(is(answer, "token_type", "Bearer") && is(answer, "scope", "logs:read"));
	assert_int_equal(json_integer_value(json_object_get(answer, "expires_in")), 600);
	assert_string_equal(reply_test_header(r, "pragma"), "no-cache");
	struct handle refresh;
	assert_true(handle_open(AUTHZ.handle_keys, HANDLE_REFRESH, json_get_text(answer, "refresh_token"), &refresh));
	assert_int_equal(refresh.generation, 1);
	json_t *claims = jws_verify(&r->pool, &DOUBLE_KEYS, "at+jwt", json_get_text(answer, "access_token"), &why);
	assert_non_null(claims);
	assert_null(jwt_claims_problem(claims, AUTHZ.settings.issuer, "http://127.0.0.1:9401/mcp", clock_now(), 0));
	assert_true(is(claims, "sub", "person") && is(claims, "client_id", "c") && is(claims, "scope", "logs:read"));
	assert_true(is(claims, "grant_id", "09090909-0909-0909-0909-090909090909"));
	assert_int_equal(json_get_text(claims, "jti").len, 22);
	assert_true(is(claims, "acr", AUTHENTICATION_PASSWORD));
	assert_int_equal(json_integer_value(json_object_get(claims, "auth_time")), DOUBLE.granted.auth_time);
	request_test_free(r);
}

/* It is for now: the token says so, and ends soon. */
static void puts_an_approval_into_one_token(void **state)
{
	(void)state;
	DOUBLE.redeem = REDEEM_GRANTED;
	DOUBLE.granted = granted_of(1);
	DOUBLE.granted.approval = "[{\"type\":\"mcp_approval\"}]";
	struct request *r = redeem_with("code_verifier=" VERIFIER);
	json_t *answer = answer_json(r);
	const char *why;
	json_t *claims = jws_verify(&r->pool, &DOUBLE_KEYS, "at+jwt", json_get_text(answer, "access_token"), &why);
	json_int_t lifetime = json_integer_value(json_object_get(answer, "expires_in"));
	assert_int_equal(lifetime, APPROVAL_LIFETIME_S);
	assert_int_equal(json_integer_value(json_object_get(claims, "exp")) -
	                     json_integer_value(json_object_get(claims, "iat")),
	                 lifetime);
	assert_true(json_equal(json_object_get(claims, "authorization_details"),
	                       json_object_get(answer, "authorization_details")));
	assert_true(is(json_array_get(json_object_get(claims, "authorization_details"), 0), "type", "mcp_approval"));
	request_test_free(r);
	AUTHZ.settings.access_token_lifetime = 60; /* never longer than others */
	r = redeem_with("code_verifier=" VERIFIER);
	assert_int_equal(json_integer_value(json_object_get(answer_json(r), "expires_in")), 60);
	AUTHZ.settings.access_token_lifetime = 600;
	request_test_free(r);
	assert_failed(ask("POST", "/t1/token", NULL,
	                  "grant_type=refresh_token&client_id=c&refresh_token=x&authorization_details=%5B%5D"),
	              400, "invalid_authorization_details");
}

static void refuses_codes(void **state)
{
	(void)state;
	static const struct {
		enum redeem outcome;
		int status;
		const char *error;
	} CASES[] = {
	    {REDEEM_CLIENT_REFUSED, 401, "invalid_client"},   {REDEEM_UNAUTHORIZED_CLIENT, 400, "unauthorized_client"},
	    {REDEEM_INVALID, 400, "invalid_grant"},           {REDEEM_REPLAYED, 400, "invalid_grant"},
	    {REDEEM_REDIRECT_MISMATCH, 400, "invalid_grant"}, {REDEEM_VERIFIER_MISMATCH, 400, "invalid_grant"},
	    {REDEEM_TARGET_MISMATCH, 400, "invalid_target"},
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		DOUBLE.redeem = CASES[i].outcome;
		assert_failed(redeem_with("code_verifier=" VERIFIER), CASES[i].status, CASES[i].error);
	}
	double_reset(NULL);
	assert_failed(redeem_with("a=b"), 400, "invalid_request");
	assert_failed(redeem_with("code_verifier=short"), 400, "invalid_request");
	assert_failed(redeem_with("code_verifier=" VERIFIER "%21"), 400, "invalid_request");
	assert_failed(redeem_with("code_verifier=" VERIFIER "&code_verifier=" VERIFIER), 400, "invalid_request");
	assert_failed(redeem_with("code_verifier=" VERIFIER "&resource=a:b&resource=c:d"), 400, "invalid_target");
	assert_failed(
	    ask("POST", "/t1/token", NULL, "grant_type=authorization_code&client_id=c&code_verifier=" VERIFIER), 400,
	    "invalid_request");
	assert_null(DOUBLE.asked);
	DOUBLE.revoke = REVOKE_NOTHING;
	assert_failed(ask("POST", "/t1/token", NULL,
	                  "grant_type=authorization_code&client_id=c&code=forged&code_verifier=" VERIFIER),
	              400, "invalid_grant");
	assert_string_equal(DOUBLE.asked, "prove_client");
}

static void knows_two_grant_types(void **state)
{
	(void)state;
	assert_failed(ask("POST", "/t1/token", NULL, "client_id=c"), 400, "invalid_request");
	assert_failed(ask("POST", "/t1/token", NULL, "client_id=c&grant_type=password"), 400, "unsupported_grant_type");
	struct request *r = ask("POST", "/t1/token", NULL, "{}");
	assert_int_equal(reply_test_status(r), 415);
	request_test_free(r);
}

static struct request *refresh_with(enum handle_type type, const char *extra)
{
	struct request *r = prepare("POST", "/t1/token", NULL, "x");
	r->body = text_of(text_printf(&r->pool, "grant_type=refresh_token&client_id=c&refresh_token=%s%s",
	                              handle_text(r, type, 9, 4), extra));
	return run(r);
}

static void refreshes(void **state)
{
	(void)state;
	static const enum refresh GIVEN[] = {REFRESH_ROTATED, REFRESH_RETRIED, REFRESH_STALE};
	const char *first = NULL;
	DOUBLE.granted = granted_of(5);
	for (size_t i = 0; i < 3; i++) {
		DOUBLE.refresh = GIVEN[i];
		struct request *r = refresh_with(HANDLE_REFRESH, "&scope=logs%3Aread%20offline_access");
		json_t *answer = answer_json(r);
		assert_int_equal(reply_test_status(r), 200);
		assert_int_equal(DOUBLE.generation, 4);
		const char *token = text_copy(&AUTHZ.pool, json_get_text(answer, "refresh_token"));
		if (first != NULL)
			assert_string_equal(token, first); /* the same successor again */
		first = token;
		request_test_free(r);
	}
	static const struct {
		enum refresh outcome;
		int status;
		const char *error;
	} CASES[] = {
	    {REFRESH_CLIENT_REFUSED, 401, "invalid_client"},  {REFRESH_UNAUTHORIZED_CLIENT, 400, "unauthorized_client"},
	    {REFRESH_INVALID, 400, "invalid_grant"},          {REFRESH_REUSED, 400, "invalid_grant"},
	    {REFRESH_TARGET_MISMATCH, 400, "invalid_target"}, {REFRESH_SCOPE_EXCEEDED, 400, "invalid_scope"},
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		DOUBLE.refresh = CASES[i].outcome;
		assert_failed(refresh_with(HANDLE_REFRESH, ""), CASES[i].status, CASES[i].error);
	}
	double_reset(NULL);
	DOUBLE.revoke = REVOKE_NOTHING;
	assert_failed(refresh_with(HANDLE_CODE, ""), 400, "invalid_grant"); /* a code is no refresh token */
	assert_string_equal(DOUBLE.asked, "prove_client");
	assert_failed(refresh_with(HANDLE_REFRESH, "&scope=%22"), 400, "invalid_scope");
	assert_failed(ask("POST", "/t1/token", NULL, "client_id=c&grant_type=refresh_token"), 400, "invalid_request");
}

static void says_503_without_a_key(void **state)
{
	(void)state;
	DOUBLE.refresh = REFRESH_ROTATED;
	DOUBLE.granted = granted_of(5);
	DOUBLE_KEYS.count = 0;
	assert_failed(refresh_with(HANDLE_REFRESH, ""), 503, "temporarily_unavailable");
	assert_failed(ask("GET", "/t1/health", NULL, NULL), 503, "temporarily_unavailable");
	DOUBLE_KEYS.count = 1;
	struct request *r = ask("GET", "/t1/health", NULL, NULL);
	assert_int_equal(reply_test_status(r), 200);
	request_test_free(r);
}

static const char *access_token_of(struct request *r, const char *issuer, int64_t now)
{
	struct granted g = granted_of(1);
	const char *jti, *real = AUTHZ.settings.issuer;
	g.now = now;
	AUTHZ.settings.issuer = issuer;
	const char *token = access_token_mint(r, &g, &jti);
	AUTHZ.settings.issuer = real;
	return token;
}

static struct request *introspect(const char *token)
{
	struct request *r = prepare("POST", "/t1/introspect", NULL, "x");
	r->body = text_of(text_printf(&r->pool, "client_id=rs&client_secret=s&token=%s", token));
	return run(r);
}

static void assert_inactive(struct request *r)
{
	assert_int_equal(reply_test_status(r), 200);
	assert_true(text_is(reply_test_body(r), "{\"active\":false}"));
	request_test_free(r);
}

static void introspects_access_tokens_only(void **state)
{
	(void)state;
	struct request *owner = request_test(SERVICE, NULL);
	const char *issuer = AUTHZ.settings.issuer;
	const char *token = access_token_of(owner, issuer, clock_now());
	DOUBLE.introspected = (struct introspected){.active = true,
	                                            .username = "alice",
	                                            .scope = "logs:read tickets:read",
	                                            .grantable_scope = "logs:read tools:admin"};
	struct request *r = introspect(token);
	json_t *answer = answer_json(r);
	assert_true(json_is_true(json_object_get(answer, "active")));
	assert_true(is(answer, "username", "alice") && is(answer, "scope", "logs:read"));
	assert_true(is(answer, "grantable_scope", "logs:read tools:admin") && is(answer, "token_type", "Bearer"));
	assert_true(is(answer, "grant_id", "09090909-0909-0909-0909-090909090909"));
	assert_true(is(answer, "jti", DOUBLE.jti));
	request_test_free(r);

	DOUBLE.introspected.active = false;
	assert_inactive(introspect(token));
	DOUBLE.introspected.client_refused = true;
	assert_failed(introspect(token), 401, "invalid_client");

	DOUBLE.introspected = (struct introspected){.active = true};
	DOUBLE.revoke = REVOKE_NOTHING;
	assert_inactive(introspect("garbage"));
	assert_inactive(introspect(handle_text(owner, HANDLE_REFRESH, 9, 1)));
	assert_inactive(introspect(handle_text(owner, HANDLE_CODE, 9, 0)));
	assert_inactive(introspect(access_token_of(owner, "http://127.0.0.1:9400/t2", clock_now())));
	assert_inactive(introspect(access_token_of(owner, issuer, clock_now() - 601)));
	assert_string_equal(DOUBLE.asked, "prove_client");
	DOUBLE.revoke = REVOKE_CLIENT_REFUSED;
	assert_failed(introspect("garbage"), 401, "invalid_client");
	assert_failed(introspect(""), 400, "invalid_request");
	request_test_free(owner);
}

static struct request *ask_to_revoke(const char *token)
{
	struct request *r = prepare("POST", "/t1/revoke", NULL, "x");
	r->body = text_of(text_printf(&r->pool, "client_id=c&token=%s", token));
	return run(r);
}

/* An outage is never told as a dead token, nor a token that lives on as revoked. */
static void says_nothing_of_tokens_without_keys(void **state)
{
	(void)state;
	struct request *owner = request_test(SERVICE, NULL);
	const char *token = access_token_of(owner, AUTHZ.settings.issuer, clock_now());
	size_t count = DOUBLE_KEYS.count;
	DOUBLE_KEYS.count = 0;
	assert_failed(introspect(token), 503, "temporarily_unavailable");
	assert_failed(ask_to_revoke(token), 503, "temporarily_unavailable");
	assert_null(DOUBLE.asked);
	DOUBLE_KEYS.count = count;
	request_test_free(owner);
}

static void revokes(void **state)
{
	(void)state;
	struct request *owner = request_test(SERVICE, NULL);
	const char *tokens[] = {handle_text(owner, HANDLE_REFRESH, 9, 1),
	                        access_token_of(owner, AUTHZ.settings.issuer, clock_now()), "garbage"};
	static const char *const QUESTIONS[] = {"revoke", "revoke", "prove_client"};
	for (int outcome = REVOKE_NOTHING; outcome <= REVOKE_DONE; outcome++)
		for (size_t i = 0; i < 3; i++) {
			DOUBLE.revoke = (enum revoke)outcome;
			struct request *r = ask_to_revoke(tokens[i]);
			assert_int_equal(reply_test_status(r), 200);
			assert_int_equal(reply_test_body(r).len, 0);
			assert_string_equal(DOUBLE.asked, QUESTIONS[i]);
			if (i < 2)
				assert_int_equal(DOUBLE.jti != NULL, i == 1);
			request_test_free(r);
		}
	DOUBLE.revoke = REVOKE_CLIENT_REFUSED;
	assert_failed(ask_to_revoke(tokens[0]), 401, "invalid_client");
	assert_failed(ask_to_revoke(""), 400, "invalid_request");
	request_test_free(owner);
}

static struct request *admin(const char *method, const char *path, const char *query, const char *body)
{
	struct request *r = prepare(method, path, query, body);
	request_test_header(r, "authorization",
	                    text_printf(&r->pool, "Bearer %s", handle_text(r, HANDLE_ADMIN_KEY, 5, 0)));
	return run(r);
}

static void asks_for_an_admin_key(void **state)
{
	(void)state;
	struct request *r = ask("GET", "/t1/admin/clients", NULL, NULL);
	assert_string_equal(reply_test_header(r, "www-authenticate"),
	                    "Bearer realm=\"sallyport\", scope=\"admin:clients\"");
	assert_failed(r, 401, "invalid_token");
	r = admin("GET", "/t1/admin/clients", NULL, NULL);
	assert_non_null(strstr(reply_test_header(r, "www-authenticate"), "error=\"invalid_token\""));
	assert_failed(r, 401, "invalid_token");
	DOUBLE.admin_scope = "admin:people";
	r = admin("GET", "/t1/admin/clients", NULL, NULL);
	assert_non_null(strstr(reply_test_header(r, "www-authenticate"), "error=\"insufficient_scope\""));
	assert_failed(r, 403, "insufficient_scope");
	r = prepare("GET", "/t1/admin/clients", NULL, NULL);
	request_test_header(r, "authorization", "Bearer x");
	assert_failed(run(r), 401, "invalid_token");
}

static const char *URIS[] = {"https://a.example/cb"};
static const char *TYPES[] = {"authorization_code"};

static struct client client_of_admin(const char *id)
{
	return (struct client){.client_id = id,
	                       .name = "N",
	                       .redirect_uris = URIS,
	                       .redirect_uri_count = 1,
	                       .grant_types = TYPES,
	                       .grant_type_count = 1,
	                       .auth_method = AUTH_SECRET_POST,
	                       .scope = "",
	                       .application_type = "web",
	                       .origin = "admin",
	                       .enabled = true,
	                       .created_at = 5};
}

static void lists_clients(void **state)
{
	(void)state;
	DOUBLE.admin_scope = "admin:clients";
	for (int i = 0; i < 3; i++)
		DOUBLE.list[i] = client_of_admin(i == 0 ? "a" : i == 1 ? "b" : "c");
	DOUBLE.list_count = 3;
	struct request *r = admin("GET", "/t1/admin/clients", "limit=2&after=x", NULL);
	json_t *answer = answer_json(r);
	assert_int_equal(json_array_size(json_object_get(answer, "clients")), 2);
	assert_true(is(answer, "next", "b"));
	assert_string_equal(DOUBLE.after, "x");
	assert_int_equal(DOUBLE.limit, 3);
	request_test_free(r);
	r = admin("GET", "/t1/admin/clients", NULL, NULL);
	assert_true(json_is_null(json_object_get(answer_json(r), "next")));
	request_test_free(r);
	assert_failed(admin("GET", "/t1/admin/clients", "limit=0", NULL), 400, "invalid_request");
	assert_failed(admin("GET", "/t1/admin/clients", "limit=1e9", NULL), 400, "invalid_request");
}

static void changes_clients(void **state)
{
	(void)state;
	DOUBLE.admin_scope = "admin:clients";
	struct request *r = admin("POST", "/t1/admin/clients", NULL, "{\"redirect_uris\":[\"https://a.example/cb\"]}");
	assert_int_equal(reply_test_status(r), 201);
	assert_string_equal(DOUBLE.added.origin, "admin");
	assert_true(text_starts(text_of(reply_test_header(r, "location")), "http://127.0.0.1:9400/t1/admin/clients/"));
	request_test_free(r);

	DOUBLE.client = client_of_admin("a");
	DOUBLE.found = false;
	assert_failed(admin("PATCH", "/t1/admin/clients/a", NULL, "{}"), 404, "invalid_request");
	DOUBLE.found = true;
	r = admin("PATCH", "/t1/admin/clients/a", NULL, "{\"enabled\":false,\"client_name\":\"M\"}");
	assert_int_equal(reply_test_status(r), 200);
	assert_true(is(answer_json(r), "client_name", "M"));
	assert_false(DOUBLE.client.enabled);
	assert_int_equal(DOUBLE.client.redirect_uri_count, 1);
	request_test_free(r);
	DOUBLE.client = client_of_admin("a"); /* what was kept went with the request */
	static const char *const BAD[] = {"{\"client_id\":\"b\"}", "{\"token_endpoint_auth_method\":\"none\"}", "[]",
	                                  "{\"origin\":\"dynamic\"}", "{\"client_name\":1}"};
	for (size_t i = 0; i < 5; i++)
		assert_failed(admin("PATCH", "/t1/admin/clients/a", NULL, BAD[i]), 400, "invalid_client_metadata");
	assert_failed(admin("PATCH", "/t1/admin/clients/a", NULL, "{\"redirect_uris\":[\"http://a\"]}"), 400,
	              "invalid_redirect_uri");

	r = admin("GET", "/t1/admin/clients/a", NULL, NULL);
	assert_int_equal(reply_test_status(r), 200);
	request_test_free(r);
	r = admin("DELETE", "/t1/admin/clients/https%3A%2F%2Fx", NULL, NULL);
	assert_int_equal(reply_test_status(r), 204);
	request_test_free(r);
	DOUBLE.found = false;
	assert_failed(admin("DELETE", "/t1/admin/clients/a", NULL, NULL), 404, "invalid_request");
	assert_failed(admin("GET", "/t1/admin/clients/%zz", NULL, NULL), 404, "invalid_request");
}

static void serves_the_style(void **state)
{
	(void)state;
	struct request *r = ask("GET", "/t1/style.css", "v=x", NULL);
	assert_int_equal(reply_test_status(r), 200);
	const char *etag = text_copy(&AUTHZ.pool, text_of(reply_test_header(r, "etag")));
	request_test_free(r);
	r = prepare("GET", "/t1/style.css", NULL, NULL);
	request_test_header(r, "if-none-match", etag);
	assert_int_equal(reply_test_status(run(r)), 304);
	request_test_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(describes_itself, double_reset),
	    cmocka_unit_test_setup(promises_only_what_there_is, double_reset),
	    cmocka_unit_test_setup(registers_clients, double_reset),
	    cmocka_unit_test_setup(gives_tokens_for_a_code, double_reset),
	    cmocka_unit_test_setup(puts_an_approval_into_one_token, double_reset),
	    cmocka_unit_test_setup(refuses_codes, double_reset),
	    cmocka_unit_test_setup(knows_two_grant_types, double_reset),
	    cmocka_unit_test_setup(refreshes, double_reset),
	    cmocka_unit_test_setup(says_503_without_a_key, double_reset),
	    cmocka_unit_test_setup(introspects_access_tokens_only, double_reset),
	    cmocka_unit_test_setup(says_nothing_of_tokens_without_keys, double_reset),
	    cmocka_unit_test_setup(revokes, double_reset),
	    cmocka_unit_test_setup(asks_for_an_admin_key, double_reset),
	    cmocka_unit_test_setup(lists_clients, double_reset),
	    cmocka_unit_test_setup(changes_clients, double_reset),
	    cmocka_unit_test_setup(serves_the_style, double_reset),
	};
	return cmocka_run_group_tests(tests, authz_start, authz_stop);
}
