/* SPDX-License-Identifier: Apache-2.0 */
/* The client of an upstream over a wire of the test's own: the eras, the bounds, and what nobody has asked for. */
#include "mcp/backend/upstream/upstream_client.c"
#include "mcp/backend/upstream/upstream_dispatch.c"
#include "mcp/backend/upstream/upstream_exchange.c"
#include "mcp/backend/upstream/upstream_handshake.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

/* ---- the wire ---- */

static struct test_wire {
	struct upstream_wire wire;
	struct upstream_wire_kind kind;
	const struct upstream_wire_events *events;
	void *data;
	char sent[64][2048]; /* messages */
	uint64_t ids[64];
	size_t count;
	bool is_open, has_session;
	unsigned opened, abandoned;
} wire;

static bool test_send(struct upstream_wire *w, const struct upstream_message *message)
{
	(void)w;
	assert_true(wire.is_open && wire.count < 64);
	snprintf(wire.sent[wire.count], sizeof(wire.sent[0]), "%.*s", (int)message->json.len, message->json.base);
	wire.ids[wire.count++] = message->id;
	return true;
}

static void test_abandon(struct upstream_wire *w, uint64_t id)
{
	(void)w;
	(void)id;
	wire.abandoned++;
}

static void test_close(struct upstream_wire *w, bool now)
{
	(void)w;
	(void)now;
	wire.is_open = false;
}

static struct upstream_wire *open_wire(bool http, const struct upstream_wire_events *events, void *data)
{
	assert_false(wire.is_open);
	wire.kind = (struct upstream_wire_kind){http, test_send, test_abandon, test_close};
	wire.wire.kind = &wire.kind;
	wire.events = events;
	wire.data = data;
	wire.is_open = true;
	wire.count = 0;
	wire.opened++;
	return &wire.wire;
}

struct upstream_wire *upstream_wire_stdio_open(const struct upstream_reach *reach,
                                               const struct upstream_wire_events *events, void *data)
{
	(void)reach;
	return open_wire(false, events, data);
}

struct upstream_wire *upstream_wire_http_open(const struct upstream_reach *reach,
                                              const struct upstream_wire_events *events, void *data)
{
	(void)reach;
	return open_wire(true, events, data);
}

bool upstream_wire_http_has_session(const struct upstream_wire *w)
{
	(void)w;
	return wire.has_session;
}

bool spawner_lives(const struct spawner *spawner)
{
	return spawner != NULL;
}

/* ---- the test's side ---- */

static struct upstream_file file;
static struct upstream_reach reach;
static struct upstream_client *client;
static unsigned listed, downs;
static char tools[4096];

static void on_tools(void *data, const json_t *list)
{
	(void)data;
	listed++;
	snprintf(tools, sizeof(tools), "%s", json_text(&pool, list).base);
}

static void on_down_now(void *data, const char *problem)
{
	(void)data;
	assert_non_null(problem);
	downs++;
}

static const struct upstream_client_events TEST_EVENTS = {.on_tools = on_tools, .on_down = on_down_now};

struct asked_call {
	struct upstream_exchange *exchange;
	enum upstream_outcome outcome, refused;
	unsigned answers, progress, logs, asks;
	char result[2048];
};

static void take(void *data, const struct upstream_answer *answer)
{
	struct asked_call *call = data;

	call->answers++;
	call->exchange = NULL;
	call->outcome = answer->outcome;
	if (answer->result != NULL)
		snprintf(call->result, sizeof(call->result), "%s", json_text(&pool, answer->result).base);
}

static void count_progress(void *data, double progress, double total, const char *message)
{
	(void)progress;
	(void)total;
	(void)message;
	((struct asked_call *)data)->progress++;
}

static void count_log(void *data, const json_t *params)
{
	(void)params;
	((struct asked_call *)data)->logs++;
}

static void reply_to(void *data, const struct upstream_question *question)
{
	struct asked_call *call = data;

	call->asks++;
	upstream_exchange_refuse(call->exchange, question->id, -1, "no");
}

static const struct upstream_call_events CALL_EVENTS = {
    .on_answer = take, .on_progress = count_progress, .on_log = count_log, .on_ask = reply_to};

static uint64_t who; /* calls */

