/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_text.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_counts_parameters(void **state)
{
	(void)state;
	static const struct {
		const char *sql;
		unsigned count;
		bool gap;
	} cases[] = {
	    {"select 1", 0, false},
	    {"select $1, $2, $1", 2, false},
	    {"select '$1', \"$2\", 'it''s $3'", 0, false},
	    {"select $1 -- $2\n, $2 /* $3 /* $4 */ $5 */", 2, false},
	    {"select $2", 2, true},
	    {"select $1, $3", 3, true},
	    {"select $33", 33, true},
	    {"select 'open $1", 0, false},
	    {"select /* open $1", 0, false},
	    {"select $1::text --", 1, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool gap;
		assert_int_equal(sql_count_parameters(text_of(cases[i].sql), &gap), cases[i].count);
		assert_int_equal(gap, cases[i].gap);
	}
}

static void test_bounds_rows(void **state)
{
	(void)state;
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	assert_string_equal(sql_bound_rows(&pool, text_of("select 1 -- all; \n ;\t"), 6),
	                    "select * from (select 1 -- all\n) as tool limit 6");
	assert_int_equal(sql_trim(text_of(" ; ")).len, 0);
	h2o_mem_clear_pool(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counts_parameters),
	    cmocka_unit_test(test_bounds_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
