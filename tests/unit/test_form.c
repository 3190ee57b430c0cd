/* SPDX-License-Identifier: Apache-2.0 */
#include "common/form.c"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

#define T(literal) ((h2o_iovec_t){(char *)literal, sizeof(literal) - 1})
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct form parse(h2o_iovec_t text)
{
	struct form form;
	const char *problem = form_parse(&pool, text, &form);
	if (problem != NULL)
		fail_msg("%s", problem);
	return form;
}

static void reads_fields(void **state)
{
	(void)state;
	struct form f = parse(T("grant_type=refresh_token&scope=a+b%20c&x=&y&z=a=b&%6e%61me=%C3%A9"));
	assert_int_equal(f.count, 6);
	assert_string_equal(form_get(&f, "grant_type").base, "refresh_token");
	assert_string_equal(form_get(&f, "scope").base, "a b c");
	assert_int_equal(form_get(&f, "scope").len, 5);
	assert_non_null(form_get(&f, "x").base);
	assert_int_equal(form_get(&f, "x").len, 0);
	assert_string_equal(form_get(&f, "y").base, "");
	assert_string_equal(form_get(&f, "z").base, "a=b");
	assert_string_equal(form_get(&f, "name").base, "\xc3\xa9");
	assert_null(form_get(&f, "absent").base);
	assert_null(form_get(&f, "Scope").base);
}

static void passes_over_nothing(void **state)
{
	(void)state;
	assert_int_equal(parse(text_of(NULL)).count, 0);
	assert_int_equal(parse(T("")).count, 0);
	assert_int_equal(parse(T("&&&")).count, 0);
	struct form f = parse(T("&a=1&&b=2&"));
	assert_int_equal(f.count, 2);
	assert_string_equal(form_get(&f, "b").base, "2");
	f = parse(T("="));
	assert_int_equal(f.count, 1);
	assert_string_equal(f.fields[0].name.base, "");
}

static void finds_repetitions(void **state)
{
	(void)state;
	static const char *const names[] = {"code", "client_id", NULL};
	struct form f = parse(T("code=1&resource=a&resource=b&client_id=x&x=1&x=2"));
	assert_false(form_repeats(&f, names));
	f = parse(T("client_id=1&code=1&client_id=2"));
	assert_true(form_repeats(&f, names));
	assert_string_equal(form_get(&f, "client_id").base, "1");
	f = parse(T("code=1&c%6fde=1")); /* repeated after decoding */
	assert_true(form_repeats(&f, names));
	f = parse(T("code&code"));
	assert_true(form_repeats(&f, names));
	f = parse(T(""));
	assert_false(form_repeats(&f, names));
}

static void refuses(void **state)
{
	(void)state;
	static const h2o_iovec_t bad[] = {
	    T("a=%"),  T("a=%4"),  T("a=%zz"), T("%=a"),     T("a=b&c=%"), T("a=%4&1=b"),    T("a=%00"),    T("%00=a"),
	    T("a=\0"), T("a=%ff"), T("a=%c3"), T("%c3=%a9"), T("a=\xff"),  T("a=%ed%a0%80"), T("a=%c0%80"),
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct form f = {(void *)1, 9};
		char *exact = malloc(bad[i].len);
		memcpy(exact, bad[i].base, bad[i].len);
		assert_non_null(form_parse(&pool, h2o_iovec_init(exact, bad[i].len), &f));
		assert_int_equal(f.count, 0);
		assert_null(f.fields);
		free(exact);
	}
}

static void limits_fields(void **state)
{
	(void)state;
	struct text_buffer text = {.pool = &pool};
	struct form f;
	for (int i = 0; i < FORM_FIELDS_MAX; i++)
		text_append_printf(&text, "%sf%d=%d", i == 0 ? "" : "&", i, i);
	assert_int_equal(parse(h2o_iovec_init(text.base, text.len)).count, FORM_FIELDS_MAX);
	text_append_str(&text, "&");
	f = parse(h2o_iovec_init(text.base, text.len));
	assert_string_equal(form_get(&f, "f63").base, "63");
	text_append_str(&text, "x");
	assert_non_null(form_parse(&pool, h2o_iovec_init(text.base, text.len), &f));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_fields), cmocka_unit_test(passes_over_nothing), cmocka_unit_test(finds_repetitions),
	    cmocka_unit_test(refuses),      cmocka_unit_test(limits_fields),
	};
	h2o_mem_init_pool(&pool);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	h2o_mem_clear_pool(&pool);
	return failed;
}
