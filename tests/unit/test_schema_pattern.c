/* SPDX-License-Identifier: Apache-2.0 */
#include "common/schema/schema_pattern.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

static int open_pool(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	return 0;
}

static int close_pool(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static struct schema_pattern *get(struct schema_patterns *all, const char *text)
{
	const char *error = NULL;

	struct schema_pattern *ret = schema_patterns_get(all, text, strlen(text), &error);
	assert_true((ret == NULL) == (error != NULL));
	return ret;
}

static enum schema_match match(struct schema_pattern *p, const char *text)
{
	size_t steps = 0;

	return schema_pattern_match(p, text_of(text), SCHEMA_STEPS, &steps);
}

static void test_equal_patterns_are_one(void **state)
{
	struct schema_patterns *all = schema_patterns_open(&pool);
	struct schema_pattern *first = get(all, "^[a-z]+$"), *kept[300];

	(void)state;
	assert_ptr_equal(get(all, "^[a-z]+$"), first);
	assert_ptr_not_equal(get(all, "^[a-z]*$"), first);
	for (size_t i = 0; i < 300; i++)
		kept[i] = get(all, text_printf(&pool, "^x%zu$", i));
	for (size_t i = 0; i < 300; i++)
		assert_ptr_equal(get(all, text_printf(&pool, "^x%zu$", i)), kept[i]);
	assert_ptr_equal(get(all, "^[a-z]+$"), first);
	assert_int_equal(all->count, 302);
	assert_int_equal(match(kept[299], "x299"), SCHEMA_MATCHES);
	assert_int_equal(match(kept[299], "x29"), SCHEMA_DIFFERS);
}

static void test_what_is_no_pattern_is_refused_each_time(void **state)
{
	struct schema_patterns *all = schema_patterns_open(&pool);

	(void)state;
	assert_null(get(all, "("));
	assert_null(get(all, "("));
	assert_int_equal(all->count, 0);
	assert_non_null(get(all, ""));
}

static void test_tables_are_made_at_the_first_match(void **state)
{
	struct schema_patterns *all = schema_patterns_open(&pool);
	struct schema_pattern *regular = get(all, "^[a-z]{1,3}$"), *other = get(all, "^(.)\\1$");

	(void)state;
	assert_false(regular->is_ready);
	assert_non_null(regular->code);
	assert_int_equal(match(regular, "abc"), SCHEMA_MATCHES);
	assert_true(regular->is_ready);
	assert_non_null(regular->automaton);
	assert_null(regular->code);
	assert_int_equal(match(regular, "abcd"), SCHEMA_DIFFERS);
	assert_int_equal(match(other, "aa"), SCHEMA_MATCHES);
	assert_int_equal(match(other, "ab"), SCHEMA_DIFFERS);
	assert_null(other->automaton);
}

/* The memory of a table grows with its rows. */
static void test_large_tables(void **state)
{
	struct schema_patterns *all = schema_patterns_open(&pool);
	struct schema_pattern *p = get(all, "^[a-z]{1000}$");
	char text[1002];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[1000] = '\0';
	assert_int_equal(match(p, text), SCHEMA_MATCHES);
	assert_non_null(p->automaton);
	text[1000] = 'x';
	text[1001] = '\0';
	assert_int_equal(match(p, text), SCHEMA_DIFFERS);
	assert_int_equal(match(p, text + 2), SCHEMA_DIFFERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_equal_patterns_are_one, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_what_is_no_pattern_is_refused_each_time, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_tables_are_made_at_the_first_match, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_large_tables, open_pool, close_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
