/* SPDX-License-Identifier: Apache-2.0 */
/* What a schema and its checks may cost. */
#include "common/schema/schema.c"

#include <time.h>

#include "tests/unit/schema_samples.h"

static const char INTRICATE[] = "arguments: has a text that is too long or too intricate for its pattern";
static const char LARGE[] = "arguments: is too large or too intricate to be checked";
static const char DEEP[] = "arguments: is nested too deeply to be checked";

/* What no bound stops would not come to its end at all. */
static clock_t started;

static int start_clock(void **state)
{
	started = clock();
	return open_pool(state);
}

static int stop_clock(void **state)
{
	assert_true((clock() - started) / CLOCKS_PER_SEC < 20);
	return close_pool(state);
}

/* (?= makes them patterns that no automaton can run. */
static void match_steps_are_bounded(void **state)
{
	(void)state;
	assert_string_equal(problems_with("{'pattern': '^(?=a)(a+)+$'}", repeated_text("a", 40, "!"), NULL), INTRICATE);
	assert_string_equal(problems_with("{'pattern': '^(a|a)*(?!b)$'}", repeated_text("a", 5000, "!"), NULL),
	                    INTRICATE);
	assert_string_equal(problems_with("{'pattern': '(?=x)x'}", repeated_text("a", 70000, ""), NULL), INTRICATE);
	/* what could not be decided does not turn into a yes */
	assert_string_equal(problems_with("{'not': {'pattern': '^(?=a)(a+)+$'}}", repeated_text("a", 40, "!"), NULL),
	                    INTRICATE);
	assert_string_equal(problems_with("{'if': {'pattern': '^(?=a)(a+)+$'}}", repeated_text("a", 40, "!"), NULL),
	                    INTRICATE);
	json_t *many = json_keep(&pool, json_array());
	for (int i = 0; i < 1000; i++)
		json_array_append(many, repeated_text("a", 40, "!"));
	assert_string_equal(problems_with("{'contains': {'pattern': '^(?=a)(a+)+$'}}", many, NULL), INTRICATE);
	assert_string_equal(problems_with("{'patternProperties': {'^(?=a)(a+)+$': {}}}",
	                                  parse("{'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!': 1}"), NULL),
	                    INTRICATE);
}

static void regular_patterns_are_always_decided(void **state)
{
	(void)state;
	assert_string_equal(problems_with("{'pattern': '^(a+)+$'}", repeated_text("a", 100000, "!"), NULL),
	                    "arguments: must match the pattern ^(a+)+$");
	assert_string_equal(problems_with("{'pattern': '^(a+)+$'}", repeated_text("a", 100000, ""), NULL), "");
	assert_string_equal(problems_with("{'pattern': '^(a|a)*$'}", repeated_text("a", 100000, ""), NULL), "");
	assert_string_equal(problems_with("{'pattern': '(x+x+)+y'}", repeated_text("x", 100000, ""), NULL),
	                    "arguments: must match the pattern (x+x+)+y");
}

static void pattern_length_is_bounded(void **state)
{
	const char *text = json_string_value(repeated_text("a", SCHEMA_PATTERN_BYTES, ""));
	(void)state;
	assert_null(compile_error(text_printf(&pool, "{'pattern': '%s'}", text), NULL));
	assert_string_equal(compile_error(text_printf(&pool, "{'pattern': '%sa'}", text), NULL),
	                    "/pattern: is no pattern that can be used: it is too long");
	/* short, but large when it is written out */
	assert_non_null(compile_error("{'pattern': '((a{1000}){1000}){1000}'}", NULL));
	assert_null(compile_error("{'pattern': '(?:a{0}){1000}'}", NULL));
}

static void reference_combinations_are_bounded(void **state)
{
	/* 2^30 ways through a schema of some 30 lines */
	struct text_buffer b = {.pool = &pool};
	(void)state;
	text_append_str(&b, "{'$ref': '#/$defs/a0', '$defs': {");
	for (int i = 0; i < 30; i++)
		text_append_printf(&b, "'a%d': {'allOf': [{'$ref': '#/$defs/a%d'}, {'$ref': '#/$defs/a%d'}]}, ", i,
		                   i + 1, i + 1);
	text_append_str(&b, "'a30': {'type': 'null'}}}");
	assert_string_equal(problems_with(b.base, parse("null"), NULL), LARGE);
	assert_non_null(strstr(problems_with(b.base, parse("1"), NULL), "arguments: must be null, not a number; "));
}

static void many_alternatives_are_bounded(void **state)
{
	struct text_buffer b = {.pool = &pool};
	json_t *many = json_keep(&pool, json_array());
	(void)state;
	text_append_str(&b, "{'items': {'anyOf': [");
	for (int i = 0; i < 10000; i++)
		text_append_printf(&b, "%s{'required': ['a%d']}", i == 0 ? "" : ", ", i);
	text_append_str(&b, "]}}");
	assert_string_equal(problems_with(b.base, parse("[{'a9999': 1}]"), NULL), "");
	for (int i = 0; i < 1000; i++)
		json_array_append_new(many, json_object());
	assert_true(strncmp(problems_with(b.base, many, NULL), "arguments", 9) == 0);
	for (int i = 0; i < 1000; i++)
		json_object_set_new(json_array_get(many, (size_t)i), "a9999", json_null());
	assert_string_equal(problems_with(b.base, many, NULL), LARGE);
}

static void nodes_are_bounded(void **state)
{
	struct text_buffer b = {.pool = &pool};
	(void)state;
	text_append_str(&b, "{'anyOf': [true");
	for (int i = 0; i < SCHEMA_NODES; i++)
		text_append_str(&b, ",{}");
	text_append_str(&b, "]}");
	assert_string_equal(compile_error(b.base, NULL), "/anyOf/19999: there are too many schemas");
}

