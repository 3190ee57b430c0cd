/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7591 with initial access tokens, RFC 7592, and the budgets of the endpoints, each as a whole endpoint. */
#include "authz/registered_client.c"
#include "tests/unit/authz_double.h"

#include "common/rate_limit.h"

static const char METADATA[] =
    "{\"redirect_uris\":[\"http://localhost:1/cb\"],\"token_endpoint_auth_method\":\"none\"}";

static json_t *answer_json(struct request *r)
{
	return json_read(&r->pool, reply_test_body(r), NULL);
}

static bool is(const json_t *object, const char *member, const char *value)
{
	return text_is(json_get_text(object, member), value);
}

/* Which request failed is said, and it goes. */
static void assert_failed(struct request *r, int status, const char *code)
{
	if (reply_test_status(r) != status || !is(answer_json(r), "error", code))
		fail_saying("%d %s, not %d %s", reply_test_status(r), reply_test_body(r).base, status, code);
	request_test_free(r);
}

static struct request *with_bearer(struct request *r, const char *token)
{
	request_test_header(r, "authorization", text_printf(&r->pool, "Bearer %s", token));
	return r;
}

/* A registered client, and requests with a token of type and id. */
static void know_client(enum auth_method method)
{
	static const char *uris[] = {"http://localhost:1/cb"}, *grants[] = {"authorization_code"};
	DOUBLE.found = true;
	DOUBLE.client = (struct client){
	    .client_id = "client_1",
	    .name = "Name",
	    .redirect_uris = uris,
	    .redirect_uri_count = 1,
	    .grant_types = grants,
	    .grant_type_count = 1,
	    .auth_method = method,
	    .scope = "",
	    .application_type = "native",
	    .origin = "dynamic",
	    .enabled = true,
	    .created_at = 1700000000,
	    .has_registration = true,
	    .registration_id = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9},
	};
}

static struct request *manage(const char *method, const char *id, enum handle_type type, const char *body)
{
	struct request *r = prepare(method, text_printf(&AUTHZ.pool, "/t1/register/%s", id), NULL, body);
	return run(with_bearer(r, handle_text(r, type, 9, 0)));
}

static void registration_tells_how_it_is_managed(void **state)
{
	(void)state;
	DOUBLE.registered = REGISTER_ADDED;
	struct request *r = ask("POST", "/t1/register", NULL, METADATA);
	json_t *answer = answer_json(r);
	struct handle token;
	assert_int_equal(reply_test_status(r), 201);
	assert_true(is(answer, "registration_client_uri",
	               text_printf(&r->pool, "http://127.0.0.1:9400/t1/register/%s", DOUBLE.added.client_id)));
	assert_true(handle_open(AUTHZ.handle_keys, HANDLE_REGISTRATION,
	                        json_get_text(answer, "registration_access_token"), &token));
	assert_memory_equal(token.id, DOUBLE.added.registration_id, 16);
	assert_int_equal(DOUBLE.registration.lease, 604800);
	assert_int_equal(DOUBLE.registration.same_within, 300);
	assert_null(DOUBLE.registration.initial_access);
	request_test_free(r);
}

static void twins_have_one_digest(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {
	    METADATA,
	    "{\"token_endpoint_auth_method\":\"none\", \"redirect_uris\":[\"http://localhost:1/cb\"],\"unknown\":1}",
	    "{\"redirect_uris\":[\"http://localhost:2/cb\"],\"token_endpoint_auth_method\":\"none\"}",
	    "{\"redirect_uris\":[\"http://localhost:1/"
	    "cb\"],\"token_endpoint_auth_method\":\"none\",\"client_name\":\"N\"}",
	    "{\"redirect_uris\":[\"http://localhost:1/cb\"],\"token_endpoint_auth_method\":\"none\",\"scope\":\"a\"}",
	};
	uint8_t digests[5][SHA256_SIZE];
	for (size_t i = 0; i < 5; i++) {
		DOUBLE.registered = REGISTER_ADDED;
		struct request *r = ask("POST", "/t1/register", NULL, TEXTS[i]);
		memcpy(digests[i], DOUBLE.added.metadata_digest, SHA256_SIZE);
		request_test_free(r);
	}
	assert_memory_equal(digests[0], digests[1], SHA256_SIZE);
	for (size_t i = 2; i < 5; i++)
		for (size_t j = 0; j < i; j++)
			assert_true((i == 1 && j == 0) || memcmp(digests[i], digests[j], SHA256_SIZE) != 0);
}

