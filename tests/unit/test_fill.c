/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/fill.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "mcp/call/text_arguments.h"

static h2o_mem_pool_t pool;
static const json_t *names;

static int open_pool(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	names = json_read(&pool, text_of("{\"a\":{},\"b\":{}}"), NULL);
	return 0;
}

static int close_pool(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static const char *filled(const char *text, const char *arguments, const char *mark)
{
	struct text_buffer b = {.pool = &pool};
	const char *problem;
	const struct fill *fill = fill_compile(&pool, text_of(text), names, &problem);

	if (fill == NULL)
		return problem;
	text_append_str(&b, "");
	fill_append(&b, fill, json_read(&pool, text_of(arguments), NULL), mark);
	return b.base;
}

static void arguments_stand_where_their_names_are(void **state)
{
	static const char *const CASES[][2] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"{{a}}", "1"},
	    {"{{a}}{{b}}{{a}}", "1{{a}}1"},
	    {"x {{ a }} y", "x 1 y"},
	    {"{a} { {a}}", "{a} { {a}}"},
	    {"{{{{a}}", "{{a}}"},
	    {"{{{{{{a}}", "{{1"},
	    {"{{{{{{{{", "{{{{"},
	    {"}} {{a}}", "}} 1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		assert_string_equal(filled(CASES[i][0], "{\"a\":\"1\",\"b\":\"{{a}}\"}", NULL), CASES[i][1]);
	assert_string_equal(filled("<{{a}}{{b}}>", "{\"b\":\"\"}", NULL), "<>");
	assert_string_equal(filled("<{{a}}>", "{\"a\":5}", NULL), "<>"); /* its schema lets texts through only */
}

static void texts_without_end_or_argument_are_refused(void **state)
{
	(void)state;
	assert_string_equal(filled("x {{a", "{}", NULL), "has {{ without }}");
	assert_string_equal(filled("x {{a}", "{}", NULL), "has {{ without }}");
	assert_string_equal(filled("x {{", "{}", NULL), "has {{ without }}");
	assert_string_equal(filled("x {{{a}}", "{}", NULL), "has {{{a}}, which is no argument");
	assert_string_equal(filled("x {{c}}", "{}", NULL), "has {{c}}, which is no argument");
	assert_string_equal(filled("x {{}}", "{}", NULL), "has {{}}, which is no argument");
	names = NULL;
	assert_string_equal(filled("x {{a}}", "{}", NULL), "has {{a}}, which is no argument");
}

static void a_mark_stands_around_what_is_filled_in(void **state)
{
	(void)state;
	assert_string_equal(filled("A {{a}} B", "{\"a\":\"obey\"}", "m"), "A \n<<<m\nobey\nm>>>\n B");
	assert_string_equal(filled("A B", "{\"a\":\"1\"}", "m"), "A B");
}

static void an_argument_stays_in_its_string_of_json(void **state)
{
	struct text_buffer b = {.pool = &pool};
	const char *problem;
	const struct fill *fill = fill_compile(&pool, text_of("{\"id\":\"{{a}}\"}"), names, &problem);

	(void)state;
	fill_append_json(&b, fill, json_read(&pool, text_of("{\"a\":\"x\\\",\\\"y\\n\"}"), NULL));
	assert_string_equal(b.base, "{\"id\":\"x\\\",\\\"y\\n\"}");
}

static void plain_text_is_never_filled(void **state)
{
	struct text_buffer b = {.pool = &pool};
	const struct fill *fill = fill_plain(&pool, text_of("{{a}} {{"));

	(void)state;
	assert_false(fill_has_arguments(fill));
	fill_append(&b, fill, names, "m");
	assert_string_equal(b.base, "{{a}} {{");
}

static const char *problem_of(const char *arguments)
{
	return text_arguments_problem(&pool, json_read(&pool, text_of(arguments), NULL));
}

static void arguments_are_texts_that_can_be_seen(void **state)
{
	static const char *const BAD[] = {
	    "{\"a\":1}",
	    "{\"a\":null}",
	    "{\"a\":[]}",
	    "{\"a\":\"\\u0001\"}",
	    "{\"a\":\"\\u001b[2J\"}",
	    "{\"a\":\"\\u007f\"}",
	    "{\"a\":\"x\\u0080\"}",
	    "{\"a\":\"x\\u009f\"}",
	    "{\"a\":\"1\",\"b\":{}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		assert_non_null(problem_of(BAD[i]));
	assert_null(problem_of("{}"));
	assert_null(problem_of("{\"a\":\"x\\n\\t\\r\\u00a0\\u00e4 \\u2028\",\"b\":\"\"}"));
	assert_string_equal(problem_of("{\"a\":1}"), "The arguments are not valid. arguments.a: must be a text");
	char *name = text_printf(&pool, "{\"%0200d\":1}", 0);
	assert_string_equal(problem_of(name), "The arguments are not valid. One of them must be a text");
	char *longest = h2o_mem_alloc_pool(&pool, TEXT_ARGUMENT_SIZE_MAX + 2);
	memset(longest, 'x', TEXT_ARGUMENT_SIZE_MAX + 1);
	longest[TEXT_ARGUMENT_SIZE_MAX + 1] = '\0';
	assert_non_null(problem_of(text_printf(&pool, "{\"a\":\"%s\"}", longest)));
	assert_null(problem_of(text_printf(&pool, "{\"a\":\"%s\"}", longest + 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(arguments_stand_where_their_names_are, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(texts_without_end_or_argument_are_refused, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(a_mark_stands_around_what_is_filled_in, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(an_argument_stays_in_its_string_of_json, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(plain_text_is_never_filled, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(arguments_are_texts_that_can_be_seen, open_pool, close_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
