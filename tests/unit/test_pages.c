/* SPDX-License-Identifier: Apache-2.0 */
/* Sign-in, consent and sign-out as a browser meets them, over doubles of the store. */
#include "authz/login.c"

#include "tests/unit/authz_double.h"

static struct scope_shown SHOWN[] = {
    {"logs:read", "Search the <logs>", "[{\"name\":\"query_logs\",\"title\":\"Search logs\",\"tier\":\"read\"}]", true,
     false},
    {"tools:admin", "Change things", "[{\"name\":\"create_user\",\"tier\":\"write\"}]", false, false},
};

static int reset(void **state)
{
	double_reset(state);
	DOUBLE.page_state = PAGE_SIGN_IN;
	DOUBLE.page.request = (struct authorization){.client_id = "c",
	                                             .client_name = "<b>Evil & co</b>",
	                                             .redirect_uri = "http://localhost:8080/cb?a=b",
	                                             .resource = "http://127.0.0.1:9401/mcp",
	                                             .resource_name = "Demo",
	                                             .prompt = "",
	                                             .client_is_dynamic = true,
	                                             .loopback_only = true};
	DOUBLE.page.scopes = SHOWN;
	DOUBLE.page.scope_count = 2;
	DOUBLE.page.username = "alice";
	DOUBLE.page.display_name = "Alice A.";
	DOUBLE.page.grantable = true;
	DOUBLE.person.password_hash = "hash";
	DOUBLE.signed_in = true;
	return 0;
}

enum { BROWSER = 1, SESSION = 2 };

static void add_cookies(struct request *r, int which)
{
	struct text_buffer b = {.pool = &r->pool};
	text_append_str(&b, "other=1");
	if (which & BROWSER)
		text_append_printf(&b, "; sallyport_browser_9400=%s", handle_text(r, HANDLE_BROWSER, 2, 0));
	if (which & SESSION)
		text_append_printf(&b, "; sallyport_session_9400=%s", handle_text(r, HANDLE_SESSION, 3, 0));
	request_test_header(r, "cookie", b.base);
}

static uint32_t shown; /* of the form's handle; as the consent page of this session makes it: as_shown */

static struct request *prepare_page(const char *method, const char *path, const char *form, int cookies)
{
	struct request *r = prepare(method, path, NULL, form);
	const char *fields =
	    text_printf(&r->pool, "request=%s&%s", handle_text(r, HANDLE_REQUEST, 4, shown), form != NULL ? form : "");
	if (form != NULL)
		r->body = text_of(fields);
	else
		r->query = text_of(fields);
	add_cookies(r, cookies);
	return r;
}

static struct request *show(const char *path, int cookies)
{
	return run(prepare_page("GET", path, NULL, cookies));
}

static struct request *post(const char *path, const char *form, int cookies)
{
	return run(prepare_page("POST", path, form, cookies));
}

static void assert_goes_to(struct request *r, const char *start)
{
	const char *location = reply_test_header(r, "location");
	if (reply_test_status(r) != 303 || location == NULL || !text_starts(text_of(location), start))
		fail_saying("%d %s", reply_test_status(r), location != NULL ? location : "-");
	request_test_free(r);
}

static void assert_page(struct request *r, int status, const char *text)
{
	if (reply_test_status(r) != status || !body_has(r, text))
		fail_saying("%d %s", reply_test_status(r), reply_test_body(r).base);
	assert_string_equal(reply_test_header(r, "x-frame-options"), "DENY");
	assert_string_equal(reply_test_header(r, "cache-control"), "no-store");
	assert_non_null(strstr(reply_test_header(r, "content-security-policy"),
	                       "default-src 'none'; style-src 'self'; form-action 'self'"));
	assert_null(reply_test_header(r, "access-control-allow-origin"));
	assert_false(body_has(r, "<b>") || body_has(r, "<script") || body_has(r, "style=") || body_has(r, "{{"));
	request_test_free(r);
}

static void shows_the_sign_in_page(void **state)
{
	(void)state;
	assert_page(show("/t1/sign-in", BROWSER), 200, "&lt;b&gt;Evil &amp; co&lt;/b&gt;");
	assert_page(show("/t1/sign-in", BROWSER), 200, "autocomplete=\"current-password\"");
	DOUBLE.page_state = PAGE_CONSENT;
	assert_goes_to(show("/t1/sign-in", BROWSER | SESSION), "/t1/consent?request=spq_");
}

