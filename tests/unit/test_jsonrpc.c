/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/jsonrpc.c"

#include "tests/unit/pool.h"
#undef fail /* a step ends with fail(), as in request.h */

#include "common/router.h"

static const char *id_of(const char *body)
{
	struct rpc_message message;
	struct rpc_problem problem;
	if (!rpc_read(&pool, text_of(body), &message, &problem))
		return problem.text;
	return message.id.base != NULL ? text_copy(&pool, message.id) : "none";
}

static void test_id_is_kept_byte_for_byte(void **state)
{
	(void)state;
	static const struct {
		const char *body, *id;
	} cases[] = {
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}", "1"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":-0,\"method\":\"a\"}", "-0"},
	    {" { \"id\" :\t\"x\\u0041\\/\" , \"jsonrpc\":\"2.0\",\"method\":\"a\"}", "\"x\\u0041\\/\""},
	    {"{\"params\":{\"id\":7,\"a\":[{\"id\":\"}\"}]},\"method\":\"a\",\"jsonrpc\":\"2.0\",\"id\":"
	     "9007199254740993}",
	     "9007199254740993"},
	    {"{\"a\":\"\\\"id\\\":5\",\"method\":\"id\",\"jsonrpc\":\"2.0\",\"id\":\"\"\n}", "\"\""},
	    {"{\"jsonrpc\":\"2.0\",\"\\u0069d\":3,\"method\":\"a\"}", "3"},
	    {"{\"a\":[],\"b\":{},\"c\":true,\"d\":-1.5e3,\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":4}", "4"},
	    {"{\"jsonrpc\":\"2.0\",\"method\":\"a\"}", "none"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(id_of(cases[i].body), cases[i].id);
}

static void test_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		int code;
		bool with_id;
	} cases[] = {
	    {"", RPC_PARSE_ERROR, false},
	    {"{", RPC_PARSE_ERROR, false},
	    {"\xEF\xBB\xBF{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}", RPC_PARSE_ERROR, false},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\xFF\"}", RPC_PARSE_ERROR, false},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"} x", RPC_PARSE_ERROR, false},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"a\"}", RPC_INVALID_REQUEST, false},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":{\"x\":1,\"x\":2}}", RPC_INVALID_REQUEST,
	     false},
	    {"1", RPC_INVALID_REQUEST, false},
	    {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"a\"}", RPC_INVALID_REQUEST, false},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"a\"}", RPC_INVALID_REQUEST, false},
	    {"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"a\"}", RPC_INVALID_REQUEST, false},
	    {"{\"jsonrpc\":\"2.0\",\"id\":99999999999999999999,\"method\":\"a\"}", RPC_INVALID_REQUEST, false},
	    {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"a\"}", RPC_INVALID_REQUEST, true},
	    {"{\"id\":1,\"method\":\"a\"}", RPC_INVALID_REQUEST, true},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1}", RPC_INVALID_REQUEST, true},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}", RPC_INVALID_REQUEST, true},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{}}", RPC_INVALID_REQUEST, true},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"method\":\"a\"}", RPC_INVALID_REQUEST, true},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}", RPC_INVALID_REQUEST, true},
	    {"{\"jsonrpc\":\"2.0\",\"error\":{}}", RPC_INVALID_REQUEST, false},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":[1]}", RPC_INVALID_PARAMS, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rpc_message message;
		struct rpc_problem problem = {0, NULL};
		assert_false(rpc_read(&pool, text_of(cases[i].body), &message, &problem));
		assert_int_equal(problem.code, cases[i].code);
		assert_int_equal(message.id.base != NULL, cases[i].with_id);
	}
}

static void test_responses(void **state)
{
	struct rpc_message message;
	struct rpc_problem problem;

	(void)state;
	assert_true(
	    rpc_read(&pool, text_of("{\"jsonrpc\":\"2.0\",\"id\":\"q-1\",\"result\":{\"a\":1}}"), &message, &problem));
	assert_true(message.is_response && !message.is_notification && message.error == NULL);
	assert_true(text_is(message.id, "\"q-1\"") && message.method.base == NULL);
	assert_int_equal(json_integer_value(json_object_get(message.result, "a")), 1);
	assert_true(
	    rpc_read(&pool, text_of("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1}}"), &message, &problem));
	assert_true(message.is_response && message.result == NULL);
}

