/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rate_limit.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

static int start(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static h2o_iovec_t key_of(unsigned n)
{
	static char text[32];
	snprintf(text, sizeof(text), "192.0.2.%u", n);
	return text_of(text);
}

/* How many of `asked` are let through at one moment. */
static unsigned taken(struct rate_limits *l, h2o_iovec_t key, uint32_t per_minute, unsigned asked, int64_t now_ms)
{
	unsigned count = 0;
	for (unsigned i = 0; i < asked; i++)
		count += rate_limit_take(l, 1, key, per_minute, now_ms) == 0;
	return count;
}

static void lets_a_minutes_worth_through_and_fills_evenly(void **state)
{
	(void)state;
	struct rate_limits *l = rate_limits_make(&pool, 64);
	int64_t t = 5000;
	assert_int_equal(taken(l, text_of("a"), 100, 150, t), 100);
	assert_int_equal(rate_limit_take(l, 1, text_of("a"), 100, t), 1);
	assert_int_equal(taken(l, text_of("a"), 100, 150, t + 599), 0);
	assert_int_equal(taken(l, text_of("a"), 100, 150, t + 600), 1); /* one each 600 ms */
	assert_int_equal(taken(l, text_of("a"), 100, 150, t + 30600), 50);
	assert_int_equal(taken(l, text_of("a"), 100, 150, t + 90600), 100);
	assert_int_equal(taken(l, text_of("a"), 100, 150, t + 900000), 100); /* never more than it holds */
}

static void says_how_long_to_wait(void **state)
{
	(void)state;
	struct rate_limits *l = rate_limits_make(&pool, 64);
	assert_int_equal(rate_limit_take(l, 1, text_of("a"), 1, 1000), 0);
	assert_int_equal(rate_limit_take(l, 1, text_of("a"), 1, 1000), 60);
	assert_int_equal(rate_limit_take(l, 1, text_of("a"), 1, 31500), 30);
	assert_int_equal(rate_limit_take(l, 1, text_of("a"), 1, 60999), 1);
	assert_int_equal(rate_limit_take(l, 1, text_of("a"), 1, 61000), 0);
}

static void keeps_keys_and_kinds_apart(void **state)
{
	(void)state;
	struct rate_limits *l = rate_limits_make(&pool, 1024);
	assert_int_equal(taken(l, text_of("a"), 10, 20, 1000), 10);
	assert_int_equal(taken(l, text_of("b"), 10, 20, 1000), 10);
	assert_int_equal(rate_limit_take(l, 2, text_of("a"), 10, 1000), 0);
	assert_int_not_equal(rate_limit_take(l, 1, text_of("a"), 10, 1000), 0);
	assert_int_equal(rate_limit_take(l, 1, text_of("a"), 0, 1000), 0); /* no limit */
}

static void a_clock_that_stands_still_gives_nothing(void **state)
{
	(void)state;
	struct rate_limits *l = rate_limits_make(&pool, 64);
	assert_int_equal(taken(l, text_of("a"), 5, 9, 100000), 5);
	assert_int_equal(taken(l, text_of("a"), 5, 9, 90000), 0); /* nor does one that goes back */
	assert_int_equal(taken(l, text_of("a"), 5, 9, 102000), 0);
	assert_int_equal(taken(l, text_of("a"), 5, 9, 102000 + 12000), 1);
}

/* A full table lets the stalest go: whoever is being refused stays refused. */
static void a_full_table_forgets_the_stalest(void **state)
{
	(void)state;
	struct rate_limits *l = rate_limits_make(&pool, NEIGHBOURS); /* one set */
	for (unsigned i = 0; i < NEIGHBOURS; i++)
		assert_int_equal(rate_limit_take(l, 1, key_of(i), 10, 1000 + i), 0);
	assert_int_equal(taken(l, text_of("flood"), 10, 100, 2000), 9); /* in the place, and with the level, of 0 */
	assert_int_equal(taken(l, key_of(1), 10, 100, 2001), 9);        /* 1 was still there */
	assert_int_equal(taken(l, text_of("flood"), 10, 100, 2002), 0);
}

/* Turning the table over gives nobody a fresh bucket, and refuses no newcomer his first. */
static void a_crowd_neither_opens_nor_closes_it(void **state)
{
	(void)state;
	struct rate_limits *l = rate_limits_make(&pool, 2 * NEIGHBOURS);
	unsigned passed = 0, newcomers = 0;
	for (unsigned i = 0; i < 1000; i++) {
		newcomers += rate_limit_take(l, 1, key_of(i), 10, 1000) == 0;
		passed += taken(l, key_of(i), 10, 20, 1000);
	}
	assert_int_equal(newcomers, 1000);
	assert_true(passed <= 2 * NEIGHBOURS * 10);
	/* once the crowd has gone for a minute, all is as at first */
	for (unsigned i = 2000; i < 2004; i++)
		assert_int_equal(taken(l, key_of(i), 10, 20, 62000), 10);
}

static void sizes_may_differ(void **state)
{
	(void)state;
	struct rate_limits *l = rate_limits_make(&pool, 1);
	assert_int_equal(taken(l, text_of("a"), 1000, 500, 1000), 500);
	for (unsigned i = 0; i < NEIGHBOURS; i++) /* each in turn takes over some place */
		rate_limit_take(l, 1, key_of(i), 10, 1001 + i);
	assert_int_equal(taken(l, text_of("a"), 0xffffffff, 3, 1100), 3); /* no overflow */
	assert_int_equal(rate_limit_take(l, 1, text_of(""), 1, 1100), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lets_a_minutes_worth_through_and_fills_evenly),
	    cmocka_unit_test(says_how_long_to_wait),
	    cmocka_unit_test(keeps_keys_and_kinds_apart),
	    cmocka_unit_test(a_clock_that_stands_still_gives_nothing),
	    cmocka_unit_test(a_full_table_forgets_the_stalest),
	    cmocka_unit_test(a_crowd_neither_opens_nor_closes_it),
	    cmocka_unit_test(sizes_may_differ),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