static void refuses_foreign_and_dead_requests(void **state)
{
	(void)state;
	static const char *const PATHS[] = {"/t1/sign-in", "/t1/consent"};
	for (size_t i = 0; i < 2; i++) {
		assert_page(show(PATHS[i], 0), 400, "has expired");
		assert_page(show(PATHS[i], SESSION), 400, "has expired");
		assert_null(DOUBLE.asked);
		struct request *r = prepare("GET", PATHS[i], NULL, NULL);
		r->query = text_of(text_printf(&r->pool, "request=%s", handle_text(r, HANDLE_SESSION, 4, 0)));
		add_cookies(r, BROWSER);
		assert_page(run(r), 400, "has expired");
		assert_null(DOUBLE.asked);
	}
	DOUBLE.page_state = PAGE_NO_REQUEST;
	assert_page(show("/t1/sign-in", BROWSER), 400, "has expired");
	assert_page(post("/t1/sign-in", "username=alice&password=right", BROWSER), 400, "has expired");
	assert_int_equal(DOUBLE.compared, 0); /* no work for what is dead */
	assert_page(post("/t1/consent", "decision=approve", BROWSER | SESSION), 400, "has expired");
}

static void starts_a_new_session(void **state)
{
	(void)state;
	DOUBLE.person.password_hash = "old";
	struct request *r = post("/t1/sign-in", "username=alice&password=right", BROWSER | SESSION);
	const char *cookie = reply_test_header(r, "set-cookie");
	assert_true(text_starts(text_of(cookie), "sallyport_session_9400=sps_"));
	assert_null(strstr(cookie, handle_text(r, HANDLE_SESSION, 3, 0)));
	assert_non_null(strstr(cookie, "; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800"));
	assert_true(DOUBLE.has_session); /* the old one ends */
	assert_true(DOUBLE.rehashed);
	assert_goes_to(r, "/t1/consent?request=spq_");
}

static void uses_host_cookies_with_https(void **state)
{
	(void)state;
	AUTHZ.settings.secure = true;
	struct request *r = prepare("POST", "/t1/sign-in", NULL, "x");
	r->body = text_of(
	    text_printf(&r->pool, "request=%s&username=a&password=right", handle_text(r, HANDLE_REQUEST, 4, 0)));
	request_test_header(r, "cookie",
	                    text_printf(&r->pool, "__Host-sallyport_browser=%s", handle_text(r, HANDLE_BROWSER, 2, 0)));
	run(r);
	AUTHZ.settings.secure = false;
	assert_true(text_starts(text_of(reply_test_header(r, "set-cookie")), "__Host-sallyport_session=sps_"));
	assert_non_null(strstr(reply_test_header(r, "set-cookie"), "; Secure"));
	request_test_free(r);
}

/* One page for everything that is wrong, and one comparison for everybody. */
static void tells_nobody_who_exists(void **state)
{
	(void)state;
	struct request *wrong = post("/t1/sign-in", "username=alice&password=wrong", BROWSER);
	assert_int_equal(reply_test_status(wrong), 403);
	assert_null(reply_test_header(wrong, "set-cookie"));
	DOUBLE.person.password_hash = NULL;
	struct request *unknown = post("/t1/sign-in", "username=alice&password=wrong", BROWSER);
	assert_int_equal(DOUBLE.compared, 2);
	assert_string_equal(reply_test_body(wrong).base, reply_test_body(unknown).base);
	assert_int_equal(reply_test_status(unknown), 403);
	request_test_free(wrong);
	request_test_free(unknown);
	assert_page(post("/t1/sign-in", "username=alice&password=right", BROWSER), 403, "role=\"alert\"");
	DOUBLE.person.password_hash = "hash";
	DOUBLE.signed_in = false; /* disabled meanwhile */
	assert_page(post("/t1/sign-in", "username=alice&password=right", BROWSER), 403, "role=\"alert\"");
	assert_page(post("/t1/sign-in", "username=&password=right", BROWSER), 403, "role=\"alert\"");
	assert_page(post("/t1/sign-in", "username=alice&password=", BROWSER), 403, "role=\"alert\"");
	assert_page(post("/t1/sign-in", "username=a&username=b&password=c", BROWSER), 400, "twice");
}

static void asks_to_wait(void **state)
{
	(void)state;
	DOUBLE.person = (struct person_sign_in){.throttled = true};
	struct request *r = post("/t1/sign-in", "username=alice&password=right", BROWSER);
	assert_string_equal(reply_test_header(r, "retry-after"), "60");
	assert_int_equal(DOUBLE.compared, 0);
	assert_page(r, 429, "wait");
}