static void start_call_with(struct asked_call *call, bool wants_progress)
{
	const struct upstream_call what = {.tool = "t",
	                                   .who = who,
	                                   .arguments = json_keep(&pool, json_object()),
	                                   .capabilities = json_keep(&pool, json_object()),
	                                   .wants_progress = wants_progress,
	                                   .events = &CALL_EVENTS,
	                                   .data = call};

	*call = (struct asked_call){.answers = 0};
	call->exchange = upstream_client_call(client, &what, &call->refused);
}

static void start_call(struct asked_call *call)
{
	start_call_with(call, false);
}

static void turn(unsigned times)
{
	while (times-- > 0)
		h2o_evloop_run(reach.loop, 5);
}

static void hear_of(uint64_t of, const char *text)
{
	wire.events->on_message(wire.data, of, text_of(text));
}

static void hear(const char *text)
{
	hear_of(0, text);
}

static bool last_has(const char *text)
{
	return wire.count > 0 && strstr(wire.sent[wire.count - 1], text) != NULL;
}

static void answer_last(const char *result)
{
	uint64_t id = wire.ids[wire.count - 1];

	hear_of(wire.kind.tells_requests_apart ? id : 0,
	        text_printf(&pool, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"result\":%s}", (unsigned long long)id, result));
}

static void begin_test(bool http)
{
	file = (struct upstream_file){
	    .name = "x", .digest = "d", .timeout_ms = 10000, .refresh_ms = 3600 * 1000, .calls = 2, .bytes = 1 << 20};
	if (http)
		file.url = "https://x.example/";
	else
		file.command = (const struct child_options *)(const void *)&file;
	reach.file = &file;
	reach.spawner = (struct spawner *)(void *)&file;
	wire = (struct test_wire){.count = 0};
	listed = downs = 0;
	client = upstream_client_open(&reach, &TEST_EVENTS, NULL);
	turn(2);
	assert_true(last_has("server/discover") && last_has("2026-07-28"));
}

#define LISTED "{\"tools\":[{\"name\":\"t\",\"inputSchema\":{\"type\":\"object\"}}]}"

static void begin_modern(bool http)
{
	begin_test(http);
	answer_last("{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}}}");
	assert_true(last_has("tools/list"));
	answer_last(LISTED);
	assert_int_equal(listed, 1);
	assert_true(upstream_client_is_ready(client));
	assert_string_equal(upstream_client_version(client), "2026-07-28");
}

static void end_test(void)
{
	upstream_client_close(client, true);
	assert_false(wire.is_open);
}

/* ---- tests ---- */

static void test_modern(void **state)
{
	struct asked_call call;

	(void)state;
	begin_modern(false);
	start_call(&call);
	assert_true(last_has("\"method\":\"tools/call\"") && last_has("clientCapabilities"));
	answer_last("{\"content\":[]}");
	assert_int_equal(call.answers, 1);
	assert_int_equal(call.outcome, UPSTREAM_RESULT);
	end_test();
}

static void test_legacy(void **state)
{
	struct asked_call call;

	(void)state;
	begin_test(false);
	hear(text_printf(&pool, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"error\":{\"code\":-32601,\"message\":\"no\"}}", 1));
	assert_true(last_has("\"method\":\"initialize\"") && last_has("2025-11-25"));
	answer_last("{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\"serverInfo\":{}}");
	assert_non_null(strstr(wire.sent[wire.count - 2], "notifications/initialized"));
	answer_last(LISTED);
	assert_string_equal(upstream_client_version(client), "2025-06-18");
	start_call(&call);
	assert_false(last_has("clientCapabilities"));
	upstream_exchange_cancel(call.exchange);
	assert_true(last_has("notifications/cancelled"));
	assert_int_equal(call.answers, 0);
	end_test();
}