static void a_known_client_is_shown_as_its_row_has_it(void **state)
{
	(void)state;
	know_client(AUTH_NONE);
	DOUBLE.registered = REGISTER_KNOWN;
	struct request *r = ask("POST", "/t1/register", NULL, METADATA);
	assert_int_equal(reply_test_status(r), 201);
	assert_true(is(answer_json(r), "client_id", "client_1"));
	assert_int_equal(json_integer_value(json_object_get(answer_json(r), "client_id_issued_at")), 1700000000);
	request_test_free(r);
}

static void mode_token_wants_an_initial_access_token(void **state)
{
	(void)state;
	AUTHZ.settings.registration = REGISTRATION_TOKEN;
	struct request *r = ask("POST", "/t1/register", NULL, METADATA);
	assert_string_equal(reply_test_header(r, "www-authenticate"), "Bearer realm=\"sallyport\"");
	assert_failed(r, 401, "invalid_token");
	r = prepare("POST", "/t1/register", NULL, METADATA);
	r = run(with_bearer(r, handle_text(r, HANDLE_REGISTRATION, 9, 0)));
	assert_string_equal(reply_test_header(r, "www-authenticate"),
	                    "Bearer realm=\"sallyport\", error=\"invalid_token\"");
	assert_failed(r, 401, "invalid_token");
	assert_null(DOUBLE.asked);
	for (int refused = 0; refused < 2; refused++) {
		DOUBLE.registered = refused ? REGISTER_TOKEN_REFUSED : REGISTER_ADDED;
		r = prepare("POST", "/t1/register", NULL, METADATA);
		run(with_bearer(r, handle_text(r, HANDLE_INITIAL_ACCESS, 5, 0)));
		assert_int_equal(DOUBLE.registration.initial_access[0], 5);
		if (refused) {
			assert_failed(r, 401, "invalid_token");
			continue;
		}
		assert_int_equal(reply_test_status(r), 201);
		request_test_free(r);
	}
	AUTHZ.settings.registration = REGISTRATION_OPEN;
	DOUBLE.registered = REGISTER_ADDED;
	r = prepare("POST", "/t1/register", NULL, METADATA); /* a bearer of something else means nothing here */
	run(with_bearer(r, "abc"));
	assert_int_equal(reply_test_status(r), 201);
	assert_null(DOUBLE.registration.initial_access);
	request_test_free(r);
}

static void only_the_client_s_own_token_opens_it(void **state)
{
	(void)state;
	static const char *const METHODS[] = {"GET", "PUT", "DELETE"};
	for (size_t i = 0; i < 3; i++) {
		const char *body = i == 1 ? "{}" : NULL;
		assert_failed(ask(METHODS[i], "/t1/register/client_1", NULL, body), 401, "invalid_token");
		static const enum handle_type OTHERS[] = {HANDLE_ADMIN_KEY, HANDLE_INITIAL_ACCESS, HANDLE_REFRESH};
		for (size_t t = 0; t < 3; t++)
			assert_failed(manage(METHODS[i], "client_1", OTHERS[t], body), 401, "invalid_token");
		assert_null(DOUBLE.asked);
		/* the database knows no such client, or it is another one's */
		assert_failed(manage(METHODS[i], "client_1", HANDLE_REGISTRATION, body), 401, "invalid_token");
		assert_string_equal(DOUBLE.asked, "client_registered");
		know_client(AUTH_NONE);
		assert_failed(manage(METHODS[i], "client_2", HANDLE_REGISTRATION, body), 401, "invalid_token");
		double_reset(NULL);
	}
}

static void reads_what_was_registered(void **state)
{
	(void)state;
	know_client(AUTH_SECRET_BASIC);
	struct request *r = manage("GET", "client_1", HANDLE_REGISTRATION, NULL);
	json_t *answer = answer_json(r);
	assert_int_equal(reply_test_status(r), 200);
	assert_true(is(answer, "client_id", "client_1"));
	assert_true(is(answer, "registration_client_uri", "http://127.0.0.1:9400/t1/register/client_1"));
	assert_true(is(answer, "registration_access_token", handle_text(r, HANDLE_REGISTRATION, 9, 0)));
	assert_null(json_object_get(answer, "client_secret"));
	assert_string_equal(reply_test_header(r, "cache-control"), "no-store");
	assert_string_equal(reply_test_header(r, "access-control-allow-origin"), "*");
	request_test_free(r);
}

