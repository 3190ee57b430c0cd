/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/used_proofs.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LIFETIME = 1000 };

static enum proof_use add(struct used_proofs *used, unsigned n, int64_t now_ms)
{
	uint8_t digest[SHA256_SIZE];
	sha256(h2o_iovec_init(&n, sizeof(n)), digest);
	return used_proofs_add(used, digest, now_ms);
}

static void none_counts_twice(void **state)
{
	struct used_proofs *used = used_proofs_open(100000, LIFETIME);
	(void)state;
	for (unsigned n = 0; n < 20000; n++)
		assert_int_equal(add(used, n, 5 + n / 100), PROOF_FIRST);
	for (unsigned n = 0; n < 20000; n++)
		assert_int_equal(add(used, n, 300), PROOF_AGAIN);
	used_proofs_close(used);
}

/* Whenever it came: for a lifetime at least, and not for ever. */
static void is_remembered_for_its_lifetime(void **state)
{
	(void)state;
	for (int64_t came = 0; came < 2 * LIFETIME; came += 37) {
		struct used_proofs *used = used_proofs_open(100, LIFETIME);
		add(used, 1, 0);
		assert_int_equal(add(used, 2, came), PROOF_FIRST);
		for (int64_t later = came; later < came + LIFETIME; later += 61)
			assert_int_equal(add(used, 2, later), PROOF_AGAIN);
		assert_int_equal(add(used, 3, came + 2 * LIFETIME), PROOF_FIRST);
		assert_int_equal(add(used, 4, came + 4 * LIFETIME), PROOF_FIRST);
		assert_int_equal(add(used, 2, came + 6 * LIFETIME), PROOF_FIRST);
		used_proofs_close(used);
	}
}

static void is_bounded_and_forgets_nothing_early(void **state)
{
	struct used_proofs *used = used_proofs_open(1000, LIFETIME);
	(void)state;
	for (unsigned n = 0; n < 1000; n++)
		assert_int_equal(add(used, n, 1), PROOF_FIRST);
	assert_int_equal(add(used, 1000, 2), PROOF_NO_ROOM);
	assert_int_equal(add(used, 999, 2), PROOF_AGAIN);
	assert_true(used->now.slot_count <= 4096);
	for (unsigned n = 1000; n < 2000; n++)
		assert_int_equal(add(used, n, LIFETIME + 1), PROOF_FIRST);
	assert_int_equal(add(used, 2000, LIFETIME + 2), PROOF_NO_ROOM);
	assert_int_equal(add(used, 0, LIFETIME + 2), PROOF_AGAIN);
	used_proofs_close(used);
}

static void zeros_are_a_proof_too(void **state)
{
	static const uint8_t zeros[SHA256_SIZE];
	struct used_proofs *used = used_proofs_open(10, LIFETIME);
	(void)state;
	assert_int_equal(used_proofs_add(used, zeros, 1), PROOF_FIRST);
	assert_int_equal(used_proofs_add(used, zeros, 1), PROOF_AGAIN);
	used_proofs_close(used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(none_counts_twice),
	    cmocka_unit_test(is_remembered_for_its_lifetime),
	    cmocka_unit_test(is_bounded_and_forgets_nothing_early),
	    cmocka_unit_test(zeros_are_a_proof_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
