/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor says of a call, by what a server answers; the server is one answer of this file. */
#define doctor_http_ask answer_of_the_test
#include "mcp/doctor/doctor_call.c"
#include "mcp/doctor/doctor_rpc.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;
static struct doctor_answer answer;

struct doctor_answer answer_of_the_test(struct doctor_http *http, enum doctor_role role, const char *method,
                                        const char *url, const char *const *headers, h2o_iovec_t body)
{
	(void)http, (void)role, (void)method, (void)url, (void)headers;
	assert_non_null(strstr(body.base, "\"elicitation\""));
	return answer;
}

static void assert_call(long status, const char *head, const char *body, enum call_outcome outcome,
                        enum verdict verdict)
{
	struct doctor d = {.pool = &pool, .report = report_open(&pool, "http://x/mcp", true)};
	struct doctor_session session = {.access = "t", .modern = true};
	struct report_step s = {.name = "Call"};

	session.names = json_read(&pool, text_of("[\"mine\"]"), NULL);
	answer = (struct doctor_answer){
	    .status = status, .head = text_of(head), .body = text_of(body), .content_type = "application/json"};
	struct doctor_rpc r = doctor_rpc_ask(&d, &session, "tools/call", json_pack("{s:s}", "name", "mine"));

	assert_int_equal(judge(&d, &session, "mine", &s, &r), outcome);
	assert_int_equal(s.verdict, verdict);
	assert_non_null(s.got);
}

static void an_answer_is_fine(void **state)
{
	(void)state;
	assert_call(200, "", "{\"result\":{\"resultType\":\"complete\",\"content\":[]}}", CALL_ANSWER, VERDICT_OK);
}

static void an_error_of_the_tool_is_a_failure(void **state)
{
	(void)state;
	assert_call(200, "", "{\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"no\"}],\"isError\":true}}",
	            CALL_FAILED, VERDICT_FAILED);
	assert_call(200, "", "{\"error\":{\"code\":-32603,\"message\":\"x\"}}", CALL_FAILED, VERDICT_FAILED);
	assert_call(503, "", "", CALL_FAILED, VERDICT_FAILED);
	assert_call(200, "", "hello", CALL_FAILED, VERDICT_FAILED);
}

static void a_question_is_no_answer_and_no_failure(void **state)
{
	(void)state;
	assert_call(200, "",
	            "{\"result\":{\"resultType\":\"input_required\",\"inputRequests\":{\"a\":{\"method\":"
	            "\"elicitation/create\",\"params\":{\"message\":\"Really?\"}}},\"requestState\":\"s\"}}",
	            CALL_ASKED, VERDICT_NOTE);
	assert_call(200, "", "{\"error\":{\"code\":-32042,\"message\":\"visit\"}}", CALL_ASKED, VERDICT_NOTE);
	assert_call(401, "WWW-Authenticate: Bearer error=\"insufficient_user_authentication\"\r\n", "", CALL_ASKED,
	            VERDICT_NOTE);
}

static void a_refusal_is_a_note(void **state)
{
	(void)state;
	assert_call(403, "WWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"a\"\r\n", "", CALL_REFUSED,
	            VERDICT_NOTE);
	assert_call(200, "", "{\"error\":{\"code\":-32602,\"message\":\"Unknown tool\"}}", CALL_REFUSED, VERDICT_NOTE);
	assert_call(401, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n", "", CALL_FAILED, VERDICT_FAILED);
}

static int open_pool(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	return 0;
}

static int clear_pool(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(an_answer_is_fine, open_pool, clear_pool),
	    cmocka_unit_test_setup_teardown(an_error_of_the_tool_is_a_failure, open_pool, clear_pool),
	    cmocka_unit_test_setup_teardown(a_question_is_no_answer_and_no_failure, open_pool, clear_pool),
	    cmocka_unit_test_setup_teardown(a_refusal_is_a_note, open_pool, clear_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