static void assert_form(const char *origin, const char *site, bool accepted)
{
	static const char *const FORMS[][2] = {{"/t1/sign-in", "username=alice&password=right"},
	                                       {"/t1/consent", "decision=deny"},
	                                       {"/t1/sign-out", "a=b"}};
	for (size_t i = 0; i < 3; i++) {
		DOUBLE.asked = NULL;
		struct request *r = prepare_page("POST", FORMS[i][0], FORMS[i][1], BROWSER | SESSION);
		if (origin != NULL)
			request_test_header(r, "origin", origin);
		if (site != NULL)
			request_test_header(r, "sec-fetch-site", site);
		run(r);
		assert_int_equal(reply_test_status(r) == 403, !accepted);
		assert_int_equal(DOUBLE.asked != NULL, accepted);
		request_test_free(r);
	}
}

static void takes_forms_of_its_own_pages_only(void **state)
{
	(void)state;
	DOUBLE.decided = (struct decided){.redirect_uri = "https://a.example/", .client_id = "c"};
	DOUBLE.decision = DECIDED_DENIED;
	assert_form("http://127.0.0.1:9400", "same-origin", true);
	assert_form("http://127.0.0.1:9400", NULL, true);
	assert_form("null", "same-origin", true);
	assert_form(NULL, NULL, true);
	assert_form("null", NULL, false);
	assert_form("http://127.0.0.1:9401", NULL, false);
	assert_form("https://evil.example", NULL, false);
	assert_form("http://127.0.0.1:9400", "cross-site", false);
	assert_form(NULL, "same-site", false);
	assert_form(NULL, "none", false);
}

static void shows_what_is_asked(void **state)
{
	(void)state;
	assert_goes_to(show("/t1/consent", BROWSER), "/t1/sign-in?request=spq_");
	DOUBLE.page_state = PAGE_CONSENT;
	struct request *r = show("/t1/consent", BROWSER | SESSION);
	static const char *const THERE[] = {"localhost:8080",
	                                    "&lt;b&gt;Evil",
	                                    "registered itself",
	                                    "runs on this computer",
	                                    "Search the &lt;logs&gt;",
	                                    "Search logs",
	                                    "not given to you",
	                                    "Alice A.",
	                                    "action=\"/t1/sign-out\"",
	                                    "name=\"decision\" value=\"approve\"",
	                                    "name=\"decision\" value=\"deny\""};
	for (size_t i = 0; i < sizeof(THERE) / sizeof(THERE[0]); i++)
		if (!body_has(r, THERE[i]))
			fail_saying("%s is missing", THERE[i]);
	assert_non_null(
	    strstr(reply_test_header(r, "content-security-policy"),
	           "form-action 'self' http://localhost:8080 http://localhost:* http://127.0.0.1:* https:;"));
	assert_page(r, 200, "Allow access?");
	SHOWN[0].allowed = false;
	DOUBLE.page.grantable = false;
	r = show("/t1/consent", BROWSER | SESSION);
	SHOWN[0].allowed = true;
	DOUBLE.page.grantable = true;
	assert_false(body_has(r, "value=\"approve\""));
	assert_page(r, 200, "You may not give any");
}

/* What the hidden field of the consent page says that was shown. */
static uint32_t as_shown(void)
{
	struct handle h = {.generation = 0};
	struct request *r = show("/t1/consent", BROWSER | SESSION);
	const char *field = strstr(reply_test_body(r).base, "name=\"request\" value=\"");
	assert_non_null(field);
	field += strlen("name=\"request\" value=\"");
	assert_true(handle_open(AUTHZ.handle_keys, HANDLE_REQUEST, h2o_iovec_init(field, strcspn(field, "\"")), &h));
	request_test_free(r);
	return h.generation;
}

