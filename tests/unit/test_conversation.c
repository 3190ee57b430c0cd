/* SPDX-License-Identifier: Apache-2.0 */
/* What a backend says and asks, without a connection: what would have been sent is looked at. */
#include "mcp/call/ask_legacy.c"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

#include "common/log.h"
#include "common/reply.h"
#include "mcp/approval/approval.h"
#include "mcp/approval/store_approval.h"
#include "mcp/call/invoke.h"
#include "mcp/catalogue/catalogue.h"
#include "tests/unit/bearer_double.h"

static struct bearer *caller; /* what listens takes references of */

const struct bearer *bearer_of(const struct request *r)
{
	(void)r;
	return caller;
}

/* ---- a backend ---- */

static step_result (*script)(struct request *r);
static unsigned runs;

static step_result run(struct request *r)
{
	runs++;
	return script(r);
}

static const struct backend BACKEND = {.name = "test", .run = run};
static struct item ITEM = {.kind = ITEM_TOOL, .key = "t", .name = "t", .scope = "a", .backend = &BACKEND, .digest = ""};

static struct mcp MCP = {.server_info = "{\"name\":\"s\",\"version\":\"1\"}"};
static const struct service SERVICE = {.name = "mcp", .daemon = &MCP, .show_error = {[AS_JSON] = show_error_json}};
static const struct endpoint POINT = {.method = "POST", .state_size = sizeof(struct call)};
static char audit_file[] = "/tmp/test_conversation.XXXXXX";

static int open_server(void **state)
{
	(void)state;
	close(mkstemp(audit_file));
	MCP.audit = audit_open("test", audit_file, NULL);
	h2o_mem_init_pool(&MCP.pool);
	sessions_open(&MCP.sessions, &MCP.pool, NULL);
	caller = h2o_mem_alloc_shared(NULL, sizeof(*caller), NULL);
	*caller = (struct bearer){
	    .subject = "alice", .client_id = "c1", .username = "", .grant_id = "", .jti = "", .scope = ""};
	streams_open(&MCP.streams);
	watches_open(&MCP.watches, 9, 9);
	replays_open(&MCP.replays);
	return log_open("test", "/dev/null", LOG_ERROR) ? 0 : -1;
}

static int close_server(void **state)
{
	(void)state;
	replays_close(&MCP.replays);
	h2o_mem_release_shared(caller);
	sessions_close(&MCP.sessions);
	audit_close(MCP.audit);
	h2o_mem_clear_pool(&MCP.pool);
	return unlink(audit_file);
}

/* A call whose params are this JSON; the legacy era has this version, the modern one none. */
static struct request *start(const char *params, enum legacy_version version, unsigned abilities)
{
	struct request *r = request_test(&SERVICE, &POINT);
	struct call *call = call_of(r);

	request_test_header(r, "accept", "application/json, text/event-stream");
	call->era = version != 0 ? ERA_LEGACY : ERA_MODERN;
	call->message.method = text_of("tools/call");
	call->message.id = text_of("1");
	call->message.id_value = json_keep(&r->pool, json_integer(1));
	call->message.params = json_read(&r->pool, text_of(params), NULL);
	assert_non_null(call->message.params);
	session_read(r, &call->session);
	call->session.version = version;
	call->session.is_open = version != 0;
	call->session.abilities = abilities;
	call->item = &ITEM;
	call->name = text_of("t");
	return r;
}

static struct request *begin(step_result (*steps)(struct request *), const char *params, enum legacy_version version,
                             unsigned abilities)
{
	struct request *r = start(params, version, abilities);

	script = steps;
	runs = 0;
	if (invoke_run(r, &BACKEND, NULL) == STEP_WAIT)
		r->waiting = true;
	return r;
}

static const char *sent(struct request *r)
{
	return text_copy(&r->pool, reply_test_body(r));
}

static step_result answer_text(struct request *r, const char *text)
{
	struct outcome outcome = {.content = answer_text_content(&r->pool, text_of(text))};

	return answer_outcome(r, &outcome);
}

/* ---- saying ---- */

static step_result say_much(struct request *r)
{
	static const double STEPS[] = {0, 0, 10, 5, NAN, INFINITY, 12.5};

	for (size_t i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++)
		say_progress(r, STEPS[i], 20, NULL);
	for (int i = 0; i < 100; i++)
		say_progress(r, 100 + i, -1, "m\"");
	return answer_text(r, "done");
}

static unsigned count_of(const char *text, const char *part)
{
	unsigned count = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		count++;
	return count;
}

