/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/page.c"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;
static char folder[] = "/tmp/test_page.XXXXXX";

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(text_printf(&pool, "%s/%s", folder, name), "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Compiles with this sign-in page. */
static const struct pages *compile(const char *page, const char **error)
{
	write_file("layout.html", "<{{>content}}>");
	write_file("sign_in.html", page);
	write_file("consent.html", "");
	write_file("error.html", "");
	write_file("style.css", "a{}");
	return pages_open(&pool, folder, error);
}

static void assert_renders(const char *page, const char *json, const char *expected)
{
	const char *error = NULL;
	const struct pages *pages = compile(page, &error);
	assert_null(error);
	json_t *data = json_read(&pool, text_of(json), NULL);
	h2o_iovec_t text = page_render(pages, &pool, "sign_in", data);
	assert_string_equal(text_copy(&pool, text), expected);
}

static void assert_refused(const char *page, const char *reason)
{
	const char *error = NULL;
	assert_null(compile(page, &error));
	assert_non_null(strstr(error, reason));
}

static void escapes_every_value(void **state)
{
	(void)state;
	assert_renders("{{a}}", "{\"a\":\"<script>&\\\"'\"}", "<&lt;script&gt;&amp;&quot;&#39;>");
	assert_renders("{{ a }}{{b}}", "{\"a\":12,\"b\":true}", "<12>");
	assert_renders("{{missing}}", "{}", "<>");
	assert_renders("{{! a comment }}x", "{}", "<x>");
	assert_renders("{{a}}", "{\"a\":\"{{b}}\",\"b\":\"no\"}", "<{{b}}>");
}

static void repeats_and_leaves_out_sections(void **state)
{
	(void)state;
	assert_renders("{{#a}}y{{/a}}{{^a}}n{{/a}}", "{\"a\":true}", "<y>");
	assert_renders("{{#a}}y{{/a}}{{^a}}n{{/a}}", "{\"a\":\"\"}", "<n>");
	assert_renders("{{#a}}y{{/a}}{{^a}}n{{/a}}", "{\"a\":null}", "<n>");
	assert_renders("{{#a}}y{{/a}}{{^a}}n{{/a}}", "{}", "<n>");
	assert_renders("{{#a}}{{.}},{{/a}}", "{\"a\":[\"x\",\"<\"]}", "<x,&lt;,>");
	assert_renders("{{^a}}n{{/a}}", "{\"a\":[]}", "<n>");
	assert_renders("{{#a}}{{n}}{{o}} {{/a}}", "{\"o\":\"O\",\"a\":[{\"n\":1},{\"n\":2,\"o\":\"P\"}]}", "<1O 2P >");
	assert_renders("{{#a}}{{#b}}{{n}}{{/b}}{{/a}}", "{\"a\":{\"n\":\"in\",\"b\":true},\"n\":\"out\"}", "<in>");
}

static void refuses_templates_that_are_wrong(void **state)
{
	(void)state;
	assert_refused("{{a", "sign_in.html:1: a tag is not closed");
	assert_refused("\n\n{{#a}}", "sign_in.html:3: a section is not closed");
	assert_refused("{{/a}}", "was not opened");
	assert_refused("{{#a}}{{#b}}{{/a}}{{/b}}", "another section");
	assert_refused("{{{a}}}", "one name");
	assert_refused("{{&a}}", "one name");
	assert_refused("{{}}", "one name");
	assert_refused("{{>content}}", "only {{>content}}");
	assert_refused("{{>../secret}}", "one name");
	assert_refused(
	    "{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}",
	    "too deep");
	assert_refused("\xff", "UTF-8");
}

static void names_a_file_that_is_missing(void **state)
{
	(void)state;
	const char *error = NULL;
	assert_null(pages_open(&pool, "/nowhere", &error));
	assert_non_null(strstr(error, "/nowhere/layout.html"));
	compile("", &error);
	write_file("layout.html", "no content");
	assert_null(pages_open(&pool, folder, &error));
	assert_non_null(strstr(error, "is missing"));
}

static void gives_the_style_a_version(void **state)
{
	(void)state;
	const char *error = NULL;
	const struct pages *pages = compile("", &error);
	assert_true(text_is(pages_style(pages), "a{}"));
	assert_int_equal(strlen(pages_style_version(pages)), 16);
}

static int start(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int stop(void **state)
{
	static const char *const FILES[] = {"layout.html", "sign_in.html", "consent.html", "error.html", "style.css"};
	(void)state;
	for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++)
		unlink(text_printf(&pool, "%s/%s", folder, FILES[i]));
	h2o_mem_clear_pool(&pool);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(escapes_every_value),
	    cmocka_unit_test(repeats_and_leaves_out_sections),
	    cmocka_unit_test(refuses_templates_that_are_wrong),
	    cmocka_unit_test(names_a_file_that_is_missing),
	    cmocka_unit_test(gives_the_style_a_version),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
