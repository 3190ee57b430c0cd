/* SPDX-License-Identifier: Apache-2.0 */
#include "common/router.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

static step_result say_path(struct request *r)
{
	return reply_body(r, 200, "text/plain", r->path_id.base != NULL ? r->path_id : r->path);
}

static step_result prove_by_header(struct request *r)
{
	if (!text_is(request_header(r, "x-key", NULL), "good"))
		return fail(r, &INVALID_CLIENT, "no key");
	r->caller = r;
	return STEP_NEXT;
}

static step_result say_proved(struct request *r)
{
	assert_ptr_equal(r->caller, r);
	return reply_body(r, 200, "text/plain", text_of("proved"));
}

static step_result say_field(struct request *r)
{
	return reply_body(r, 200, "text/plain", form_get(&r->form, "a"));
}

static unsigned spent;

static step_result spend(struct request *r)
{
	spent = r->endpoint->budget;
	r->retry_after_s = 7;
	return text_is(request_header(r, "x-spend", NULL), "all") ? fail(r, &TOO_MANY_REQUESTS, "wait") : STEP_NEXT;
}

static step_fn *const PATH_STEPS[] = {say_path, NULL};
static step_fn *const PROVED_STEPS[] = {say_proved, NULL};
static step_fn *const FIELD_STEPS[] = {say_field, NULL};
static step_fn *const GUARD[] = {prove_by_header, NULL};

static const struct endpoint ENDPOINTS[] = {
    {.method = "GET", .path = "/.well-known/x{base}", .cors = ANY_ORIGIN, .steps = PATH_STEPS},
    {.method = "GET", .path = "{base}/things", .steps = PATH_STEPS},
    {.method = "GET", .path = "{base}/things/{id}", .steps = PATH_STEPS},
    {.method = "DELETE", .path = "{base}/things/{id}", .steps = PATH_STEPS},
    {.method = "POST", .path = "{base}/form", .body = FORM, .steps = FIELD_STEPS},
    {.method = "POST", .path = "{base}/json", .body = JSON, .steps = PATH_STEPS, .body_limit = 20},
    {.method = "GET", .path = "{base}/mine", .caller = CLIENT, .steps = PROVED_STEPS},
    {.method = "GET", .path = "{base}/limited", .steps = PATH_STEPS, .budget = 3},
    {.method = "GET", .path = "{base}/limited-mine", .caller = CLIENT, .steps = PROVED_STEPS, .budget = 4},
};

static struct service SERVICE = {
    .name = "test",
    .endpoints = ENDPOINTS,
    .endpoint_count = sizeof(ENDPOINTS) / sizeof(ENDPOINTS[0]),
    .base = "/t1",
    .guards = {[CLIENT] = GUARD},
    .spend = spend,
};

static struct request *ask(const char *method, const char *path, const char *type, const char *body)
{
	static h2o_mem_pool_t pool;
	static struct router *router;
	if (router == NULL) {
		h2o_mem_init_pool(&pool);
		router = router_build(&pool, &SERVICE);
	}
	struct request *r = request_test(&SERVICE, NULL);
	r->method = text_of(method);
	r->path = text_of(path);
	r->body = text_of(body != NULL ? body : "");
	if (type != NULL)
		request_test_header(r, "content-type", type);
	router_run(router, r);
	return r;
}

static int status_of(struct request *r)
{
	int status = reply_test_status(r);
	request_test_free(r);
	return status;
}

static void finds_exact_paths_only(void **state)
{
	(void)state;
	assert_int_equal(status_of(ask("GET", "/t1/things", NULL, NULL)), 200);
	static const char *const others[] = {"/things",        "/t1/Things",   "/t1/things/",
	                                     "//t1/things",    "/t1/./things", "/t1/%74hings",
	                                     "/t1/things/a/b", "/t1/things?",  ""};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(status_of(ask("GET", others[i], NULL, NULL)), 404);
}

static void gives_the_last_segment(void **state)
{
	(void)state;
	struct request *r = ask("DELETE", "/t1/things/abc", NULL, NULL);
	assert_true(text_is(reply_test_body(r), "abc"));
	request_test_free(r);
}

