/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

#define T(literal) ((h2o_iovec_t){(char *)literal, sizeof(literal) - 1})

static void compares(void **state)
{
	(void)state;
	assert_null(text_of(NULL).base);
	assert_int_equal(text_of("abc").len, 3);
	assert_true(text_equal(text_of(NULL), T("")));
	assert_true(text_is(T("abc"), "abc"));
	assert_false(text_is(T("abc"), "ab"));
	assert_false(text_is(T("ab\0"), "ab"));
	assert_true(text_starts(T("abc"), "ab"));
	assert_true(text_starts(T("abc"), ""));
	assert_true(text_starts(text_of(NULL), ""));
	assert_false(text_starts(T("a"), "ab"));
	assert_true(text_is_nocase(T("BeArEr"), "bearer"));
	assert_false(text_is_nocase(T("bearer "), "bearer"));
	assert_false(text_is_nocase(T("[earer"), "{earer")); /* differ by the bit of the case */
	assert_string_equal(text_copy(&pool, h2o_iovec_init("abcdef", 3)), "abc");
	assert_string_equal(text_copy(&pool, text_of(NULL)), "");
	assert_string_equal(text_printf(&pool, "%s-%d", "a", 7), "a-7");
}

static void knows_utf8(void **state)
{
	(void)state;
	assert_true(text_is_utf8(T("")));
	assert_true(text_is_utf8(T("plain ASCII of more than eight bytes")));
	assert_true(text_is_utf8(T("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
	assert_true(text_is_utf8(T("\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf")));
	static const h2o_iovec_t bad[] = {
	    T("\0"),
	    T("12345678\0"),
	    T("1234\0"
	      "567"),
	    T("\x80"),
	    T("\xc3"),
	    T("\xc3("),
	    T("\xc0\x80"),
	    T("\xc1\xbf"),
	    T("\xe0\x9f\xbf"),
	    T("\xe2\x82"),
	    T("\xed\xa0\x80"),
	    T("\xed\xbf\xbf"),
	    T("\xf0\x8f\xbf\xbf"),
	    T("\xf4\x90\x80\x80"),
	    T("\xf5\x80\x80\x80"),
	    T("\xff"),
	    T("\xf0\x9f\x98"),
	    T("abcdefg\xff"),
	    T("abcdefgh\xfe"),
	    T("\xe2\x28\xa1"),
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_is_utf8(bad[i]));
	assert_int_equal(text_code_points(T("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
	assert_int_equal(text_code_points(text_of(NULL)), 0);
}

static void what_nobody_sees_can_be_written(void **state)
{
	struct text_buffer b = {.pool = &pool};

	(void)state;
	text_append_visible(&b, T("a\xe2\x80\xae\xc3\xa9\x01\xf3\xa0\x81\x81z"));
	assert_string_equal(b.base, "a<U+202E>\xc3\xa9<U+0001><U+E0041>z");
}

static void a_beginning_ends_with_a_whole_character(void **state)
{
	h2o_iovec_t text = T("a\xf0\x9f\x98\x80z");
	static const size_t LEN[] = {0, 1, 1, 1, 1, 5, 6, 6};

	(void)state;
	for (size_t limit = 0; limit < sizeof(LEN) / sizeof(LEN[0]); limit++)
		assert_int_equal(text_beginning(text, limit).len, LEN[limit]);
	assert_int_equal(text_beginning(T("\x80\x80\x80\x80\x80\x80"), 5).len, 5);
	assert_int_equal(text_beginning(T("\x80\x80"), 1).len, 1);
}

static void finds_a_nul_at_every_place(void **state)
{
	(void)state;
	for (size_t len = 1; len < 40; len++)
		for (size_t at = 0; at < len; at++) {
			char *text = malloc(len); /* exactly so long: ASan watches the end */
			memset(text, 'x', len);
			assert_true(text_is_utf8(h2o_iovec_init(text, len)));
			text[at] = '\0';
			assert_false(text_is_utf8(h2o_iovec_init(text, len)));
			text[at] = '\x80';
			assert_false(text_is_utf8(h2o_iovec_init(text, len)));
			free(text);
		}
}

static void finds_invisible(void **state)
{
	(void)state;
	assert_false(text_has_invisible(T("")));
	assert_false(text_has_invisible(T("Zo\xc3\xab's client \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80")));
	static const h2o_iovec_t bad[] = {
	    T("a\nb"),
	    T("\t"),
	    T("\x7f"),
	    T("\xc2\x85"),
	    T("\xc2\xad"),
	    T("\xe2\x80\x8b"),
	    T("\xe2\x80\x8d"),
	    T("\xe2\x80\x8e"),
	    T("\xe2\x80\xae"),
	    T("\xe2\x81\xa6"),
	    T("\xe2\x80\xa8"),
	    T("\xef\xbb\xbf"),
	    T("\xf3\xa0\x81\x81"),
	    T("\xe3\x85\xa4"),
	    T("\xef\xb8\x8f"),
	    T("\xd8\x9c"),
	    T("\xe2\x81\xa0"),
	    T("\xef\xbf\xbe"),
	    T("\xf0\x9f\xbf\xbf"),
	    T("\xff"),
	    T("\xe1\xa0\x8e"),
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(text_has_invisible(bad[i]));
	for (size_t i = 1; i < sizeof(invisible) / sizeof(invisible[0]); i++)
		assert_true(invisible[i - 1].last < invisible[i].first);
}

static void reads_numbers(void **state)
{
	(void)state;
	int64_t n = -7;
	assert_true(text_to_int64(T("0"), &n));
	assert_int_equal(n, 0);
	assert_true(text_to_int64(T("9223372036854775807"), &n));
	assert_true(n == INT64_MAX);
	n = -7;
	static const h2o_iovec_t bad[] = {T(""),
	                                  T("-1"),
	                                  T("+1"),
	                                  T(" 1"),
	                                  T("1 "),
	                                  T("01"),
	                                  T("00"),
	                                  T("1.0"),
	                                  T("0x1"),
	                                  T("9223372036854775808"),
	                                  T("1\0"),
	                                  T("99999999999999999999"),
	                                  T("9999999999999999999")};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_to_int64(bad[i], &n));
	assert_int_equal(n, -7);
}

static void grows(void **state)
{
	(void)state;
	struct text_buffer b = {.pool = &pool};
	text_append(&b, NULL, 0);
	assert_string_equal(b.base, "");
	for (int i = 0; i < 5000; i++)
		text_append_printf(&b, "%d,", i % 10);
	assert_int_equal(b.len, 10000);
	text_append_str(&b, "end");
	text_append_iovec(&b, T("!"));
	text_append_iovec(&b, text_of(NULL));
	assert_string_equal(b.base + 10000, "end!");
	assert_int_equal(strlen(b.base), b.len);
}

static const char *escaped(void (*append)(struct text_buffer *, h2o_iovec_t), h2o_iovec_t a)
{
	struct text_buffer b = {.pool = &pool};
	append(&b, a);
	return b.base;
}

static void escapes(void **state)
{
	(void)state;
	assert_string_equal(escaped(text_append_json, T("")), "\"\"");
	assert_string_equal(escaped(text_append_json, text_of(NULL)), "\"\"");
	assert_string_equal(escaped(text_append_json, T("a\"b\\c\n\r\t\b\f/\x01\x1f\x7f")),
	                    "\"a\\\"b\\\\c\\n\\r\\t\\b\\f/\\u0001\\u001f\\u007f\"");
	assert_string_equal(escaped(text_append_json, T("\0x")), "\"\\u0000x\"");
	assert_string_equal(escaped(text_append_json, T("\xe2\x80\xa8\xe2\x80\xa9\xc2\x9b")),
	                    "\"\\u2028\\u2029\\u009b\"");
	assert_string_equal(escaped(text_append_json, T("\xc3\xa9\xf0\x9f\x98\x80")), "\"\xc3\xa9\xf0\x9f\x98\x80\"");
	assert_string_equal(escaped(text_append_json, T("a\xff"
	                                                "b\xc3")),
	                    "\"a\xef\xbf\xbd"
	                    "b\xef\xbf\xbd\"");
	assert_string_equal(escaped(text_append_html, T("<a href=\"x\" b='y'>&</a>")),
	                    "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&lt;/a&gt;");
	assert_string_equal(escaped(text_append_html, T("plain")), "plain");
	assert_string_equal(escaped(text_append_html, text_of(NULL)), "");
	assert_string_equal(escaped(text_append_uri, T("aZ09-._~ /?&=+%\xc3\xa9\0")),
	                    "aZ09-._~%20%2F%3F%26%3D%2B%25%C3%A9%00");
	assert_string_equal(escaped(text_append_uri, text_of(NULL)), "");
}

static void knows_tokens_and_media_types(void **state)
{
	static const char *const TYPES[] = {"text/plain", "application/ld+json", "image/svg+xml", "a/b"};
	static const char *const NONE[] = {"",      "text",   "/plain", "text/", "a/b/c", "text/plain; charset=utf-8",
	                                   "a b/c", "text/*", "a/\x7f", "a/\xc3"};
	char longest[130];

	(void)state;
	for (int c = 1; c < 256; c++) {
		char one[] = {(char)c, '\0'};
		bool is_in = c > ' ' && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
		assert_int_equal(text_is_token(text_of(one)), is_in);
	}
	assert_false(text_is_token(text_of("")));
	assert_false(text_is_token(h2o_iovec_init("a\0b", 3)));
	assert_true(text_is_token(text_of("Mcp-Session-Id")));
	for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
		assert_true(text_is_media_type(text_of(TYPES[i])));
	for (size_t i = 0; i < sizeof(NONE) / sizeof(NONE[0]); i++)
		assert_false(text_is_media_type(text_of(NONE[i])));
	memset(longest, 'a', sizeof(longest));
	longest[1] = '/';
	assert_true(text_is_media_type(h2o_iovec_init(longest, 128)));
	assert_false(text_is_media_type(h2o_iovec_init(longest, 129)));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_beginning_ends_with_a_whole_character),
	    cmocka_unit_test(what_nobody_sees_can_be_written),
	    cmocka_unit_test(compares),
	    cmocka_unit_test(knows_utf8),
	    cmocka_unit_test(finds_a_nul_at_every_place),
	    cmocka_unit_test(finds_invisible),
	    cmocka_unit_test(knows_tokens_and_media_types),
	    cmocka_unit_test(reads_numbers),
	    cmocka_unit_test(grows),
	    cmocka_unit_test(escapes),
	};
	h2o_mem_init_pool(&pool);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	h2o_mem_clear_pool(&pool);
	return failed;
}
