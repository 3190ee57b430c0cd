/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/authorize.c"

#include "tests/unit/authz_double.h"

#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define CLIENT_ONLY "client_id=c&redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fcb%3Fa%3Db"
#define KIND "&response_type=code&code_challenge=" CHALLENGE "&code_challenge_method=S256"
#define GOOD CLIENT_ONLY KIND

static const char *URIS[] = {"http://localhost/cb?a=b", "com.example.app:/cb"};
static const char *TYPES[] = {"authorization_code", "refresh_token"};
static struct scope_row SCOPES[] = {{"logs:read", true}, {"tickets:read", true}};

static int reset(void **state)
{
	double_reset(state);
	DOUBLE.client = (struct client){.client_id = "c",
	                                .name = "Client",
	                                .redirect_uris = URIS,
	                                .redirect_uri_count = 1,
	                                .grant_types = TYPES,
	                                .grant_type_count = 2,
	                                .scope = "logs:read",
	                                .application_type = "native",
	                                .origin = "dynamic"};
	DOUBLE.resource = "http://127.0.0.1:9401/mcp";
	DOUBLE.scopes = SCOPES;
	DOUBLE.scope_count = 2;
	DOUBLE.lookup = LOOKUP_FOUND;
	DOUBLE.authorize = AUTHORIZE_NO_SESSION;
	DOUBLE.decided = (struct decided){.username = "alice", .scope = "logs:read", .consent = "remembered"};
	SCOPES[1].is_open = true;
	return 0;
}

static void assert_page(const char *query)
{
	struct request *r = ask("GET", "/t1/authorize", query, NULL);
	if (reply_test_status(r) != 400 || reply_test_header(r, "location") != NULL)
		fail_saying("%s: %d", query, reply_test_status(r));
	assert_string_equal(reply_test_header(r, "x-frame-options"), "DENY");
	assert_false(body_has(r, "evil"));
	assert_null(reply_test_header(r, "set-cookie"));
	request_test_free(r);
}

static void assert_error(const char *query, const char *error)
{
	struct request *r = ask("GET", "/t1/authorize", query, NULL);
	const char *location = reply_test_header(r, "location");
	const char *start = "http://localhost:8080/cb?a=b&error=";
	assert_non_null(location);
	if (reply_test_status(r) != 303 || strncmp(location, start, strlen(start)) != 0 ||
	    strncmp(location + strlen(start), error, strlen(error)) != 0 ||
	    location[strlen(start) + strlen(error)] != '&')
		fail_saying("%s: %s", query, location);
	const char *iss = strstr(location, "&iss=http%3A%2F%2F127.0.0.1%3A9400%2Ft1");
	assert_non_null(iss);
	assert_null(strstr(iss + 1, "&iss="));
	assert_string_not_equal(DOUBLE.asked, "authorize");
	request_test_free(r);
}

static struct request *accepted(const char *query)
{
	struct request *r = ask("GET", "/t1/authorize", query, NULL);
	if (reply_test_status(r) != 303 || strcmp(DOUBLE.asked, "authorize") != 0)
		fail_saying("%s: %d %s", query, reply_test_status(r), reply_test_header(r, "location"));
	return r;
}

static void keeps_a_request_and_shows_the_sign_in(void **state)
{
	(void)state;
	struct request *r = accepted(GOOD "&state=a%26b%3D%22&resource=http%3A%2F%2F127.0.0.1%3A9401%2Fmcp");
	assert_string_equal(DOUBLE.resource_asked, "http://127.0.0.1:9401/mcp");
	assert_string_equal(DOUBLE.kept.state, "a&b=\"");
	assert_string_equal(DOUBLE.kept.redirect_uri, "http://localhost:8080/cb?a=b");
	assert_string_equal(DOUBLE.kept.code_challenge, CHALLENGE);
	assert_int_equal(DOUBLE.kept.scope_count, 2);
	assert_false(DOUBLE.has_session);
	assert_null(DOUBLE.kept.came);
	assert_true(text_starts(text_of(reply_test_header(r, "location")), "/t1/sign-in?request=spq_"));
	const char *cookie = reply_test_header(r, "set-cookie");
	assert_true(text_starts(text_of(cookie), "sallyport_browser_9400=spb_"));
	assert_non_null(strstr(cookie, "; Path=/; HttpOnly; SameSite=Lax"));
	request_test_free(r);
}

