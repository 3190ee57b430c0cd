/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/path_template.c"

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

static const struct path_template *compile(const char *text, const char **problem)
{
	const json_t *names = json_read(&pool, text_of("{\"a\":{},\"b\":{}}"), NULL);

	return path_template_compile(&pool, text_of(text), names, problem);
}

static const char *fill(const char *template, const char *arguments, bool folder, bool hidden)
{
	const char *problem;
	const struct path_template *compiled = compile(template, &problem);
	assert_non_null(compiled);
	const char *path =
	    path_template_fill(&pool, compiled, json_read(&pool, text_of(arguments), NULL), folder, hidden, &problem);
	assert_true((path == NULL) == (problem != NULL));
	return path;
}

static void test_templates(void **state)
{
	static const struct {
		const char *template, *problem;
	} ROWS[] = {
	    {"{c}", "has {c}, which is no argument"},
	    {"{+c}/x", "has {c}, which is no argument"},
	    {"{}", "has {}, which is no argument"},
	    {"x{a", "has { without }"},
	    {"x}", "has } without {"},
	    {"/etc/{a}", "must be relative to the root"},
	};
	const char *problem;

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		assert_null(compile(ROWS[i].template, &problem));
		assert_string_equal(problem, ROWS[i].problem);
	}
	assert_true(path_template_uses(compile("x/{+a}.md", &problem), "a"));
	assert_false(path_template_uses(compile("x/{+a}.md", &problem), "b"));
}

static void test_paths(void **state)
{
	(void)state;
	assert_string_equal(fill("{a}", "{\"a\":\"notes.md\"}", false, false), "notes.md");
	assert_string_equal(fill("x/{a}-{b}.md", "{\"a\":\"one\",\"b\":2}", false, false), "x/one-2.md");
	assert_string_equal(fill("x/{a}.md", "{\"a\":\" with blanks \"}", false, false), "x/ with blanks .md");
	assert_string_equal(fill("{+a}", "{\"a\":\"x/y/z\"}", false, false), "x/y/z");
	assert_string_equal(fill("fixed.md", "{}", false, false), "fixed.md");
	assert_string_equal(fill("{+a}", "{\"a\":\"\"}", true, false), ".");
	assert_string_equal(fill("{+a}", "{}", true, false), ".");
	assert_string_equal(fill("{+a}", "{\"a\":\".\"}", true, false), ".");
	assert_string_equal(fill("{+a}", "{\"a\":\"x/\"}", true, false), "x");
	assert_string_equal(fill("{a}", "{\"a\":\".env\"}", false, true), ".env");
	assert_string_equal(fill("{a}", "{\"a\":\"a..b\"}", false, false), "a..b");
}

/* Each of these, in a place for one segment and in one for several, and behind a fixed folder. */
static void test_what_leads_elsewhere(void **state)
{
	static const char *const VALUES[] = {
	    "..",    "../x", "x/..",    "x/../../y", "/etc/passwd", "//x",     "x//y",      "./x",
	    "x/./y", "x/.",  ".hidden", "x/.git",    ".git/x",      "../",     "..\\u0000", "x\\u0007",
	    "x\\ny", "/",    "...",     "x\\u202ey", "x/\\u200b",   "\\u007f", "..\\/x",    "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++) {
		const char *arguments = text_printf(&pool, "{\"a\":\"%s\"}", VALUES[i]);
		if (json_read(&pool, text_of(arguments), NULL) == NULL)
			continue; /* with NUL it never gets here */
		assert_null(fill("{a}", arguments, false, false));
		assert_null(fill("{+a}", arguments, false, false));
		assert_null(fill("docs/{+a}", arguments, false, false));
		if (strcmp(VALUES[i], "...") != 0 && VALUES[i][0] != '\0')
			assert_null(fill("docs/{a}", arguments, false, false));
	}
}

static void test_one_segment_is_one(void **state)
{
	(void)state;
	assert_null(fill("{a}", "{\"a\":\"x/y\"}", false, false));
	assert_null(fill("{a}", "{\"a\":[\"x\"]}", false, false));
	assert_null(fill("{a}", "{\"a\":1.5}", false, false));
	assert_null(fill("{a}", "{\"a\":true}", false, false));
	assert_string_equal(fill("{a}", "{\"a\":5.0}", false, false), "5");
	assert_null(fill("{a}.{b}", "{}", false, false)); /* "." */
	assert_null(fill("{a}{b}", "{\"a\":\".\",\"b\":\".\"}", false, true));
}

static void test_sizes(void **state)
{
	struct text_buffer b = {.pool = &pool};

	(void)state;
	for (int i = 0; i < SEGMENT_SIZE_MAX + 1; i++)
		text_append_str(&b, "x");
	const char *longest = b.base + 1;
	assert_non_null(fill("{a}", text_printf(&pool, "{\"a\":\"%s\"}", longest), false, false));
	assert_null(fill("{a}", text_printf(&pool, "{\"a\":\"%s\"}", b.base), false, false));
	b.len = 0;
	for (int i = 0; i < PATH_SIZE_MAX / 2 + 2; i++)
		text_append_str(&b, "/x");
	assert_null(fill("{+a}", text_printf(&pool, "{\"a\":\"%s\"}", b.base + 1), false, false));
	assert_non_null(fill("{+a}", text_printf(&pool, "{\"a\":\"%s\"}", b.base + 3), false, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_templates, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_paths, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_what_leads_elsewhere, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_one_segment_is_one, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_sizes, open_pool, close_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