static void test_other_versions(void **state)
{
	(void)state;
	begin_test(false);
	answer_last("{\"supportedVersions\":[\"2030-01-01\"],\"capabilities\":{}}");
	assert_int_equal(downs, 1);
	end_test();
	begin_test(false);
	answer_last("{\"supportedVersions\":[\"2030-01-01\",\"2025-06-18\"],\"capabilities\":{}}");
	assert_true(last_has("initialize"));
	answer_last("{\"protocolVersion\":\"1999-01-01\"}");
	assert_int_equal(downs, 1);
	end_test();
	begin_test(true);
	wire.events->on_end(wire.data, wire.ids[0], &(struct upstream_wire_end){.status = 401, .problem = "refused"});
	assert_int_equal(downs, 1);
	end_test();
	begin_test(true);
	wire.events->on_end(wire.data, wire.ids[0], &(struct upstream_wire_end){.status = 400, .problem = "refused"});
	assert_true(last_has("initialize"));
	end_test();
}

/* Nothing that was not asked for is anybody's answer. */
static void test_answers_to_nobody(void **state)
{
	static const char *const GARBAGE[] = {
	    "{}",
	    "[]",
	    "no json",
	    "{\"id\":null,\"result\":{}}",
	    "{\"id\":\"3\",\"result\":{}}",
	    "{\"id\":-3,\"result\":{}}",
	    "{\"id\":99,\"result\":{}}",
	    "{\"method\":7,\"id\":1}",
	    "{\"method\":\"notifications/progress\"}",
	    "{\"method\":\"notifications/progress\",\"params\":{\"progressToken\":99,\"progress\":1}}",
	    "{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":3}}",
	    "{\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":1}}",
	};
	struct asked_call call;

	(void)state;
	begin_modern(false);
	start_call(&call);
	size_t before = wire.count;
	for (size_t i = 0; i < sizeof(GARBAGE) / sizeof(GARBAGE[0]); i++)
		hear(GARBAGE[i]);
	assert_int_equal(call.answers + call.progress + call.logs, 0);
	assert_int_equal(wire.count, before);
	hear(text_printf(&pool, "{\"id\":%d,\"result\":7}", (int)wire.ids[before - 1]));
	assert_int_equal(call.outcome, UPSTREAM_GARBAGE);
	hear(text_printf(&pool, "{\"id\":%d,\"result\":{}}", (int)wire.ids[before - 1]));
	assert_int_equal(call.answers, 1);
	end_test();
}

/* Over HTTP an answer comes with its own request, or it is none. */
static void test_answer_of_another(void **state)
{
	struct asked_call a, b;

	(void)state;
	begin_modern(true);
	start_call(&a);
	uint64_t first = wire.ids[wire.count - 1];
	start_call(&b);
	uint64_t second = wire.ids[wire.count - 1];
	hear_of(second, text_printf(&pool, "{\"id\":%llu,\"result\":{}}", (unsigned long long)first));
	assert_int_equal(a.answers, 0);
	hear_of(second, text_printf(&pool,
	                            "{\"method\":\"notifications/progress\",\"params\":{\"progressToken\":%llu,"
	                            "\"progress\":1}}",
	                            (unsigned long long)first));
	assert_int_equal(a.progress, 0);
	hear_of(first, "{\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":1}}");
	assert_int_equal(a.logs, 1);
	assert_int_equal(b.logs, 0);
	upstream_exchange_cancel(a.exchange);
	assert_int_equal(wire.abandoned, 1);
	wire.events->on_end(wire.data, second, &(struct upstream_wire_end){.status = 200});
	assert_int_equal(b.outcome, UPSTREAM_GARBAGE);
	end_test();
}

/* Whose question it is must be certain. */
static void test_questions(void **state)
{
	static const char QUESTION[] = "{\"id\":\"q\",\"method\":\"elicitation/create\",\"params\":{}}";
	struct asked_call a, b;

	(void)state;
	begin_modern(false);
	hear("{\"id\":\"p\",\"method\":\"ping\"}");
	assert_true(last_has("\"result\":{}"));
	hear(QUESTION);
	assert_true(last_has("-32601"));
	start_call(&a);
	hear(QUESTION);
	assert_int_equal(a.asks, 1);
	start_call(&b);
	hear(QUESTION);
	assert_int_equal(a.asks + b.asks, 1);
	upstream_exchange_cancel(a.exchange);
	hear(QUESTION); /* it may be that of the one that was given up */
	assert_int_equal(a.asks + b.asks, 1);
	end_test();
}