/* Members of a batch come with their own bytes. */
static void test_batches(void **state)
{
	static const char BODY[] = " [ {\"id\":\"]\\\"\"} ,-0, [1,[2]] , \"a,b\" ] ";
	static const char *const MEMBERS[] = {"{\"id\":\"]\\\"\"}", "-0", "[1,[2]]", "\"a,b\""};
	struct rpc_message message;
	struct rpc_problem problem;
	h2o_iovec_t member;
	size_t at = 0;

	(void)state;
	assert_true(rpc_read(&pool, text_of(BODY), &message, &problem));
	assert_true(message.is_batch);
	for (size_t i = 0; i < 4; i++) {
		assert_true(rpc_batch_next(text_of(BODY), &at, &member));
		assert_true(text_is(member, MEMBERS[i]));
	}
	assert_false(rpc_batch_next(text_of(BODY), &at, &member));
	at = 0;
	assert_false(rpc_batch_next(text_of(" [ ] "), &at, &member));
}

static void test_answers(void **state)
{
	(void)state;
	static const struct service service = {.name = "test"};
	struct request *r = request_test(&service, NULL);
	rpc_reply(r, text_of("\"a\\u0041\""), text_of("{\"x\":1}"));
	assert_true(text_is(reply_test_body(r), "{\"jsonrpc\":\"2.0\",\"id\":\"a\\u0041\",\"result\":{\"x\":1}}"));
	assert_string_equal(reply_test_header(r, "cache-control"), "no-store");
	request_test_free(r);
	r = request_test(&service, NULL);
	rpc_reply_error(r, 400, (h2o_iovec_t){NULL, 0}, (struct rpc_problem){RPC_PARSE_ERROR, "a \"b\""}, "[1]");
	assert_true(text_is(reply_test_body(r),
	                    "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"a \\\"b\\\"\","
	                    "\"data\":[1]}}"));
	assert_int_equal(reply_test_status(r), 400);
	request_test_free(r);
}

static bool reads(const char *body, struct rpc_message *message)
{
	struct rpc_problem problem;

	return rpc_read(&pool, text_of(body), message, &problem);
}

#define META(client) "{\"io.modelcontextprotocol/clientInfo\":{\"name\":\"" client "}\"}}"
#define MESSAGE(params) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":" params "}"

/* What was read before is read as the same again, and only where it stands as it did. */
static void test_envelopes(void **state)
{
	static const char *const REFUSED[] = {
	    MESSAGE("{\"_meta\":" META("x") ",\"_meta\":" META("x") "}"),
	    MESSAGE("{\"_meta\":" META("x") ",\"\\u005fmeta\":1}"),
	    MESSAGE("{\"_meta\":" META("x") "}") "]",
	    MESSAGE("{\"_meta\":" META("x") "1}"),
	    MESSAGE("{\"_meta\" " META("x") "}"),
	    MESSAGE("{,\"_meta\":" META("x") "}"),
	    "{\"params\":{\"_meta\":" META("x"),
	    "{\"params\":{\"_meta\":",
	};
	struct rpc_message first, again, other;

	(void)state;
	assert_true(reads(MESSAGE("{\"_meta\":" META("x") ",\"a\":1}"), &first));
	assert_true(reads(MESSAGE("{\"b\":{\"_meta\":2}, \"_meta\" : " META("x") "}"), &again));
	assert_ptr_equal(json_object_get(first.params, "_meta"), json_object_get(again.params, "_meta"));
	assert_int_equal(json_object_size(again.params), 2);
	assert_true(reads(MESSAGE("{\"_meta\":" META("y") "}"), &other));
	assert_false(json_equal(json_object_get(first.params, "_meta"), json_object_get(other.params, "_meta")));
	assert_true(reads(MESSAGE("{\"b\":" META("x") "}"), &other));
	assert_null(json_object_get(other.params, "_meta"));
	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
		assert_false(reads(REFUSED[i], &other));
	for (int i = 0; i < ENVELOPES_MAX + 1; i++) {
		const char *meta = text_printf(&pool, "{\"io.modelcontextprotocol/x\":%d}", i);
		assert_true(reads(text_printf(&pool, MESSAGE("{\"_meta\":%s}"), meta), &other));
	}
	assert_true(reads(MESSAGE("{\"_meta\":" META("x") "}"), &other));
	assert_true(json_equal(json_object_get(first.params, "_meta"), json_object_get(other.params, "_meta")));
}

/* What is new with every request is not kept. */
static void test_what_is_no_envelope(void **state)
{
	struct rpc_message first, again;

	(void)state;
	assert_true(reads(MESSAGE("{\"_meta\":{\"progressToken\":1}}"), &first));
	assert_true(reads(MESSAGE("{\"_meta\":{\"progressToken\":1}}"), &again));
	assert_ptr_not_equal(json_object_get(first.params, "_meta"), json_object_get(again.params, "_meta"));
	assert_true(json_equal(first.params, again.params));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_id_is_kept_byte_for_byte, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_refuses, open_pool, close_pool),
	    cmocka_unit_test(test_responses),
	    cmocka_unit_test_setup_teardown(test_envelopes, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_what_is_no_envelope, open_pool, close_pool),
	    cmocka_unit_test(test_batches),
	    cmocka_unit_test(test_answers),
	};
	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
