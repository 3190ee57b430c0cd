/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka, and a memory pool for each test: cmocka_unit_test_setup_teardown(x, open_pool, close_pool). */
#ifndef TESTS_UNIT_POOL_H
#define TESTS_UNIT_POOL_H

#include <h2o.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

static inline int open_pool(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	return 0;
}

static inline int close_pool(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

#endif