/* bounded; P-7: between a notice and the new list no call goes out */
static void test_turns(void **state)
{
	struct asked_call calls[7];

	(void)state;
	begin_modern(false);
	size_t before = wire.count;
	for (size_t i = 0; i < 7; i++)
		start_call(&calls[i]);
	assert_int_equal(wire.count - before, 2);
	assert_true(calls[5].exchange != NULL && calls[6].exchange == NULL);
	assert_int_equal(calls[6].refused, UPSTREAM_BUSY);
	hear("{\"method\":\"notifications/tools/list_changed\"}");
	hear(text_printf(&pool, "{\"id\":%llu,\"result\":{}}", (unsigned long long)wire.ids[before]));
	assert_int_equal(calls[0].answers, 1);
	assert_int_equal(calls[2].answers, 0);
	turn(10);
	assert_true(last_has("tools/list"));
	answer_last(LISTED);
	assert_int_equal(listed, 2);
	assert_true(last_has("tools/call"));
	wire.events->on_down(wire.data, "gone");
	assert_int_equal(calls[1].outcome, UPSTREAM_LOST);
	assert_int_equal(calls[3].outcome, UPSTREAM_AWAY);
	struct asked_call late;
	start_call(&late);
	assert_int_equal(late.refused, UPSTREAM_AWAY);
	end_test();
}

/* One that says all the time that its tools have changed is asked for them once a second, and by calls not at all. */
static void test_storm_of_notices(void **state)
{
	static const char NOTICE[] = "{\"method\":\"notifications/tools/list_changed\"}";
	struct asked_call call;

	(void)state;
	begin_modern(false);
	hear(NOTICE);
	turn(10);
	assert_true(last_has("tools/list")); /* the first is heeded at once */
	answer_last(LISTED);
	hear(NOTICE);
	start_call(&call);
	size_t before = wire.count;
	turn(20);
	assert_int_equal(wire.count, before);
	client->noticed_ms -= UPSTREAM_NOTICE_MS; /* a second later */
	turn(10);
	assert_int_equal(wire.count, before + 1);
	assert_true(last_has("tools/list"));
	answer_last(LISTED);
	assert_true(last_has("tools/call"));
	assert_int_equal(listed, 3);
	end_test();
}

static void start_as(uint64_t person, struct asked_call *call)
{
	who = person;
	start_call(call);
	who = 0;
}

/* whoever has many calls leaves a place to each of the others, and the line does, too. */
static void test_shares(void **state)
{
	struct asked_call mine[7], other[2], third;

	(void)state;
	begin_modern(false);
	file.calls = 4;
	size_t before = wire.count;
	for (size_t i = 0; i < 7; i++)
		start_as(1, &mine[i]);
	assert_int_equal(wire.count - before, 2);
	assert_non_null(mine[5].exchange);
	assert_int_equal(mine[6].refused, UPSTREAM_BUSY);
	for (size_t i = 0; i < 2; i++)
		start_as(2, &other[i]); /* overtakes those who wait for their own */
	assert_int_equal(wire.count - before, 3);
	start_as(3, &third);
	assert_int_equal(wire.count - before, 4);
	hear(text_printf(&pool, "{\"id\":%llu,\"result\":{}}", (unsigned long long)wire.ids[before]));
	assert_int_equal(mine[0].answers, 1);
	assert_int_equal(wire.count - before, 4); /* the place that is free is for who has none */
	hear(text_printf(&pool, "{\"id\":%llu,\"result\":{}}", (unsigned long long)wire.ids[before + 2]));
	assert_int_equal(other[0].answers, 1);
	assert_int_equal(wire.count - before, 6); /* of two, who has one may have another, and who has none the last */
	end_test();
	assert_int_equal(mine[5].answers + other[1].answers, 2);
}

static void test_lost_session(void **state)
{
	struct asked_call call;

	(void)state;
	begin_modern(true);
	wire.has_session = true;
	start_call(&call);
	wire.events->on_end(wire.data, wire.ids[wire.count - 1],
	                    &(struct upstream_wire_end){.status = 404, .problem = "gone"});
	assert_int_equal(call.answers, 0);
	turn(3);
	assert_int_equal(wire.opened, 2);
	answer_last("{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{}}");
	answer_last(LISTED);
	assert_true(last_has("tools/call"));
	answer_last("{\"content\":[]}");
	assert_int_equal(call.outcome, UPSTREAM_RESULT);
	end_test();
}

