/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest_map.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t *digest_of(uint32_t n)
{
	static uint8_t digest[SHA256_SIZE];

	sha256(h2o_iovec_init(&n, sizeof(n)), digest);
	return digest;
}

static void put(struct digest_map *map, uint32_t n)
{
	*(uint32_t *)digest_map_put(map, digest_of(n), sizeof(n)) = n;
}

static bool has(struct digest_map *map, uint32_t n)
{
	const uint32_t *found = digest_map_get(map, digest_of(n));

	assert_true(found == NULL || *found == n);
	return found != NULL;
}

static void remembers(void **state)
{
	(void)state;
	struct digest_map *map = digest_map_open(100);

	assert_false(has(map, 1));
	put(map, 1);
	put(map, 2);
	assert_true(has(map, 1) && has(map, 2) && !has(map, 3));
	put(map, 1); /* again: in place of the first */
	assert_int_equal(digest_map_count(map), 2);
	digest_map_remove(map, digest_of(1));
	digest_map_remove(map, digest_of(7));
	assert_true(!has(map, 1) && has(map, 2));
	digest_map_clear(map);
	assert_int_equal(digest_map_count(map), 0);
	assert_false(has(map, 2));
	digest_map_close(map);
	digest_map_close(NULL);
}

static void stays_within_its_bounds(void **state)
{
	(void)state;
	struct digest_map *map = digest_map_open(64);

	for (uint32_t n = 0; n < 10000; n++) {
		put(map, n);
		assert_true(has(map, n));
		assert_true(digest_map_count(map) <= 64);
	}
	assert_int_equal(digest_map_count(map), 64);
	digest_map_close(map);
}

/* What is used stays; what is not goes first. */
static void drops_what_is_not_used(void **state)
{
	(void)state;
	struct digest_map *map = digest_map_open(PLACES);

	for (uint32_t n = 0; n < PLACES; n++)
		put(map, n);
	for (uint32_t n = PLACES; n < 100; n++) {
		assert_true(has(map, 0));
		put(map, n);
	}
	assert_true(has(map, 0));
	assert_false(has(map, 1));
	digest_map_close(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(remembers),
	    cmocka_unit_test(stays_within_its_bounds),
	    cmocka_unit_test(drops_what_is_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