static void knows_its_browser_and_its_session(void **state)
{
	(void)state;
	DOUBLE.authorize = AUTHORIZE_ASK;
	struct request *r = prepare("GET", "/t1/authorize", GOOD "&prompt=login", NULL);
	request_test_header(r, "cookie",
	                    text_printf(&r->pool, "x=y; sallyport_session_9400=%s;sallyport_browser_9400=%s",
	                                handle_text(r, HANDLE_SESSION, 1, 0), handle_text(r, HANDLE_BROWSER, 2, 0)));
	run(r);
	assert_true(DOUBLE.has_session);
	assert_string_equal(DOUBLE.kept.prompt, "login");
	assert_null(reply_test_header(r, "set-cookie"));
	assert_true(text_starts(text_of(reply_test_header(r, "location")), "/t1/consent?"));
	request_test_free(r);
}

static void takes_a_form_as_well(void **state)
{
	(void)state;
	struct request *r = ask("POST", "/t1/authorize", "client_id=other", GOOD);
	assert_int_equal(reply_test_status(r), 303);
	assert_string_equal(DOUBLE.asked, "authorize");
	request_test_free(r);
	r = ask("HEAD", "/t1/authorize", GOOD, NULL);
	assert_int_equal(reply_test_status(r), 405);
	assert_string_equal(reply_test_header(r, "allow"), "GET, POST");
	request_test_free(r);
}

static void shows_a_page_until_the_redirect_uri_is_proved(void **state)
{
	(void)state;
	assert_page(NULL);
	assert_page("redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fcb" KIND);
	assert_page("client_id=c" KIND);
	assert_page(GOOD "&client_id=c");
	assert_page(GOOD "&redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fcb");
	static const char *const OTHERS[] = {"https%3A%2F%2Fevil.example%2F",
	                                     "http%3A%2F%2Flocalhost%3A8080%2Fcb",
	                                     "http%3A%2F%2Flocalhost%3A8080%2Fcb%3Fa%3Db%26c",
	                                     "http%3A%2F%2F127.0.0.1%3A8080%2Fcb%3Fa%3Db",
	                                     "http%3A%2F%2FLOCALHOST%3A8080%2Fcb%3Fa%3Db",
	                                     "http%3A%2F%2Flocalhost%3A8080%2Fcb%3Fa%3Db%23f",
	                                     "http%3A%2F%2Flocalhost%40evil%2Fcb%3Fa%3Db",
	                                     "%20http%3A%2F%2Flocalhost%3A8080%2Fcb%3Fa%3Db",
	                                     "javascript%3Aevil()",
	                                     ""};
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
		char query[512];
		snprintf(query, sizeof(query), "client_id=c&redirect_uri=%s" KIND, OTHERS[i]);
		assert_page(query);
	}
	DOUBLE.lookup = LOOKUP_NO_CLIENT;
	assert_page(GOOD);
}

/* A rule that came after the registration holds too. */
static void judges_registered_uris_again(void **state)
{
	(void)state;
	static const char *bad[] = {"http://evil.example/cb"};
	DOUBLE.client.redirect_uris = bad;
	assert_page("client_id=c&redirect_uri=http%3A%2F%2Fevil.example%2Fcb" KIND);
}