static void replacing_is_strict(void **state)
{
	(void)state;
#define GOOD "\"client_id\":\"client_1\",\"redirect_uris\":[\"http://localhost:1/new\"]"
	static const struct {
		const char *body, *code;
	} BAD[] = {
	    {"[]", "invalid_client_metadata"},
	    {"{\"redirect_uris\":[\"http://localhost:1/new\"]}", "invalid_request"},
	    {"{\"client_id\":\"client_2\",\"redirect_uris\":[\"http://localhost:1/new\"]}", "invalid_request"},
	    {"{\"client_id\":1,\"redirect_uris\":[\"http://localhost:1/new\"]}", "invalid_request"},
	    {"{" GOOD ",\"registration_access_token\":\"x\"}", "invalid_request"},
	    {"{" GOOD ",\"registration_client_uri\":null}", "invalid_request"},
	    {"{" GOOD ",\"client_secret_expires_at\":0}", "invalid_request"},
	    {"{" GOOD ",\"client_id_issued_at\":1}", "invalid_request"},
	    {"{" GOOD ",\"client_secret\":5}", "invalid_request"},
	    {"{\"client_id\":\"client_1\"}", "invalid_redirect_uri"},
	    {"{\"client_id\":\"client_1\",\"redirect_uris\":[\"javascript:x\"]}", "invalid_redirect_uri"},
	    {"{" GOOD ",\"token_endpoint_auth_method\":\"magic\"}", "invalid_client_metadata"},
	};
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		double_reset(NULL);
		know_client(AUTH_NONE);
		assert_failed(manage("PUT", "client_1", HANDLE_REGISTRATION, BAD[i].body), 400, BAD[i].code);
		assert_string_equal(DOUBLE.asked, "client_registered");
	}
	know_client(AUTH_NONE);
	DOUBLE.replaced = REPLACE_METHOD_DIFFERS;
	assert_failed(manage("PUT", "client_1", HANDLE_REGISTRATION,
	                     "{" GOOD ",\"token_endpoint_auth_method\":\"client_secret_post\"}"),
	              400, "invalid_client_metadata");
	DOUBLE.replaced = REPLACE_SECRET_DIFFERS;
	assert_failed(manage("PUT", "client_1", HANDLE_REGISTRATION, "{" GOOD ",\"client_secret\":\"x\"}"), 400,
	              "invalid_request");
	assert_true(DOUBLE.added_secret);
	DOUBLE.replaced = REPLACE_UNKNOWN; /* it went meanwhile */
	assert_failed(manage("PUT", "client_1", HANDLE_REGISTRATION, "{" GOOD "}"), 401, "invalid_token");
	DOUBLE.replaced = REPLACE_SHARED;
	assert_failed(manage("PUT", "client_1", HANDLE_REGISTRATION, "{" GOOD "}"), 403, "access_denied");
}

static void replaces_all_of_it(void **state)
{
	(void)state;
	know_client(AUTH_SECRET_POST);
	DOUBLE.replaced = REPLACE_DONE;
	struct request *r = manage("PUT", "client_1", HANDLE_REGISTRATION, "{" GOOD "}");
	assert_int_equal(reply_test_status(r), 200);
	assert_string_equal(DOUBLE.added.name, ""); /* what is left out is gone */
	assert_int_equal(DOUBLE.added.auth_method, AUTH_SECRET_POST);
	assert_string_equal(DOUBLE.added.redirect_uris[0], "http://localhost:1/new");
	assert_false(DOUBLE.added_secret);
	assert_null(json_object_get(answer_json(r), "client_secret"));
	request_test_free(r);
}

static void deletes_it(void **state)
{
	(void)state;
	know_client(AUTH_NONE);
	DOUBLE.unregistered = UNREGISTER_DONE;
	struct request *r = manage("DELETE", "client_1", HANDLE_REGISTRATION, NULL);
	assert_int_equal(reply_test_status(r), 204);
	assert_int_equal(DOUBLE.id[0], 9);
	request_test_free(r);
	DOUBLE.unregistered = UNREGISTER_SHARED;
	assert_failed(manage("DELETE", "client_1", HANDLE_REGISTRATION, NULL), 403, "access_denied");
	DOUBLE.unregistered = UNREGISTER_UNKNOWN;
	assert_failed(manage("DELETE", "client_1", HANDLE_REGISTRATION, NULL), 401, "invalid_token");
}