static void test_progress(void **state)
{
	(void)state;
	struct request *r = begin(say_much, "{\"_meta\":{\"progressToken\":\"p\"}}", VERSION_2025_06_18, 0);
	const char *text = sent(r);
	assert_string_equal(reply_test_header(r, "content-type"), "text/event-stream");
	assert_string_equal(reply_test_header(r, "x-accel-buffering"), "no");
	assert_int_equal(strncmp(text, ":\n\n", 3), 0);
	assert_int_equal(count_of(text, "\"progress\":0,"), 1);
	assert_null(strstr(text, "\"progress\":5,"));
	assert_non_null(strstr(text, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{"
	                             "\"progressToken\":\"p\",\"progress\":12.5,\"total\":20}}\n\n"));
	assert_non_null(strstr(text, "\"progress\":100,\"message\":\"m\\\"\"}"));
	assert_int_equal(count_of(text, "notifications/progress"), 20);
	assert_non_null(strstr(text, "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":"));
	request_test_free(r);
	/* no token, or one of another type */
	for (int i = 0; i < 2; i++) {
		r = begin(say_much, i == 0 ? "{}" : "{\"_meta\":{\"progressToken\":{}}}", VERSION_2025_06_18, 0);
		assert_string_equal(reply_test_header(r, "content-type"), "application/json");
		request_test_free(r);
	}
	assert_int_equal(MCP.streams.count, 0);
}

static step_result say_lines(struct request *r)
{
	say_log(r, SEVERITY_INFO, "l", text_of("{\"a\":\n1,\r\n\"b\":2}"));
	say_log(r, SEVERITY_ERROR, NULL, text_of("\"e\""));
	return answer_text(r, "done");
}

static void test_messages(void **state)
{
	(void)state;
	struct request *r = begin(say_lines, "{}", VERSION_2025_06_18, 0);
	assert_null(strstr(sent(r), "notifications/message")); /* nobody asked for any */
	session_set_level(&MCP.sessions, call_of(r)->session.owner, SEVERITY_INFO);
	request_test_free(r);
	r = begin(say_lines, "{}", VERSION_2025_06_18, 0);
	/* a line break would end the event's field */
	assert_non_null(strstr(sent(r), "\"logger\":\"l\",\"data\":{\"a\": 1,  \"b\":2}}}\n\n"));
	assert_non_null(strstr(sent(r), "\"level\":\"error\",\"data\":\"e\""));
	request_test_free(r);
	r = begin(say_lines, "{\"_meta\":{\"io.modelcontextprotocol/logLevel\":\"warning\"}}", 0, 0);
	assert_int_equal(count_of(sent(r), "notifications/message"), 1);
	request_test_free(r);
}

/* ---- asking ---- */

static const struct input_request QUESTIONS[] = {
    {"who",
     "elicitation/create",
     {(char
           *)"{\"message\":\"?\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"string\"}},"
             "\"required\":[\"n\"]}}",
      0},
     false},
    {"roots", "roots/list", {(char *)"{}", 2}, false},
};

static step_result ask_both(struct request *r)
{
	struct input_request questions[2] = {QUESTIONS[0], QUESTIONS[1]};

	questions[0].params.len = strlen(questions[0].params.base);
	if (ask_answer(r, "who") == NULL || ask_answer(r, "roots") == NULL)
		return ask_client(r, questions, 2, text_of("state"));
	assert_memory_equal(ask_state(r).bytes, "state", 5);
	return answer_text(r, json_get_text(json_object_get(ask_answer(r, "who"), "content"), "n").base);
}

static void post(struct request *asked, unsigned number, const char *rest, const char *subject)
{
	struct request *r = start("{}", VERSION_2025_06_18, 0);
	struct rpc_problem problem;
	char text[512];

	caller->subject = subject;
	session_read(r, &call_of(r)->session);
	caller->subject = "alice";
	snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":\"%s-%u\",%s}", asked->id, number, rest);
	assert_true(rpc_read(&r->pool, text_of(text), &call_of(r)->message, &problem));
	ask_take_response(r, &call_of(r)->message);
	request_test_free(r);
}

#define ALICE "\"result\":{\"action\":\"accept\",\"content\":{\"n\":\"Alice\"}}"

static void test_asks_on_the_stream(void **state)
{
	(void)state;
	struct request *r = begin(ask_both, "{}", VERSION_2025_06_18, CAN_ELICIT_FORM | CAN_LIST_ROOTS);
	assert_true(ask_is_waiting(call_of(r)));
	assert_int_equal(count_of(sent(r), "\"method\":\"elicitation/create\""), 1);
	assert_int_equal(count_of(sent(r), "\"method\":\"roots/list\""), 1);
	post(r, 1, ALICE, "bob");
	post(r, 3, ALICE, "alice");
	post(r, 2, "\"result\":{\"roots\":[]}", "alice");
	assert_int_equal(runs, 1);
	post(r, 1, ALICE, "alice");
	assert_int_equal(runs, 2);
	assert_non_null(strstr(sent(r), "\"text\":\"Alice\""));
	assert_false(ask_look_after(r, false, INT64_MAX));
	post(r, 1, ALICE, "alice"); /* again: nobody waits */
	request_test_free(r);
}

static void test_wrong_answers_end_the_call(void **state)
{
	static const char *const WRONG[] = {"\"error\":{\"code\":-1}", "\"result\":{}",
	                                    "\"result\":{\"action\":\"accept\",\"content\":{\"n\":1}}"};

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		struct request *r = begin(ask_both, "{}", VERSION_2025_06_18, CAN_ELICIT_FORM | CAN_LIST_ROOTS);
		post(r, 1, WRONG[i], "alice");
		assert_non_null(strstr(sent(r), "\"isError\":true"));
		assert_int_equal(runs, 1);
		request_test_free(r);
	}
}

static void test_nobody_waits_for_ever(void **state)
{
	(void)state;
	struct request *r = begin(ask_both, "{}", VERSION_2025_06_18, CAN_ELICIT_FORM | CAN_LIST_ROOTS);
	assert_false(ask_look_after(r, false, clock_monotonic_ms() + PATIENCE_MS - 1000));
	assert_true(ask_look_after(r, false, clock_monotonic_ms() + PATIENCE_MS));
	assert_non_null(strstr(sent(r), "did not answer in time"));
	request_test_free(r);
	r = begin(ask_both, "{}", VERSION_2025_06_18, CAN_ELICIT_FORM | CAN_LIST_ROOTS);
	struct request *notification = start("{}", VERSION_2025_06_18, 0);
	running_cancel(notification, call_of(r)->message.id_value);
	assert_int_equal(call_of(r)->running.end, RUNNING_CANCELLED);
	assert_true(ask_look_after(r, true, 0));
	assert_null(strstr(sent(r), "\"id\":1"));
	request_test_free(notification);
	request_test_free(r);
}

static void test_who_cannot_is_not_asked(void **state)
{
	(void)state;
	struct request *r = begin(ask_both, "{}", VERSION_2025_06_18, CAN_LIST_ROOTS);
	assert_non_null(strstr(sent(r), "would have to support elicitation"));
	request_test_free(r);
	r = begin(ask_both, "{\"_meta\":{\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{}}}}", 0, 0);
	assert_int_equal(reply_test_status(r), 400);
	assert_non_null(strstr(sent(r), "\"code\":-32021"));
	assert_non_null(strstr(sent(r), "\"requiredCapabilities\":{\"roots\":{}}"));
	request_test_free(r);
}

#define CAN "\"_meta\":{\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{},\"roots\":{}}}"

static void test_round_trips(void **state)
{
	h2o_mem_pool_t pool;

	(void)state;
	h2o_mem_init_pool(&pool);
	struct request *r = begin(ask_both, "{\"name\":\"t\"," CAN "}", 0, 0);
	const json_t *result = json_object_get(json_read(&pool, text_of(sent(r)), NULL), "result");
	request_test_free(r);
	assert_true(text_is(json_get_text(result, "resultType"), "input_required"));
	const char *first = json_get_text(result, "requestState").base;
	/* one answer: the other is asked for again, and the first is kept */
	r = start(text_printf(&pool,
	                      "{\"name\":\"t\"," CAN ",\"requestState\":\"%s\",\"inputResponses\":{\"x\":1,\"who\":{"
	                      "\"action\":\"accept\",\"content\":{\"n\":\"Alice\"}}}}",
	                      first),
	          0, 0);
	assert_null(ask_retry_problem(r));
	script = ask_both;
	invoke_run(r, &BACKEND, NULL);
	result = json_object_get(json_read(&pool, text_of(sent(r)), NULL), "result");
	assert_int_equal(json_object_size(json_object_get(result, "inputRequests")), 1);
	request_test_free(r);
	r = start(text_printf(&pool,
	                      "{\"name\":\"t\"," CAN
	                      ",\"requestState\":\"%s\",\"inputResponses\":{\"roots\":{\"roots\":[]}}}",
	                      json_get_text(result, "requestState").base),
	          0, 0);
	assert_null(ask_retry_problem(r));
	invoke_run(r, &BACKEND, NULL);
	assert_non_null(strstr(sent(r), "\"text\":\"Alice\""));
	request_test_free(r);
	/* another person */
	r = start(text_printf(&pool, "{\"name\":\"t\"," CAN ",\"requestState\":\"%s\"}", first), 0, 0);
	assert_null(ask_retry_problem(r));
	caller->subject = "bob";
	assert_non_null(ask_retry_problem(r));
	caller->subject = "alice";
	request_test_free(r);
	/* ten minutes later */
	r = start(text_printf(&pool, "{\"name\":\"t\"," CAN ",\"requestState\":\"%s\"}", first), 0, 0);
	clock_freeze(clock_now() + 10 * 60 + 1);
	assert_non_null(ask_retry_problem(r));
	clock_freeze(0);
	request_test_free(r);
	h2o_mem_clear_pool(&pool);
}

/* ---- approval ---- */

static struct tool CAREFUL = {
    .item = {.kind = ITEM_TOOL, .key = "t", .name = "t", .scope = "a", .backend = &BACKEND, .digest = "d"},
    .approval = APPROVAL_ASK};

/* The result of a call of it, `more` behind its _meta. */
static const json_t *call_careful(h2o_mem_pool_t *pool, const char *more)
{
	struct request *r = start(text_printf(pool, "{\"name\":\"t\"," CAN "%s}", more), 0, 0);
	struct call *call = call_of(r);

	call->item = &CAREFUL.item;
	call->tool = &CAREFUL;
	call->arguments = json_keep(&r->pool, json_object());
	script = ask_both;
	assert_null(ask_retry_problem(r));
	r->waiting = true;
	if (approval_demand(r) == STEP_NEXT)
		request_resume(r);
	const json_t *answer = json_object_get(json_read(pool, text_of(sent(r)), NULL), "result");
	request_test_free(r);
	return answer;
}

static bool asks_for(const json_t *result, const char *key)
{
	return json_object_get(json_object_get(result, "inputRequests"), key) != NULL;
}

/* What the tool asks behind it does not make an approval last longer. */
static void test_an_approval_ends_when_it_was_said(void **state)
{
	static struct item *items[] = {&CAREFUL.item};
	struct catalogue catalogue = {.items = items, .count = 1, .firsts = {0, 1, 1, 1, 1}};
	int64_t began = clock_now();
	h2o_mem_pool_t pool;

	(void)state;
	h2o_mem_init_pool(&pool);
	MCP.catalogue = &catalogue;
	MCP.approvals = approvals_open();
	clock_freeze(began);
	const json_t *result = call_careful(&pool, "");
	assert_true(asks_for(result, "sallyport_approval"));
	clock_freeze(began + 500);
	result = call_careful(&pool, text_printf(&pool,
	                                         ",\"requestState\":\"%s\",\"inputResponses\":{\"sallyport_approval\":{"
	                                         "\"action\":\"accept\",\"content\":{}}}",
	                                         json_get_text(result, "requestState").base));
	assert_true(asks_for(result, "who") && !asks_for(result, "sallyport_approval"));
	const char *retry = text_printf(&pool,
	                                ",\"requestState\":\"%s\",\"inputResponses\":{\"roots\":{\"roots\":[]},"
	                                "\"who\":{\"action\":\"accept\",\"content\":{\"n\":\"Alice\"}}}",
	                                json_get_text(result, "requestState").base);
	clock_freeze(began + 601);
	assert_true(asks_for(call_careful(&pool, retry), "sallyport_approval"));
	clock_freeze(began + 599);
	assert_non_null(json_object_get(call_careful(&pool, retry), "content"));
	clock_freeze(0);
	approvals_close(MCP.approvals);
	MCP.catalogue = NULL;
	h2o_mem_clear_pool(&pool);
}

/* ---- coming back ---- */

static step_result leave_and_say(struct request *r)
{
	assert_true(say_come_back(r, 250));
	say_progress(r, 1, -1, NULL);
	return answer_text(r, "kept");
}

static void test_comes_back(void **state)
{
	static const char PARAMS[] = "{\"_meta\":{\"progressToken\":1}}";
	char id[EVENT_ID_SIZE] = "";

	(void)state;
	struct request *r = begin(leave_and_say, PARAMS, VERSION_2025_11_25, 0);
	const char *text = sent(r);
	assert_non_null(strstr(text, "\nretry: 1000\ndata:\n\n"));
	assert_non_null(strstr(text, "retry: 250\n\n"));
	assert_null(strstr(text, "kept"));
	sscanf(text, "id: %39s", id);
	struct request *get = start("{}", VERSION_2025_11_25, 0);
	assert_int_equal(stream_resume(get, text_of(id)), STEP_DONE);
	assert_int_equal(count_of(sent(get), "notifications/progress"), 1);
	assert_int_equal(count_of(sent(get), "kept"), 1);
	request_test_free(get);
	request_test_free(r);
	assert_int_equal(MCP.streams.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_progress),
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_asks_on_the_stream),
	    cmocka_unit_test(test_wrong_answers_end_the_call),
	    cmocka_unit_test(test_nobody_waits_for_ever),
	    cmocka_unit_test(test_who_cannot_is_not_asked),
	    cmocka_unit_test(test_round_trips),
	    cmocka_unit_test(test_an_approval_ends_when_it_was_said),
	    cmocka_unit_test(test_comes_back),
	};
	return cmocka_run_group_tests(tests, open_server, close_server);
}