static void depth_is_bounded(void **state)
{
	struct text_buffer b = {.pool = &pool};
	json_t *deep = json_array();
	(void)state;
	for (int i = 0; i < 1500; i++)
		deep = json_pack("[o]", deep);
	assert_string_equal(problems_with("{'items': {'$ref': '#'}}", json_keep(&pool, deep), NULL), DEEP);
	for (int i = 0; i < 102; i++)
		text_append_str(&b, "{'not': ");
	text_append_str(&b, "true");
	for (int i = 0; i < 102; i++)
		text_append_str(&b, "}");
	assert_non_null(strstr(compile_error(b.base, NULL), "is nested too deeply"));
	/* a circle that only $dynamicRef closes */
	assert_string_equal(
	    problems_with("{'$id': 'http://a/r', '$ref': 'l', '$defs': {'n': {'$dynamicAnchor': 'n', '$ref': 'l'}, "
	                  "'l': {'$id': 'l', '$dynamicRef': '#n', '$defs': {'n': {'$dynamicAnchor': 'n'}}}}}",
	                  parse("1"), NULL),
	    DEEP);
}

static void size_is_bounded(void **state)
{
	json_t *many = json_keep(&pool, json_array());
	(void)state;
	for (int i = 0; i < 20000; i++)
		json_array_append_new(many, json_integer(i));
	assert_string_equal(problems_with("{'uniqueItems': true}", many, NULL), "");
	for (int i = 20000; i < SCHEMA_STEPS + 1; i++)
		json_array_append_new(many, json_integer(i));
	assert_string_equal(problems_with("{'items': {'type': 'integer'}}", many, NULL), LARGE);
	assert_string_equal(problems_with("{'uniqueItems': true}", many, NULL), LARGE);
}

/* jansson's and the pool's memory; texts for the accepting path would need one of them. */
static size_t allocations;

static void *count_allocation(size_t size)
{
	allocations++;
	return malloc(size);
}

static void accepting_allocates_nothing(void **state)
{
	static const struct sample SAMPLES[] = {
	    {"{'type': 'object', 'properties': {'a': {'pattern': '^[a-z]+$', 'maxLength': 3}, 'b': {'enum': ['x', "
	     "1]}}, "
	     "'required': ['a'], 'additionalProperties': false}",
	     "{'b': 1, 'a': 'x'}", ""},
	    {"{'propertyNames': {'pattern': '^a', 'enum': ['a1', 'a2'], 'minLength': 2}}", "{'a1': 1, 'a2': 2}", ""},
	    {"{'allOf': [{'properties': {'a': {}}}], 'anyOf': [{'required': ['x']}, {'patternProperties': {'^b': "
	     "{}}}], "
	     "'unevaluatedProperties': false}",
	     "{'a': 1, 'b1': 2, 'b2': [], 'b3': {}}", ""},
	    {"{'prefixItems': [{}], 'contains': {'type': 'string'}, 'unevaluatedItems': false}", "[1, 'a', 'b']", ""},
	    {"{'uniqueItems': true}", "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,[],{}]",
	     ""},
	    {"{'properties': {'at': {'format': 'date-time'}, 'mail': {'format': 'email'}, 'at2': {'format': 'uri'}}}",
	     "{'at': '2026-01-31T12:00:00Z', 'mail': 'a@example.com', 'at2': 'https://example.com/?a=b#c'}", ""},
	    {"{'multipleOf': 0.01, 'minimum': 0.5}", "19.99", ""},
	    {"{'properties': {'next': {'$ref': '#'}}, 'oneOf': [{'required': ['leaf']}, {'required': ['next']}]}",
	     "{'next': {'next': {'leaf': true}}}", ""},
	};
	const struct schema_options options = {.assert_formats = true};
	struct schema_problems problems;
	const char *error;
	(void)state;
	for (size_t i = 0; i < sizeof(SAMPLES) / sizeof(SAMPLES[0]); i++) {
		h2o_mem_pool_t own;
		const struct schema *schema = schema_compile(&pool, parse(SAMPLES[i].schema), &options, &error);
		const json_t *value = parse(SAMPLES[i].instance);
		assert_non_null(schema);
		h2o_mem_init_pool(&own);
		allocations = 0;
		json_set_alloc_funcs(count_allocation, free);
		bool fits = schema_check(&own, schema, value, &problems);
		json_set_alloc_funcs(malloc, free);
		assert_true(fits);
		assert_int_equal(allocations, 0);
		if (own.chunks != NULL || own.directs != NULL || own.shared_refs != NULL)
			fail_msg("%s: the pool was used", SAMPLES[i].schema);
		h2o_mem_clear_pool(&own);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(match_steps_are_bounded, start_clock, stop_clock),
	    cmocka_unit_test_setup_teardown(regular_patterns_are_always_decided, start_clock, stop_clock),
	    cmocka_unit_test_setup_teardown(pattern_length_is_bounded, start_clock, stop_clock),
	    cmocka_unit_test_setup_teardown(reference_combinations_are_bounded, start_clock, stop_clock),
	    cmocka_unit_test_setup_teardown(many_alternatives_are_bounded, start_clock, stop_clock),
	    cmocka_unit_test_setup_teardown(nodes_are_bounded, start_clock, stop_clock),
	    cmocka_unit_test_setup_teardown(depth_is_bounded, start_clock, stop_clock),
	    cmocka_unit_test_setup_teardown(size_is_bounded, start_clock, stop_clock),
	    cmocka_unit_test_setup_teardown(accepting_allocates_nothing, open_pool, close_pool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
