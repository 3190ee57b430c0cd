/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/command/command_output.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

static int open_pool(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	return 0;
}

static int close_pool(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static void test_cut_on_a_character(void **state)
{
	static const char TEXT[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
	static const size_t WHOLE[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};

	(void)state;
	for (size_t len = 0; len < sizeof(TEXT); len++)
		assert_int_equal(command_whole_characters(h2o_iovec_init(TEXT, len)), WHOLE[len]);
	/* what is no character is not waited for */
	assert_int_equal(command_whole_characters(h2o_iovec_init("\x80\x80\x80\x80\x80", 5)), 5);
	assert_int_equal(command_whole_characters(h2o_iovec_init("a\xff", 2)), 2);
	assert_int_equal(command_whole_characters(h2o_iovec_init("\xc3\xa4\xa4", 3)), 3);
}

static void test_invalid_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} CASES[] = {
	    {"", 0, ""},
	    {"fine \xc3\xa4", 7, "fine \xc3\xa4"},
	    {"a\0b", 3, "a" REPLACEMENT "b"},
	    {"\xff\xfe", 2, REPLACEMENT REPLACEMENT},
	    {"\xc3", 1, REPLACEMENT},
	    {"\xed\xa0\x80", 3, REPLACEMENT REPLACEMENT REPLACEMENT},
	    {"\xc0\xafx", 3, REPLACEMENT REPLACEMENT "x"},
	    {"\xf0\x9f\x98", 3, REPLACEMENT REPLACEMENT REPLACEMENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		h2o_iovec_t text = command_text(&pool, h2o_iovec_init((char *)CASES[i].bytes, CASES[i].len));
		assert_true(text_is(text, CASES[i].text));
		assert_true(text_is_utf8(text));
	}
}

static struct outcome shaped(enum command_output output, bool untrusted, const char *text, bool cut)
{
	const struct command_plan plan = {.output = output, .untrusted = untrusted, .bytes = 10};
	struct outcome outcome;

	assert_true(command_outcome(&pool, &plan, text_of(text), cut, &outcome));
	return outcome;
}

static void test_shapes(void **state)
{
	struct outcome outcome;
	const struct command_plan plan = {.output = COMMAND_JSON};

	(void)state;
	outcome = shaped(COMMAND_TEXT, false, "a\n\"b\"", false);
	assert_true(text_is(outcome.content, "[{\"type\":\"text\",\"text\":\"a\\n\\\"b\\\"\"}]"));
	assert_null(outcome.structured.base);
	outcome = shaped(COMMAND_TEXT, false, "abc\xc3", true);
	assert_true(text_is(outcome.content,
	                    "[{\"type\":\"text\",\"text\":\"abc\"},{\"type\":\"text\",\"text\":\"There "
	                    "was more: the output was cut after 10 bytes.\"}]"));
	outcome = shaped(COMMAND_JSON, false, " {\"a\": [1]}\n", false);
	assert_true(text_is(outcome.structured, "{\"a\":[1]}"));
	outcome = shaped(COMMAND_JSON, false, "[1,2]", false);
	assert_true(text_is(outcome.structured, "{\"result\":[1,2]}"));
	outcome = shaped(COMMAND_LINES, false, "a\r\n\nb", false);
	assert_true(text_is(outcome.structured, "{\"lines\":[\"a\",\"\",\"b\"],\"truncated\":false}"));
	assert_int_equal(outcome.rows, 3);
	outcome = shaped(COMMAND_LINES, false, "a\nb", true);
	assert_true(text_is(outcome.structured, "{\"lines\":[\"a\"],\"truncated\":true}"));
	outcome = shaped(COMMAND_LINES, false, "", false);
	assert_true(text_is(outcome.structured, "{\"lines\":[],\"truncated\":false}"));
	assert_false(command_outcome(&pool, &plan, text_of("{\"a\":1"), false, &outcome));
	assert_false(command_outcome(&pool, &plan, text_of("{\"a\":1,\"a\":2}"), false, &outcome));
	assert_false(command_outcome(&pool, &plan, text_of(""), false, &outcome));
	assert_false(command_outcome(&pool, &plan, text_of("{}"), true, &outcome));
}

static void test_untrusted(void **state)
{
	struct outcome outcome;

	(void)state;
	outcome = shaped(COMMAND_TEXT, true,
	                 "hid\xe2\x80\x8b"
	                 "den",
	                 false);
	assert_non_null(strstr(outcome.content.base, "<<<untrusted-"));
	assert_true(text_is(outcome.meta, UNTRUSTED_META));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_cut_on_a_character, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_invalid_text, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_shapes, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_untrusted, open_pool, close_pool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