static void names_the_methods_that_a_path_has(void **state)
{
	(void)state;
	struct request *r = ask("PUT", "/t1/things/abc", NULL, NULL);
	assert_int_equal(reply_test_status(r), 405);
	assert_string_equal(reply_test_header(r, "allow"), "GET, DELETE");
	request_test_free(r);
	assert_int_equal(status_of(ask("HEAD", "/t1/things", NULL, NULL)), 200);
}

static void answers_preflight_only_where_any_origin_may_read(void **state)
{
	(void)state;
	struct request *r = ask("OPTIONS", "/.well-known/x/t1", NULL, NULL);
	assert_int_equal(reply_test_status(r), 204);
	assert_string_equal(reply_test_header(r, "access-control-allow-origin"), "*");
	request_test_free(r);
	r = ask("OPTIONS", "/t1/things", NULL, NULL);
	assert_int_equal(reply_test_status(r), 405);
	assert_null(reply_test_header(r, "access-control-allow-origin"));
	request_test_free(r);
}

static void reads_bodies_as_the_row_says(void **state)
{
	(void)state;
	struct request *r = ask("POST", "/t1/form", "application/x-www-form-urlencoded; charset=UTF-8", "a=1%202");
	assert_true(text_is(reply_test_body(r), "1 2"));
	request_test_free(r);
	assert_int_equal(status_of(ask("POST", "/t1/form", "application/json", "a=1")), 415);
	assert_int_equal(status_of(ask("POST", "/t1/form", "application/x-www-form-urlencodedx", "a=1")), 415);
	assert_int_equal(status_of(ask("POST", "/t1/form", NULL, "a=1")), 415);
	assert_int_equal(status_of(ask("POST", "/t1/form", "application/x-www-form-urlencoded", "a=%zz")), 400);
	assert_int_equal(status_of(ask("POST", "/t1/json", "application/json", "{\"a\":1}")), 200);
	assert_int_equal(status_of(ask("POST", "/t1/json", "application/json", "{\"a\":1")), 400);
	assert_int_equal(status_of(ask("POST", "/t1/json", "application/json", "{\"a\":1,\"a\":2}")), 400);
	assert_int_equal(status_of(ask("POST", "/t1/json", "application/json", "{\"a\":\"01234567890123\"}")), 413);
}

static void proves_the_caller_before_the_steps(void **state)
{
	(void)state;
	assert_int_equal(status_of(ask("GET", "/t1/mine", NULL, NULL)), 401);
	static h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct router *router = router_build(&pool, &SERVICE);
	struct request *r = request_test(&SERVICE, NULL);
	r->method = text_of("GET");
	r->path = text_of("/t1/mine");
	request_test_header(r, "x-key", "good");
	router_run(router, r);
	assert_true(text_is(reply_test_body(r), "proved"));
	request_test_free(r);
	h2o_mem_clear_pool(&pool);
}

/* Budgets are spent when the caller is known, by rows that name one. */
static void spends_the_budget_of_the_row(void **state)
{
	(void)state;
	spent = 0;
	assert_int_equal(status_of(ask("GET", "/t1/things", NULL, NULL)), 200);
	assert_int_equal(status_of(ask("GET", "/t1/limited-mine", NULL, NULL)), 401);
	assert_int_equal(spent, 0);
	assert_int_equal(status_of(ask("GET", "/t1/limited", NULL, NULL)), 200);
	assert_int_equal(spent, 3);
	struct request *r = request_test(&SERVICE, &ENDPOINTS[sizeof(ENDPOINTS) / sizeof(ENDPOINTS[0]) - 1]);
	request_test_header(r, "x-spend", "all");
	r->next_step = enter;
	request_run(r);
	assert_int_equal(spent, 4);
	assert_int_equal(reply_test_status(r), 429);
	assert_string_equal(reply_test_header(r, "retry-after"), "7");
	request_test_free(r);
}

int main(void)
{
	json_init();
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spends_the_budget_of_the_row),
	    cmocka_unit_test(finds_exact_paths_only),
	    cmocka_unit_test(gives_the_last_segment),
	    cmocka_unit_test(names_the_methods_that_a_path_has),
	    cmocka_unit_test(answers_preflight_only_where_any_origin_may_read),
	    cmocka_unit_test(reads_bodies_as_the_row_says),
	    cmocka_unit_test(proves_the_caller_before_the_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