static void tells_the_client_its_errors(void **state)
{
	(void)state;
	assert_error(CLIENT_ONLY "&code_challenge=" CHALLENGE "&code_challenge_method=S256", "invalid_request");
	assert_error(GOOD "&response_type=code", "invalid_request");
	assert_error(GOOD "&scope=a&scope=b", "invalid_request");
	assert_error(GOOD "&state=a&state=b", "invalid_request");
	assert_error(GOOD "&state=a%0Ab", "invalid_request");
	assert_error(GOOD "&response_mode=fragment", "invalid_request");
	assert_error(GOOD "&request=x", "request_not_supported");
	assert_error(GOOD "&request_uri=https%3A%2F%2Fevil.example", "request_uri_not_supported");
	assert_error(CLIENT_ONLY "&response_type=token", "unsupported_response_type");
	assert_error(CLIENT_ONLY "&response_type=code%20token", "unsupported_response_type");
	assert_error(CLIENT_ONLY "&response_type=code", "invalid_request");
	assert_error(CLIENT_ONLY "&response_type=code&code_challenge=" CHALLENGE, "invalid_request");
	assert_error(CLIENT_ONLY "&response_type=code&code_challenge_method=plain&code_challenge=" CHALLENGE,
	             "invalid_request");
	assert_error(CLIENT_ONLY "&response_type=code&code_challenge_method=S256&code_challenge=short",
	             "invalid_request");
	assert_error(CLIENT_ONLY "&response_type=code&code_challenge_method=S256&code_challenge=" CHALLENGE "A",
	             "invalid_request");
	assert_error(GOOD "&resource=http%3A%2F%2Fa%2F1&resource=http%3A%2F%2Fa%2F2", "invalid_target");
	assert_error(GOOD "&scope=unknown", "invalid_scope");
	assert_error(GOOD "&scope=%22", "invalid_scope");
	assert_error(GOOD "&prompt=none%20login", "invalid_request");
	DOUBLE.client.grant_type_count = 0;
	assert_error(GOOD, "unauthorized_client");
	DOUBLE.client.grant_type_count = 1;
	DOUBLE.lookup = LOOKUP_NO_RESOURCE;
	assert_error(GOOD, "invalid_target");
}

static void gives_the_state_back_as_it_came(void **state)
{
	(void)state;
	struct request *r = ask("GET", "/t1/authorize", GOOD "&scope=no&state=%C3%A9%20%2B%26", NULL);
	assert_non_null(strstr(reply_test_header(r, "location"), "&state=%C3%A9%20%2B%26&iss="));
	request_test_free(r);
	r = ask("GET", "/t1/authorize", GOOD "&scope=no", NULL);
	assert_null(strstr(reply_test_header(r, "location"), "state="));
	request_test_free(r);
}

/* A navigation of a browser; site NULL: it does not say where it came from. */
static struct request *navigate(const char *query, const char *site, const char *mode)
{
	struct request *r = prepare("GET", "/t1/authorize", query, NULL);
	request_test_header(r, "sec-fetch-mode", mode);
	if (site != NULL)
		request_test_header(r, "sec-fetch-site", site);
	return run(r);
}

static void assert_answer(const char *query, const char *part)
{
	struct request *r = navigate(query, "same-site", "navigate");
	const char *location = reply_test_header(r, "location");
	if (location == NULL || strstr(location, part) == NULL)
		fail_saying("%s: %s", part, location != NULL ? location : "-");
	if (strstr(location, "request=spq_") == NULL)
		assert_null(reply_test_header(r, "set-cookie"));
	request_test_free(r);
}

static void answers_as_the_verdict_says(void **state)
{
	(void)state;
	assert_answer(GOOD, "/t1/sign-in?request=spq_");
	DOUBLE.authorize = AUTHORIZE_ASK;
	assert_answer(GOOD, "/t1/consent?request=spq_");
	DOUBLE.authorize = AUTHORIZE_APPROVED;
	assert_answer(GOOD "&state=x", "http://localhost:8080/cb?a=b&code=spc_");
	DOUBLE.authorize = AUTHORIZE_GONE;
	assert_answer(GOOD, "error=invalid_request&");
}

static void answers_prompt_none_without_a_page(void **state)
{
	(void)state;
	assert_answer(GOOD "&prompt=none", "error=login_required&");
	DOUBLE.authorize = AUTHORIZE_ASK;
	assert_answer(GOOD "&prompt=none", "error=consent_required&");
	DOUBLE.authorize = AUTHORIZE_APPROVED;
	assert_answer(GOOD "&prompt=none", "http://localhost:8080/cb?a=b&code=spc_");
}

