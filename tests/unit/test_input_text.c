/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/guard/input_text.c"

#include "tests/unit/pool.h"

static const char *look(const char *json, unsigned allowed)
{
	json_t *value = json_read(&pool, text_of(json), NULL);

	assert_non_null(value);
	return input_text_problem(&pool, value, allowed);
}

static void test_text_passes(void **state)
{
	static const char *const FINE[] = {
	    "{\"a\":\"plain, with\\ttab,\\nline and\\r\\nline\",\"b\":[1,true,null,{\"c\":\"\"}]}",
	    "{\"a\":\"Grüße, 日本語, русский, العربية, हिन्दी\"}",
	    "{\"a\":\"\\u2764\\ufe0f and \\ud83d\\udc69\\u200d\\ud83d\\ude80 and 1\\ufe0f\\u20e3\"}", /* emoji */
	    "{\"a\":\"\\u0645\\u06cc\\u200c\\u062e\\u0648\\u0627\\u0647\\u0645\"}",                   /* Persian */
	    "{\"a\":\"caf\\u0065\\u0301 \\u00a0 \\u2014 \\u20ac\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(FINE) / sizeof(FINE[0]); i++)
		assert_null(look(FINE[i], 0));
}

/* O-2, O-3: what carries orders past the eye does not come in. At each offset of the fast path. */
static void test_hidden_is_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned group;
	} HIDDEN[] = {
	    {"\\u0001", CHARACTERS_CONTROLS},         {"\\u001b[31m", CHARACTERS_CONTROLS},
	    {"\\u007f", CHARACTERS_CONTROLS},         {"\\u0085", CHARACTERS_CONTROLS},
	    {"\\u2028", CHARACTERS_CONTROLS},         {"\\r", CHARACTERS_CONTROLS},
	    {"\\u202e", CHARACTERS_DIRECTION},        {"\\u2066", CHARACTERS_DIRECTION},
	    {"\\u200f", CHARACTERS_DIRECTION},        {"\\u061c", CHARACTERS_DIRECTION},
	    {"\\u200d", CHARACTERS_JOINERS},          {"\\ufe0f", CHARACTERS_JOINERS},
	    {"\\u200b", CHARACTERS_INVISIBLE},        {"\\u2060", CHARACTERS_INVISIBLE},
	    {"\\ufeff", CHARACTERS_INVISIBLE},        {"\\u00ad", CHARACTERS_INVISIBLE},
	    {"\\u3164", CHARACTERS_INVISIBLE},        {"\\u180e", CHARACTERS_INVISIBLE},
	    {"\\ud83f\\udfff", CHARACTERS_INVISIBLE}, {"\\udb40\\udc41", CHARACTERS_TAGS},
	    {"\\udb40\\udd01", CHARACTERS_TAGS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(HIDDEN) / sizeof(HIDDEN[0]); i++)
		for (int before = 0; before < 20; before++) {
			const char *json =
			    text_printf(&pool, "{\"a\":\"%.*s%s%.*s\"}", before, "xxxxxxxxxxxxxxxxxxxxxxxx",
			                HIDDEN[i].text, before, "yyyyyyyyyyyyyyyyyyyyyyyy");
			assert_non_null(look(json, 0));
			assert_non_null(look(json, 31 & ~HIDDEN[i].group));
			assert_null(look(json, HIDDEN[i].group));
		}
}

static void test_joiners_need_what_they_join(void **state)
{
	(void)state;
	assert_non_null(look("{\"a\":\"pay\\u200dload\"}", 0));
	assert_non_null(look("{\"a\":\"\\u2764\\ufe0f\\ufe0e\\ufe0f\"}", 0)); /* a message in variation selectors */
	assert_non_null(look("{\"a\":\"\\u200d\"}", 0));
}

static void test_place_is_named(void **state)
{
	(void)state;
	assert_string_equal(
	    look("{\"a\":[1,{\"b\":\"ab\\u202ec\"}]}", 0),
	    "arguments.a[1].b: the text has U+202E at character 3 (direction), which this tool does not take");
	assert_string_equal(
	    look("{\"a\":{\"x\\u200b\":1}}", 0),
	    "arguments.a: the name of a member has U+200B at character 2 (invisible), which this tool does "
	    "not take");
}

static void test_groups(void **state)
{
	(void)state;
	assert_int_equal(input_text_group(text_of("tags")), CHARACTERS_TAGS);
	assert_int_equal(input_text_group(text_of("controls")), CHARACTERS_CONTROLS);
	assert_int_equal(input_text_group(text_of("nul")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_text_passes, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_hidden_is_refused, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_joiners_need_what_they_join, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_place_is_named, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_groups, open_pool, close_pool),
	};

	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