/* ---- budgets ---- */

static struct request *ask_token(enum handle_type type, uint8_t id)
{
	struct request *r = prepare("POST", "/t1/token", NULL, "x=1");
	const char *handle = handle_text(r, type, id, 1);
	r->body = text_of(text_printf(&r->pool,
	                              type == HANDLE_CODE ? "grant_type=authorization_code&client_id=c&code_verifier="
	                                                    "0123456789012345678901234567890123456789012&code=%s"
	                                                  : "grant_type=refresh_token&client_id=c&refresh_token=%s",
	                              handle));
	return run(r);
}

static void budgets_of(uint32_t per_minute)
{
	for (int b = NO_BUDGET + 1; b < BUDGETS; b++)
		AUTHZ.settings.budgets[b] = per_minute;
	AUTHZ.rate_limits = rate_limits_make(&AUTHZ.pool, 64);
}

static void registration_has_a_budget(void **state)
{
	(void)state;
	budgets_of(2);
	DOUBLE.registered = REGISTER_ADDED;
	for (int i = 0; i < 2; i++) {
		struct request *r = ask("POST", "/t1/register", NULL, METADATA);
		assert_int_equal(reply_test_status(r), 201);
		request_test_free(r);
	}
	struct request *r = ask("POST", "/t1/register", NULL, METADATA);
	assert_string_equal(reply_test_header(r, "retry-after"), "30");
	assert_string_equal(reply_test_header(r, "access-control-allow-origin"), "*");
	assert_failed(r, 429, "temporarily_unavailable");
	/* one who brings a token of his own is not held to his address */
	r = prepare("POST", "/t1/register", NULL, METADATA);
	run(with_bearer(r, handle_text(r, HANDLE_INITIAL_ACCESS, 5, 0)));
	assert_int_equal(reply_test_status(r), 201);
	request_test_free(r);
	budgets_of(0);
	r = ask("POST", "/t1/register", NULL, METADATA);
	assert_int_equal(reply_test_status(r), 201);
	request_test_free(r);
}

static void a_terminal_error_is_never_hidden(void **state)
{
	(void)state;
	budgets_of(1);
	DOUBLE.refresh = REFRESH_ROTATED;
	DOUBLE.granted =
	    (struct granted){.generation = 2, .subject = "p", .client_id = "c", .resource = "r", .scope = "s"};
	struct request *r = ask_token(HANDLE_REFRESH, 1);
	assert_int_equal(reply_test_status(r), 200);
	request_test_free(r);
	DOUBLE.refresh = REFRESH_LIMITED;
	r = ask_token(HANDLE_REFRESH, 1);
	assert_true(r->retry_after_s > 0);
	assert_string_equal(reply_test_header(r, "retry-after"), "60");
	assert_failed(r, 429, "temporarily_unavailable");
	DOUBLE.refresh = REFRESH_INVALID;
	assert_failed(ask_token(HANDLE_REFRESH, 1), 400, "invalid_grant");
	DOUBLE.refresh = REFRESH_CLIENT_REFUSED;
	assert_failed(ask_token(HANDLE_REFRESH, 1), 401, "invalid_client");
	/* another grant, and the code that it came from, have budgets of their own */
	DOUBLE.refresh = REFRESH_ROTATED;
	r = ask_token(HANDLE_REFRESH, 2);
	assert_int_equal(reply_test_status(r), 200);
	request_test_free(r);
	DOUBLE.redeem = REDEEM_GRANTED;
	r = ask_token(HANDLE_CODE, 1);
	assert_int_equal(reply_test_status(r), 200);
	request_test_free(r);
	DOUBLE.redeem = REDEEM_LIMITED;
	assert_failed(ask_token(HANDLE_CODE, 1), 429, "temporarily_unavailable");
	DOUBLE.redeem = REDEEM_INVALID;
	assert_failed(ask_token(HANDLE_CODE, 1), 400, "invalid_grant");
	/* what this server never made asks the database once, and then no more */
	DOUBLE.revoke = REVOKE_NOTHING;
	static const char FORGED[] = "grant_type=refresh_token&client_id=c&refresh_token=spr_forged";
	assert_failed(ask("POST", "/t1/token", NULL, FORGED), 400, "invalid_grant");
	assert_string_equal(DOUBLE.asked, "prove_client");
	DOUBLE.asked = NULL;
	assert_failed(ask("POST", "/t1/token", NULL, FORGED), 400, "invalid_grant");
	assert_null(DOUBLE.asked);
	budgets_of(0);
}

