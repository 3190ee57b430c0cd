/* SPDX-License-Identifier: Apache-2.0 */
#include "common/shares.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static unsigned take_all(struct shares *shares, uint64_t who, unsigned size)
{
	unsigned count = 0;

	while (shares_may_take(shares, who, size)) {
		shares_take(shares, who);
		count++;
	}
	return count;
}

static void one_alone_has_half(void **state)
{
	struct shares shares = {0};

	(void)state;
	assert_int_equal(take_all(&shares, 1, 32), 16);
	assert_int_equal(take_all(&shares, 2, 32), 8);
	assert_int_equal(take_all(&shares, 3, 32), 4);
	for (int i = 0; i < 16; i++)
		shares_give_back(&shares, 1);
	assert_int_equal(shares.taken, 12);
	assert_int_equal(take_all(&shares, 2, 32), 6); /* 14, and as many are free */
	shares_dispose(&shares);
}

static void a_newcomer_finds_a_place_while_any_is_free(void **state)
{
	for (unsigned size = 1; size <= 20; size++) {
		struct shares shares = {0};
		unsigned first = take_all(&shares, 1, size);

		assert_int_equal(first, (size + 1) / 2);
		for (uint64_t who = 2; shares.taken < size; who++) {
			assert_true(shares_may_take(&shares, who, size));
			shares_take(&shares, who);
		}
		assert_false(shares_may_take(&shares, 1000, size));
		assert_false(shares_may_take(&shares, 0, size));
		shares_dispose(&shares);
	}
	(void)state;
}

static void nobody_in_particular_has_no_share(void **state)
{
	struct shares shares = {0};

	(void)state;
	assert_int_equal(take_all(&shares, 0, 20), 20);
	for (int i = 0; i < 20; i++)
		shares_give_back(&shares, 0);
	assert_int_equal(shares.taken, 0);
	assert_int_equal(shares.count, 0);
	shares_dispose(&shares);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_alone_has_half),
	    cmocka_unit_test(a_newcomer_finds_a_place_while_any_is_free),
	    cmocka_unit_test(nobody_in_particular_has_no_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
