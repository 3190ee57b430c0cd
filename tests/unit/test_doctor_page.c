/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/doctor/doctor_page.c"

#include "tests/unit/pool.h"

/* An exact copy on the heap: reading behind the end is then seen. */
static h2o_iovec_t exact(const char *text)
{
	size_t len = strlen(text);
	char *base = h2o_mem_alloc_pool(&pool, len > 0 ? len : 1);

	memcpy(base, text, len);
	return h2o_iovec_init(base, len);
}

static bool find(const char *html, const char *field, struct page_form *form)
{
	return page_find_form(&pool, exact(html), field, form);
}

static void test_sign_in_form(void **state)
{
	struct page_form f;

	(void)state;
	assert_true(find("<!DOCTYPE html><title>Sign in</title><h1>Hi</h1>"
	                 "<form method=\"POST\" action=\"/sign-in?a=1&amp;b=2\">"
	                 "<input type=\"hidden\" name=\"request\" value=\"spq_1&quot;&#39;&#x3c;&lt;\">"
	                 "<label>Name <input name=username autocomplete=username required></label>"
	                 "<input type='password' name='password'><button>Sign in</button></form>",
	                 "password", &f));
	assert_string_equal(f.action, "/sign-in?a=1&b=2");
	assert_string_equal(f.method, "post");
	assert_int_equal(f.field_count, 4);
	assert_int_equal(page_form_field(&f, "request", NULL)->kind, PAGE_HIDDEN);
	assert_string_equal(page_form_field(&f, "request", NULL)->value, "spq_1\"'<<");
	assert_int_equal(page_form_field(&f, "username", NULL)->kind, PAGE_INPUT);
	assert_string_equal(page_form_field(&f, "username", NULL)->type, "text");
	assert_int_equal(f.fields[3].kind, PAGE_BUTTON);
}

static void test_two_buttons_of_one_name(void **state)
{
	struct page_form f;

	(void)state;
	assert_true(find("<form action=/out><input name=other></form><FORM METHOD=post ACTION='/consent'>"
	                 "<BUTTON TYPE=SUBMIT NAME=decision VALUE=approve>Yes</BUTTON>"
	                 "<input type=submit name=decision value=deny></FORM>",
	                 "decision", &f));
	assert_string_equal(f.action, "/consent");
	assert_non_null(page_form_field(&f, "decision", "approve"));
	assert_int_equal(page_form_field(&f, "decision", "deny")->kind, PAGE_BUTTON);
	assert_null(page_form_field(&f, "decision", "later"));
	assert_null(page_form_field(&f, "other", NULL));
}

static void test_no_form_where_there_is_none(void **state)
{
	static const char *const PAGES[] = {
	    "",
	    "<",
	    "</",
	    "<form",
	    "<form>",
	    "<p>password</p>",
	    "<input name=password>",
	    "<form></form><input name=password>",
	    "<!-- <form><input name=password></form> -->",
	    "<!-- <form><input name=password></form>",
	    "<script>'<form><input name=password></form>'</script>",
	    "<style><form><input name=password></form>",
	    "<textarea><form><input name=password></form></textarea>",
	    "<form><p title='<input name=password>'></form>",
	    "<form><input name=passwords></form>",
	};
	struct page_form f;

	(void)state;
	for (size_t i = 0; i < sizeof(PAGES) / sizeof(PAGES[0]); i++)
		assert_false(find(PAGES[i], "password", &f));
}

static void test_broken_pages_are_tolerated(void **state)
{
	struct page_form f;

	(void)state;
	assert_true(find("<form action=/a><input name = password value = \"a > b\" / ><p", "password", &f));
	assert_string_equal(f.fields[0].value, "a > b");
	assert_true(find("a < b <3 <form action=/x><form action=/y><input name=password>", "password", &f));
	assert_string_equal(f.action, "/y");
	assert_true(find("<form><input disabled name=password type>", "password", &f));
	assert_string_equal(f.fields[0].type, "");
}

static void test_character_references(void **state)
{
	struct page_form f;

	(void)state;
	assert_true(
	    find("<form action='&unknown;&amp;&#0;&#xD800;&#x1F600;&#233;&#8364;&#xZ;&'><input name=q>", "q", &f));
	assert_string_equal(f.action, "&unknown;&&#0;\xef\xbf\xbd\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac&#xZ;&");
}

static void test_many_fields(void **state)
{
	struct text_buffer b = {.pool = &pool};
	struct page_form f;

	(void)state;
	text_append_str(&b, "<form><input name=password>");
	for (int i = 0; i < 1000; i++)
		text_append_str(&b, "<input name=x>");
	assert_true(find(b.base, "password", &f));
	assert_int_equal(f.field_count, PAGE_FIELDS_MAX);
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(page_words(&pool,
	                               exact("<title>T</title><style>x{}</style><h1>Not\n  now</h1>"
	                                     "<p>A &lt;b&gt; &amp; c</p><script>1<2</script>"),
	                               100),
	                    "Not now A <b> & c");
	assert_string_equal(page_words(&pool, exact(""), 100), "");
	assert_string_equal(page_words(&pool, exact("<p>caf\xc3\xa9s</p>"), 4), "caf");
	assert_string_equal(page_words(&pool, exact("plain"), 3), "pla");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sign_in_form),
	    cmocka_unit_test(test_two_buttons_of_one_name),
	    cmocka_unit_test(test_no_form_where_there_is_none),
	    cmocka_unit_test(test_broken_pages_are_tolerated),
	    cmocka_unit_test(test_character_references),
	    cmocka_unit_test(test_many_fields),
	    cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, open_pool, close_pool);
}