static void a_service_over_its_budget_is_proved_first(void **state)
{
	(void)state;
	static const char BODY[] = "grant_type=client_credentials&client_id=svc&client_secret=x";
	budgets_of(1);
	DOUBLE.revoke = REVOKE_NOTHING;
	request_test_free(ask("POST", "/t1/token", NULL, BODY));
	assert_failed(ask("POST", "/t1/token", NULL, BODY), 429, "temporarily_unavailable");
	assert_string_equal(DOUBLE.asked, "prove_client");
	DOUBLE.revoke = REVOKE_CLIENT_REFUSED;
	assert_failed(ask("POST", "/t1/token", NULL, BODY), 401, "invalid_client");
	budgets_of(0);
}

/* ---- who may read answers from another origin ---- */

static void cors_is_where_clients_in_browsers_are(void **state)
{
	(void)state;
	static const char *const OPEN[] = {"/.well-known/", "/jwks", "/register", "/token", "/revoke", "/userinfo"};
	for (size_t i = 0; i < SERVICE->endpoint_count; i++) {
		const struct endpoint *e = &SERVICE->endpoints[i];
		bool is_open = false;
		for (size_t o = 0; o < sizeof(OPEN) / sizeof(OPEN[0]); o++) {
			const char *at = strstr(e->path, OPEN[o]);
			is_open =
			    is_open ||
			    (at != NULL && (o == 0 || strcmp(at, OPEN[o]) == 0 || strcmp(at, "/register/{id}") == 0));
		}
		if ((e->cors == ANY_ORIGIN) != is_open)
			fail_saying("%s %s", e->method, e->path);
	}
	struct request *r = ask("OPTIONS", "/t1/register/client_1", NULL, NULL);
	assert_int_equal(reply_test_status(r), 204);
	assert_string_equal(reply_test_header(r, "access-control-allow-methods"), "GET, PUT, DELETE");
	assert_non_null(strstr(reply_test_header(r, "access-control-allow-headers"), "Authorization"));
	assert_non_null(strstr(reply_test_header(r, "access-control-expose-headers"), "WWW-Authenticate"));
	assert_non_null(strstr(reply_test_header(r, "access-control-expose-headers"), "Retry-After"));
	assert_null(reply_test_header(r, "access-control-allow-credentials"));
	request_test_free(r);
	r = ask("OPTIONS", "/t1/authorize", NULL, NULL);
	assert_int_equal(reply_test_status(r), 405);
	assert_null(reply_test_header(r, "access-control-allow-origin"));
	request_test_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(registration_tells_how_it_is_managed, double_reset),
	    cmocka_unit_test_setup(twins_have_one_digest, double_reset),
	    cmocka_unit_test_setup(a_known_client_is_shown_as_its_row_has_it, double_reset),
	    cmocka_unit_test_setup(mode_token_wants_an_initial_access_token, double_reset),
	    cmocka_unit_test_setup(only_the_client_s_own_token_opens_it, double_reset),
	    cmocka_unit_test_setup(reads_what_was_registered, double_reset),
	    cmocka_unit_test_setup(replacing_is_strict, double_reset),
	    cmocka_unit_test_setup(replaces_all_of_it, double_reset),
	    cmocka_unit_test_setup(deletes_it, double_reset),
	    cmocka_unit_test_setup(registration_has_a_budget, double_reset),
	    cmocka_unit_test_setup(a_terminal_error_is_never_hidden, double_reset),
	    cmocka_unit_test_setup(a_service_over_its_budget_is_proved_first, double_reset),
	    cmocka_unit_test_setup(cors_is_where_clients_in_browsers_are, double_reset),
	};
	return cmocka_run_group_tests(tests, authz_start, authz_stop);
}
