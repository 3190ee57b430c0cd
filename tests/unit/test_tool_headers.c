/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/tool_headers.c"

#include "mcp/protocol/header_value.c"

#include "tests/unit/pool.h"
#undef fail /* a step ends with fail(), as in request.h */

static const json_t *json(const char *text)
{
	const json_t *value = json_read(&pool, text_of(text), NULL);
	assert_non_null(value);
	return value;
}

/* ---- values ---- */

static bool is(const char *header, const char *argument)
{
	/* a scalar is read as the only item of an array */
	const json_t *value = json_array_get(json(text_printf(&pool, "[%s]", argument)), 0);
	h2o_iovec_t decoded = header_value_decode(&pool, text_of(header));

	return decoded.base != NULL && header_value_is(decoded, value);
}

static void test_values(void **state)
{
	(void)state;
	assert_true(is("us-west1", "\"us-west1\""));
	assert_true(is("", "\"\""));
	assert_false(is("us-west1", "\"us-West1\""));
	assert_true(is("=?base64?SGVsbG8sIOS4lueVjA==?=", "\"Hello, 世界\""));
	assert_true(is("=?base64?IHBhZGRlZCA=?=", "\" padded \""));
	assert_true(is("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "\"=?base64?literal?=\""));
	assert_true(is("SGVsbG8=", "\"SGVsbG8=\""));                   /* no marker */
	assert_true(is("=?base64?SGVsbG8=", "\"=?base64?SGVsbG8=\"")); /* only one */
	assert_true(is("=?BASE64?SGVsbG8=?=", "\"=?BASE64?SGVsbG8=?=\""));
	assert_false(is("=?base64?SGVsbG8=", "\"Hello\""));
	assert_false(is("=?base64?SGVsbG8?=", "\"Hello\""));     /* padding */
	assert_false(is("=?base64?SGVs!!!bG8=?=", "\"Hello\"")); /* alphabet */
	assert_false(is("=?base64?/w==?=", "\"\\u00ff\""));      /* no UTF-8 */
	assert_false(is("Hello, 世界", "\"Hello, 世界\""));      /* not encoded */
	assert_false(is("a\x01", "\"a\\u0001\""));
	assert_true(is("true", "true"));
	assert_true(is("false", "false"));
	assert_false(is("True", "true"));
	assert_false(is("1", "true"));
	static const char *const same[] = {"42", "42.0", "42.000"};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_true(is(same[i], "42"));
		assert_true(is(same[i], "42.0"));
		assert_true(is(same[i], "4.2e1"));
		assert_false(is(same[i], "43"));
		assert_false(is(same[i], "-42"));
	}
	static const char *const none[] = {"", "-", "042", "+42", "42.", ".0", "42.1", "4x", "42 ", "0x2a", "4.2e1"};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(is(none[i], "42"));
	assert_true(is("-7", "-7"));
	assert_true(is("0", "0"));
	assert_true(is("-0", "0"));
	assert_true(is("9007199254740993", "9007199254740993"));
	assert_false(is("9007199254740992", "9007199254740993"));
	assert_false(is("9223372036854775808", "9223372036854775807"));
	assert_false(is("4", "4.5"));
	assert_false(is("{}", "{}"));
	assert_false(is("null", "null"));
}

/* ---- schemas ---- */

static const char *load(const char *input, struct tool_headers *headers)
{
	struct loading l = {.pool = &pool};
	return tool_headers_load(&l, json(input), headers);
}

#define PROPERTIES(text) "{\"type\":\"object\",\"properties\":{" text "}}"

static void test_reads_annotations(void **state)
{
	(void)state;
	struct tool_headers headers;
	assert_null(load(PROPERTIES("\"a\":{\"type\":\"string\"}"), &headers));
	assert_int_equal(headers.count, 0);
	assert_null(load(PROPERTIES("\"region\":{\"type\":\"string\",\"x-mcp-header\":\"Region\"},"
	                            "\"x-mcp-header\":{\"type\":\"string\",\"default\":{\"x-mcp-header\":1}},"
	                            "\"at\":{\"type\":\"object\",\"properties\":{\"zone\":{\"type\":\"integer\","
	                            "\"x-mcp-header\":\"Zone.1\"}}}"),
	                 &headers));
	assert_int_equal(headers.count, 2);
	assert_string_equal(headers.items[0].name, "mcp-param-region");
	assert_string_equal(headers.items[0].path[0], "region");
	assert_null(headers.items[0].path[1]);
	assert_string_equal(headers.items[1].name, "mcp-param-zone.1");
	assert_string_equal(headers.items[1].path[0], "at");
	assert_string_equal(headers.items[1].path[1], "zone");
	assert_null(headers.items[1].path[2]);
}