static void passes_on_how_fresh_a_sign_in_must_be(void **state)
{
	(void)state;
	static const struct {
		const char *query;
		int64_t max_age;
	} CASES[] = {{"", -1},
	             {"&max_age=", -1},
	             {"&max_age=0", 0},
	             {"&max_age=300", 300},
	             {"&max_age=9999999999", MAX_AGE_MAX}};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		request_test_free(accepted(text_printf(&AUTHZ.pool, "%s%s", GOOD, CASES[i].query)));
		assert_int_equal(DOUBLE.kept.max_age, CASES[i].max_age);
	}
	static const char *const REFUSED[] = {"-1", "1.5", "007", "5m", "x", "99999999999999999999"};
	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
		assert_error(text_printf(&AUTHZ.pool, "%s&max_age=%s", GOOD, REFUSED[i]), "invalid_request");
	assert_error(GOOD "&max_age=1&max_age=2", "invalid_request");
}

static void says_at_once_that_a_class_is_out_of_reach(void **state)
{
	(void)state;
	static const char *const REACHED[] = {"", "%20", AUTHENTICATION_PASSWORD,
	                                      "phr%20" AUTHENTICATION_PASSWORD "%20x"};
	static const char *const REFUSED[] = {"phr", "phr%20phrh", AUTHENTICATION_PASSWORD "x", "0"};
	for (size_t i = 0; i < sizeof(REACHED) / sizeof(REACHED[0]); i++)
		request_test_free(accepted(text_printf(&AUTHZ.pool, "%s&acr_values=%s", GOOD, REACHED[i])));
	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
		assert_error(text_printf(&AUTHZ.pool, "%s&acr_values=%s", GOOD, REFUSED[i]),
		             "unmet_authentication_requirements");
	assert_error(GOOD "&acr_values=phr&acr_values=" AUTHENTICATION_PASSWORD, "invalid_request");
}

#define DETAILS(entry) GOOD "&authorization_details=%5B" entry "%5D"
#define ENTRY "\"type\":\"mcp_approval\",\"tool\":\"wipe\""

static void keeps_what_a_person_shall_approve(void **state)
{
	(void)state;
	request_test_free(accepted(GOOD));
	assert_null(DOUBLE.kept.details);
	request_test_free(accepted(DETAILS("{" ENTRY ",\"arguments\":{\"n\":3,\"id\":\"r-1\"}}")));
	assert_string_equal(DOUBLE.kept.details, "{\"tool\":\"wipe\",\"arguments\":{\"n\":3,\"id\":\"r-1\"}}");
	/* SHA-256 of {"id":"r-1","n":3} */
	assert_string_equal(DOUBLE.kept.approval,
	                    "[{\"type\":\"mcp_approval\",\"locations\":[\"http://127.0.0.1:9401/mcp\"],"
	                    "\"tool\":\"wipe\",\"arguments_digest\":\"MoExklyU3p3t-3vlHLzQ7Lx_DLnISi0EbxqJAe8qwsk\"}]");
	static const char *const REFUSED[] = {
	    DETAILS(""),
	    DETAILS("{" ENTRY "}"),
	    DETAILS("{" ENTRY ",\"arguments\":{},\"identifier\":\"x\"}"),
	    DETAILS("{" ENTRY ",\"arguments\":{},\"locations\":[\"http://127.0.0.1:9401/\"]}"),
	    DETAILS("{\"type\":\"payment\",\"tool\":\"wipe\",\"arguments\":{}}"),
	    DETAILS("{" ENTRY ",\"arguments\":{}},{" ENTRY ",\"arguments\":{}}"),
	    GOOD "&authorization_details=x",
	};
	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
		assert_error(REFUSED[i], "invalid_authorization_details");
	assert_error(DETAILS("1") "&authorization_details=%5B%5D", "invalid_request");
}