static void test_pages(void **state)
{
	(void)state;
	begin_test(false);
	answer_last("{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{}}");
	answer_last("{\"tools\":[{\"name\":\"a\"}],\"nextCursor\":\"c\"}");
	assert_true(last_has("\"cursor\":\"c\""));
	answer_last("{\"tools\":[{\"name\":\"b\"}]}");
	assert_string_equal(tools, "[{\"name\":\"a\"},{\"name\":\"b\"}]");
	end_test();
	begin_test(false);
	answer_last("{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{}}");
	for (int i = 0; i < 100 && downs == 0; i++) {
		wire.ids[0] = wire.ids[wire.count - 1];
		wire.count = 1;
		answer_last("{\"tools\":[],\"nextCursor\":\"c\"}");
	}
	assert_int_equal(downs, 1);
	end_test();
}

#define CHATTER "{\"method\":\"notifications/x\"}"

/* One that talks more often than the client looks has its timeouts all the same. */
static void test_chatter(void **state)
{
	struct asked_call call;

	(void)state;
	begin_modern(false);
	file.timeout_ms = 100;
	start_call(&call);
	int64_t end_ms = clock_monotonic_ms() + 5000;
	while (call.answers == 0 && clock_monotonic_ms() < end_ms) {
		hear(CHATTER);
		h2o_evloop_run(reach.loop, 1);
	}
	assert_int_equal(call.answers, 1);
	assert_int_equal(call.outcome, UPSTREAM_TIMED_OUT);
	file.refresh_ms = 1;
	while (!last_has("tools/list") && clock_monotonic_ms() < end_ms) {
		hear(CHATTER);
		h2o_evloop_run(reach.loop, 1);
	}
	assert_true(last_has("tools/list"));
	end_test();
}

static const char *progress_of(uint64_t id)
{
	return text_printf(&pool,
	                   "{\"method\":\"notifications/progress\",\"params\":{\"progressToken\":%llu,\"progress\":1}}",
	                   (unsigned long long)id);
}

/* What nobody asked for goes to nobody, and what comes with a call has its bound. */
static void flood_call(bool http)
{
	struct asked_call quiet, call;

	begin_modern(http);
	start_call(&quiet);
	uint64_t id = wire.ids[wire.count - 1];
	hear_of(http ? id : 0, progress_of(id));
	assert_int_equal(quiet.progress, 0);
	start_call_with(&call, true);
	id = wire.ids[wire.count - 1];
	const char *notice = progress_of(id);
	for (unsigned i = 0; i < UPSTREAM_MESSAGES_PER_CALL; i++)
		hear_of(http ? id : 0, notice);
	assert_int_equal(call.progress, UPSTREAM_MESSAGES_PER_CALL);
	assert_int_equal(call.answers, 0);
	for (unsigned i = 0; i < 100; i++)
		hear_of(http ? id : 0, notice);
	assert_int_equal(call.progress, UPSTREAM_MESSAGES_PER_CALL);
	assert_int_equal(call.answers, 1);
	assert_int_equal(call.outcome, UPSTREAM_GARBAGE);
	assert_int_equal(wire.abandoned, 1);
	assert_int_equal(downs + quiet.answers, 0);
	end_test();
}

static void test_flood_of_call(void **state)
{
	(void)state;
	flood_call(true);
	flood_call(false);
}

static void test_flood_of_connection(void **state)
{
	struct asked_call call;

	(void)state;
	begin_modern(false);
	start_call(&call);
	for (unsigned i = 0; i < 10 * UPSTREAM_MESSAGES_PER_SECOND && downs == 0; i++)
		hear(CHATTER);
	assert_int_equal(downs, 1);
	assert_int_equal(call.outcome, UPSTREAM_LOST);
	hear(CHATTER);
	turn(3);
	end_test();
}

static int setup(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	if (reach.loop == NULL)
		reach.loop = h2o_evloop_create();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_modern, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_legacy, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_other_versions, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_answers_to_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_answer_of_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_questions, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_storm_of_notices, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_shares, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lost_session, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_chatter, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_flood_of_call, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_flood_of_connection, setup, teardown),
	};

	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
