/* SPDX-License-Identifier: Apache-2.0 */
#include "common/scope.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

#define T(literal) ((h2o_iovec_t){(char *)literal, sizeof(literal) - 1})
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct scopes parse(h2o_iovec_t text)
{
	struct scopes s;
	assert_true(scopes_parse(&pool, text, &s));
	return s;
}

static void parses(void **state)
{
	(void)state;
	struct scopes s = parse(T("tickets:read logs:read  logs:read a "));
	assert_int_equal(s.count, 3);
	assert_string_equal(scopes_text(&pool, &s), "a logs:read tickets:read");
	assert_true(scopes_has(&s, "a"));
	assert_true(scopes_has(&s, "logs:read"));
	assert_true(scopes_has(&s, "tickets:read"));
	assert_false(scopes_has(&s, "logs"));
	assert_false(scopes_has(&s, "logs:readx"));
	assert_false(scopes_has(&s, ""));
	s = parse(text_of(NULL));
	assert_int_equal(s.count, 0);
	assert_string_equal(scopes_text(&pool, &s), "");
	assert_false(scopes_has(&s, "a"));
	assert_int_equal(parse(T("")).count, 0);
	assert_int_equal(parse(T("   ")).count, 0);
}

static void refuses(void **state)
{
	(void)state;
	struct scopes s;
	static const h2o_iovec_t bad[] = {T("a\tb"),     T("a\nb"), T("a\"b"), T("a\\b"),  T("a\x7f"),
	                                  T("\xc3\xa9"), T("a\0b"), T("\x01"), T("a \xff")};
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(scopes_parse(&pool, bad[i], &s));
	assert_false(scope_name_valid(T("")));
	assert_false(scope_name_valid(T("a b")));
	for (int c = 0; c < 256; c++) { /* RFC 6749, 3.3 */
		char byte = (char)c;
		bool allowed = c == 0x21 || (c >= 0x23 && c <= 0x5b) || (c >= 0x5d && c <= 0x7e);
		assert_int_equal(scope_name_valid(h2o_iovec_init(&byte, 1)), allowed);
	}
	char name[SCOPE_NAME_MAX + 1];
	memset(name, 'a', sizeof(name));
	assert_true(scopes_parse(&pool, h2o_iovec_init(name, SCOPE_NAME_MAX), &s));
	assert_false(scopes_parse(&pool, h2o_iovec_init(name, SCOPE_NAME_MAX + 1), &s));
	struct text_buffer many = {.pool = &pool};
	for (int i = 0; i < SCOPES_MAX; i++)
		text_append_printf(&many, "s%d ", i);
	assert_true(scopes_parse(&pool, h2o_iovec_init(many.base, many.len), &s));
	assert_int_equal(s.count, SCOPES_MAX);
	text_append_str(&many, "x");
	assert_false(scopes_parse(&pool, h2o_iovec_init(many.base, many.len), &s));
}

static void computes_sets(void **state)
{
	(void)state;
	struct scopes a = parse(T("a b c")), b = parse(T("b d c")), none = parse(T(""));
	struct scopes both = scopes_intersect(&pool, &a, &b), all = scopes_union(&pool, &a, &b);
	assert_string_equal(scopes_text(&pool, &both), "b c");
	assert_string_equal(scopes_text(&pool, &all), "a b c d");
	all = scopes_union(&pool, &none, &none);
	assert_int_equal(all.count, 0);
	both = scopes_intersect(&pool, &none, &a);
	assert_int_equal(both.count, 0);
	all = scopes_union(&pool, &none, &a);
	assert_string_equal(scopes_text(&pool, &all), "a b c");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parses),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(computes_sets),
	};
	h2o_mem_init_pool(&pool);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	h2o_mem_clear_pool(&pool);
	return failed;
}