static void tells_the_verdict_where_the_browser_came_from(void **state)
{
	(void)state;
	static const char *const OTHERS[] = {"cross-site", "same-origin", "", "None", "none, none", NULL};
	request_test_free(navigate(GOOD, "same-site", "navigate"));
	assert_string_equal(DOUBLE.kept.came, "site");
	request_test_free(navigate(GOOD, "none", "navigate"));
	assert_string_equal(DOUBLE.kept.came, "itself");
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
		request_test_free(navigate(GOOD, OTHERS[i], "navigate"));
		assert_null(DOUBLE.kept.came);
	}
	/* A picture of a page is no navigation. */
	request_test_free(navigate(GOOD, "same-site", "no-cors"));
	assert_null(DOUBLE.kept.came);
	struct request *r = prepare("GET", "/t1/authorize", GOOD, NULL);
	request_test_header(r, "sec-fetch-mode", "navigate");
	request_test_header(r, "sec-fetch-site", "none");
	request_test_header(r, "sec-purpose", "prefetch;prerender");
	request_test_free(run(r));
	assert_null(DOUBLE.kept.came);
}

static void narrows_scopes(void **state)
{
	(void)state;
	request_test_free(accepted(GOOD "&scope=tickets%3Aread%20offline_access"));
	assert_int_equal(DOUBLE.kept.scope_count, 1);
	assert_string_equal(DOUBLE.kept.scopes[0], "tickets:read");
	request_test_free(accepted(GOOD "&scope=offline_access&prompt=consent"));
	assert_int_equal(DOUBLE.kept.scope_count, 2);
	request_test_free(accepted(GOOD "&scope="));
	assert_int_equal(DOUBLE.kept.scope_count, 2);
	assert_error(GOOD "&scope=tickets%3Aread%20openid", "invalid_scope");
	SCOPES[1].is_open = false;
	request_test_free(accepted(GOOD));
	assert_int_equal(DOUBLE.kept.scope_count, 1);
	assert_string_equal(DOUBLE.kept.scopes[0], "logs:read");
	request_test_free(accepted(GOOD "&scope=tickets%3Aread%20logs%3Aread"));
	assert_int_equal(DOUBLE.kept.scope_count, 1);
	assert_error(GOOD "&scope=tickets%3Aread", "invalid_scope");
}

static void reads_a_resource_as_url_classes_write_it(void **state)
{
	(void)state;
	request_test_free(accepted(GOOD "&resource=HTTPS%3A%2F%2FMcp.Example%3A8443%2F"));
	assert_string_equal(DOUBLE.resource_asked, "https://mcp.example:8443");
	request_test_free(accepted(GOOD "&resource=https%3A%2F%2FA%2FMcp%3FQ%3DR"));
	assert_string_equal(DOUBLE.resource_asked, "https://a/Mcp?Q=R");
	request_test_free(accepted(GOOD "&resource=https%3A%2F%2Fa%2F&resource=https%3A%2F%2FA"));
	assert_string_equal(DOUBLE.resource_asked, "https://a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(keeps_a_request_and_shows_the_sign_in, reset),
	    cmocka_unit_test_setup(knows_its_browser_and_its_session, reset),
	    cmocka_unit_test_setup(takes_a_form_as_well, reset),
	    cmocka_unit_test_setup(shows_a_page_until_the_redirect_uri_is_proved, reset),
	    cmocka_unit_test_setup(judges_registered_uris_again, reset),
	    cmocka_unit_test_setup(tells_the_client_its_errors, reset),
	    cmocka_unit_test_setup(gives_the_state_back_as_it_came, reset),
	    cmocka_unit_test_setup(answers_prompt_none_without_a_page, reset),
	    cmocka_unit_test_setup(answers_as_the_verdict_says, reset),
	    cmocka_unit_test_setup(passes_on_how_fresh_a_sign_in_must_be, reset),
	    cmocka_unit_test_setup(keeps_what_a_person_shall_approve, reset),
	    cmocka_unit_test_setup(says_at_once_that_a_class_is_out_of_reach, reset),
	    cmocka_unit_test_setup(tells_the_verdict_where_the_browser_came_from, reset),
	    cmocka_unit_test_setup(narrows_scopes, reset),
	    cmocka_unit_test_setup(reads_a_resource_as_url_classes_write_it, reset),
	};
	return cmocka_run_group_tests(tests, authz_start, authz_stop);
}