/* Another person signed in with this browser, or approval would open something else by now: the page is shown again. */
static void decides_only_what_was_shown(void **state)
{
	(void)state;
	DOUBLE.page_state = PAGE_CONSENT;
	DOUBLE.decided = (struct decided){.redirect_uri = "http://localhost:8080/cb", .client_id = "c"};
	DOUBLE.decision = DECIDED_APPROVED;
	DOUBLE.asked = NULL;
	shown = 0;
	assert_goes_to(post("/t1/consent", "decision=approve", BROWSER | SESSION), "/t1/consent?request=spq_");
	assert_string_equal(DOUBLE.asked, "page_view");
	shown = as_shown();
	assert_int_not_equal(shown, 0);
	assert_goes_to(post("/t1/consent", "decision=approve", BROWSER | SESSION), "http://localhost:8080/cb?code=");
	struct request *r = prepare_page("POST", "/t1/consent", "decision=approve", BROWSER);
	r->test_headers = NULL;
	request_test_header(r, "content-type", "application/x-www-form-urlencoded");
	request_test_header(r, "cookie",
	                    text_printf(&r->pool, "sallyport_browser_9400=%s; sallyport_session_9400=%s",
	                                handle_text(r, HANDLE_BROWSER, 2, 0), handle_text(r, HANDLE_SESSION, 9, 0)));
	assert_goes_to(run(r), "/t1/consent?request=spq_");
	SHOWN[0].allowed = false;
	assert_goes_to(post("/t1/consent", "decision=approve", BROWSER | SESSION), "/t1/consent?request=spq_");
	SHOWN[0].allowed = true;
	DOUBLE.decision = DECIDED_DENIED;
	shown = 0; /* to refuse, nothing must have been shown */
	assert_goes_to(post("/t1/consent", "decision=deny", BROWSER | SESSION), "http://localhost:8080/cb?error=");
}

/* What was allowed before stands by itself, and is part of what approval gives. */
static void shows_what_stays_allowed(void **state)
{
	(void)state;
	DOUBLE.page_state = PAGE_CONSENT;
	DOUBLE.page.can_remember = true;
	struct request *r = show("/t1/consent", BROWSER | SESSION);
	assert_false(body_has(r, "Already allowed"));
	assert_true(body_has(r, "is remembered"));
	request_test_free(r);
	shown = as_shown();
	SHOWN[1].allowed = SHOWN[1].kept = true;
	assert_int_not_equal(shown, as_shown());
	r = show("/t1/consent", BROWSER | SESSION);
	assert_true(body_has(r, "If you allow it") && body_has(r, "Already allowed"));
	assert_true(strstr(reply_test_body(r).base, "Already allowed") <
	            strstr(reply_test_body(r).base, "create_user"));
	request_test_free(r);
	SHOWN[0].allowed = DOUBLE.page.grantable = false; /* only what it has: nothing of what it asks for */
	DOUBLE.page.can_remember = false;
	r = show("/t1/consent", BROWSER | SESSION);
	SHOWN[0].allowed = true;
	SHOWN[1].allowed = SHOWN[1].kept = false;
	assert_false(body_has(r, "value=\"approve\"") || body_has(r, "is remembered"));
	assert_true(body_has(r, "Already allowed"));
	assert_page(r, 200, "You may not give any");
}

static void passes_the_page_over_if_nobody_needs_to_be_asked(void **state)
{
	(void)state;
	DOUBLE.page_state = PAGE_CONSENT;
	DOUBLE.page.silent = true;
	DOUBLE.decision = DECIDED_APPROVED;
	DOUBLE.decided =
	    (struct decided){.redirect_uri = "http://localhost:8080/cb", .client_id = "c", .consent = "remembered"};
	assert_goes_to(show("/t1/consent", BROWSER | SESSION), "http://localhost:8080/cb?code=");
	assert_int_equal(DOUBLE.how, DECIDE_SILENTLY);
	DOUBLE.decision = DECIDED_ASK;
	assert_page(show("/t1/consent", BROWSER | SESSION), 200, "Allow access?");
	DOUBLE.decision = DECIDED_NO_SESSION;
	assert_goes_to(show("/t1/consent", BROWSER | SESSION), "/t1/sign-in?request=spq_");
	DOUBLE.decision = DECIDED_NO_REQUEST;
	assert_page(show("/t1/consent", BROWSER | SESSION), 400, "has expired");
	struct request *r = show("/t1/sign-in", BROWSER);
	request_test_free(r);
	DOUBLE.page_state = PAGE_SIGN_IN;
	r = show("/t1/sign-in", BROWSER);
	assert_non_null(
	    strstr(reply_test_header(r, "content-security-policy"), "form-action 'self' http://localhost:8080"));
	request_test_free(r);
}

static void names_the_target_in_the_policy(void **state)
{
	(void)state;
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	assert_string_equal(page_csp_source(&pool, "https://a.example:8443/cb?x=;y"), "https://a.example:8443");
	assert_string_equal(page_csp_source(&pool, "com.example.app:/cb"), "com.example.app:");
	assert_string_equal(page_csp_source(&pool, "cursor://anysphere.cursor-mcp/oauth"), "cursor:");
	assert_string_equal(page_csp_source(&pool, "http://[::1]:1/cb"), "http:");
	h2o_mem_clear_pool(&pool);
}