static void test_refuses_what_clients_must_not_follow(void **state)
{
	(void)state;
	static const struct {
		const char *input, *problem;
	} cases[] = {
	    {PROPERTIES("\"a\":{\"type\":\"number\",\"x-mcp-header\":\"A\"}"),
	     "/input/properties/a/x-mcp-header: only"},
	    {PROPERTIES("\"a\":{\"x-mcp-header\":\"A\"}"), "only a string"},
	    {PROPERTIES("\"a\":{\"type\":[\"string\",\"null\"],\"x-mcp-header\":\"A\"}"), "only a string"},
	    {PROPERTIES("\"a\":{\"type\":\"object\",\"x-mcp-header\":\"A\"}"), "only a string"},
	    {PROPERTIES("\"a\":{\"type\":\"string\",\"x-mcp-header\":\"\"}"), "token"},
	    {PROPERTIES("\"a\":{\"type\":\"string\",\"x-mcp-header\":\"a b\"}"), "token"},
	    {PROPERTIES("\"a\":{\"type\":\"string\",\"x-mcp-header\":\"a\\r\\nb\"}"), "token"},
	    {PROPERTIES("\"a\":{\"type\":\"string\",\"x-mcp-header\":\"\\u00e9\"}"), "token"},
	    {PROPERTIES("\"a\":{\"type\":\"string\",\"x-mcp-header\":true}"), "must be a text"},
	    {PROPERTIES("\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A\"},"
	                "\"b\":{\"type\":\"string\",\"x-mcp-header\":\"a\"}"),
	     "another property has"},
	    {"{\"type\":\"object\",\"x-mcp-header\":\"A\"}", "only a property"},
	    {PROPERTIES("\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"x-mcp-header\":\"A\"}}"),
	     "no chain"},
	    {PROPERTIES("\"a\":{\"anyOf\":[{\"type\":\"string\",\"x-mcp-header\":\"A\"}]}"), "no chain"},
	    {"{\"type\":\"object\",\"if\":{\"properties\":{\"a\":{\"x-mcp-header\":\"A\"}}}}", "no chain"},
	    {"{\"type\":\"object\",\"$defs\":{\"d\":{\"type\":\"string\",\"x-mcp-header\":\"A\"}}}", "no chain"},
	    {"{\"type\":\"object\",\"patternProperties\":{\"d\":{\"type\":\"string\",\"x-mcp-header\":\"A\"}}}",
	     "no chain"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tool_headers headers;
		const char *problem = load(cases[i].input, &headers);
		if (problem == NULL || strstr(problem, cases[i].problem) == NULL)
			print_error("case %zu: %s\n", i, problem != NULL ? problem : "no problem");
		assert_non_null(problem);
		assert_non_null(strstr(problem, cases[i].problem));
	}
}

/* ---- comparison ---- */

static const char *compare(const char *arguments, const char *const *headers)
{
	static const char INPUT[] =
	    PROPERTIES("\"region\":{\"type\":\"string\",\"x-mcp-header\":\"Region\"},"
	               "\"at\":{\"type\":\"object\",\"properties\":{\"zone\":{\"type\":\"integer\","
	               "\"x-mcp-header\":\"Zone\"}}}");
	static const struct service service = {.name = "mcp"};
	struct tool_headers annotated;
	assert_null(load(INPUT, &annotated));
	struct request *r = request_test(&service, NULL);
	for (; *headers != NULL; headers += 2)
		request_test_header(r, headers[0], headers[1]);
	const char *problem = tool_headers_problem(r, &annotated, json(arguments));
	if (problem != NULL)
		problem = text_copy(&pool, text_of(problem));
	request_test_free(r);
	return problem;
}

#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_headers_repeat_arguments(void **state)
{
	(void)state;
	static const char both[] = "{\"region\":\"eu\",\"at\":{\"zone\":3}}";
	assert_null(compare("{}", HEADERS("accept", "x")));
	assert_null(compare("{\"region\":null,\"at\":{}}", HEADERS("mcp-param-other", "x")));
	assert_null(compare(both, HEADERS("mcp-param-region", "eu", "mcp-param-zone", "3")));
	assert_null(compare(both, HEADERS("mcp-param-region", " eu\t", "mcp-param-zone", "3.0")));
	assert_string_equal(compare(both, HEADERS("mcp-param-region", "eu")), "The header mcp-param-zone is missing");
	assert_string_equal(compare(both, HEADERS("mcp-param-region", "us", "mcp-param-zone", "3")),
	                    "The header mcp-param-region differs from the body");
	assert_string_equal(compare(both, HEADERS("mcp-param-region", "=?base64?ZXU?=", "mcp-param-zone", "3")),
	                    "The header mcp-param-region is not well formed");
	assert_string_equal(
	    compare(both, HEADERS("mcp-param-region", "eu", "mcp-param-region", "eu", "mcp-param-zone", "3")),
	    "The header mcp-param-region is not well formed");
	assert_string_equal(compare("{\"region\":null}", HEADERS("mcp-param-region", "eu")),
	                    "The header mcp-param-region has no argument in the body");
	assert_string_equal(compare("{\"region\":{\"x\":1}}", HEADERS("mcp-param-region", "eu")),
	                    "The header mcp-param-region differs from the body");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_values, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_reads_annotations, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_refuses_what_clients_must_not_follow, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_headers_repeat_arguments, open_pool, close_pool),
	};
	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
