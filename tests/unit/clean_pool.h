/* SPDX-License-Identifier: Apache-2.0 */
/* A pool for each test, behind which no error of OpenSSL may be left:
 * cmocka_unit_test_setup_teardown(x, open_pool, close_clean_pool). */
#ifndef TESTS_UNIT_CLEAN_POOL_H
#define TESTS_UNIT_CLEAN_POOL_H

#include <openssl/err.h>

#include "pool.h"

static inline int close_clean_pool(void **state)
{
	close_pool(state);
	/* what a failure leaves behind would be taken for an error of TLS */
	assert_int_equal(ERR_peek_error(), 0);
	return 0;
}

#endif