static void decides(void **state)
{
	(void)state;
	DOUBLE.page_state = PAGE_CONSENT;
	shown = as_shown();
	DOUBLE.decided =
	    (struct decided){.redirect_uri = "http://localhost:8080/cb?a=b", .state = "s &", .client_id = "c"};
	DOUBLE.decision = DECIDED_APPROVED;
	struct request *r = post("/t1/consent", "decision=approve", BROWSER | SESSION);
	const char *location = reply_test_header(r, "location");
	assert_non_null(strstr(location, "&state=s%20%26&iss=http%3A%2F%2F127.0.0.1%3A9400%2Ft1"));
	assert_string_equal(reply_test_header(r, "referrer-policy"), "no-referrer");
	assert_int_equal(DOUBLE.how, DECIDE_APPROVE);
	assert_goes_to(r, "http://localhost:8080/cb?a=b&code=spc_");
	DOUBLE.decision = DECIDED_NO_SCOPE;
	assert_goes_to(post("/t1/consent", "decision=approve", BROWSER | SESSION),
	               "http://localhost:8080/cb?a=b&error=access_denied&");
	DOUBLE.decision = DECIDED_NO_SESSION;
	assert_goes_to(post("/t1/consent", "decision=approve", BROWSER | SESSION), "/t1/sign-in?request=spq_");
	DOUBLE.decision = DECIDED_NO_REQUEST;
	assert_page(post("/t1/consent", "decision=approve", BROWSER | SESSION), 400, "has expired");
	DOUBLE.decision = DECIDED_DENIED;
	DOUBLE.decided = (struct decided){.redirect_uri = "com.example.app:/cb", .client_id = "c"};
	assert_goes_to(post("/t1/consent", "decision=deny", BROWSER | SESSION),
	               "com.example.app:/cb?error=access_denied&error_description=the%20person%20refused&iss=");
	assert_int_equal(DOUBLE.how, DECIDE_DENY);
	DOUBLE.asked = NULL;
	static const char *const BAD[] = {"a=b", "decision=", "decision=yes", "decision=approve&decision=deny"};
	for (size_t i = 0; i < 4; i++)
		assert_page(post("/t1/consent", BAD[i], BROWSER | SESSION), 400, "what was decided");
	assert_null(DOUBLE.asked);
	DOUBLE.page_state = PAGE_SIGN_IN;
	assert_goes_to(post("/t1/consent", "decision=approve", BROWSER), "/t1/sign-in?request=spq_");
	assert_goes_to(post("/t1/consent", "decision=deny", BROWSER), "com.example.app:/cb?error=access_denied");
}

static void signs_out(void **state)
{
	(void)state;
	struct request *r = post("/t1/sign-out", "a=b", BROWSER | SESSION);
	assert_string_equal(DOUBLE.asked, "sign_out");
	assert_int_equal(DOUBLE.session_id[0], 3);
	assert_non_null(strstr(reply_test_header(r, "set-cookie"),
	                       "sallyport_session_9400=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"));
	assert_goes_to(r, "/t1/sign-in?request=spq_");
	r = prepare("POST", "/t1/sign-out", NULL, "a=b");
	add_cookies(r, BROWSER);
	DOUBLE.asked = NULL;
	assert_page(run(r), 200, "signed out");
	assert_null(DOUBLE.asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(shows_the_sign_in_page, reset),
	    cmocka_unit_test_setup(refuses_foreign_and_dead_requests, reset),
	    cmocka_unit_test_setup(starts_a_new_session, reset),
	    cmocka_unit_test_setup(uses_host_cookies_with_https, reset),
	    cmocka_unit_test_setup(tells_nobody_who_exists, reset),
	    cmocka_unit_test_setup(asks_to_wait, reset),
	    cmocka_unit_test_setup(takes_forms_of_its_own_pages_only, reset),
	    cmocka_unit_test_setup(shows_what_is_asked, reset),
	    cmocka_unit_test_setup(names_the_target_in_the_policy, reset),
	    cmocka_unit_test_setup(decides, reset),
	    cmocka_unit_test_setup(decides_only_what_was_shown, reset),
	    cmocka_unit_test_setup(shows_what_stays_allowed, reset),
	    cmocka_unit_test_setup(passes_the_page_over_if_nobody_needs_to_be_asked, reset),
	    cmocka_unit_test_setup(signs_out, reset),
	};
	return cmocka_run_group_tests(tests, authz_start, authz_stop);
}
