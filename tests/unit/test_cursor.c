/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mcp/protocol/cursor.c"

static h2o_mem_pool_t pool;
static struct cursor_key key;
static const uint8_t SEEN[SHA256_SIZE] = {1, 2, 3}, OTHER[SHA256_SIZE] = {1, 2, 4};

static int open_pool(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	cursor_key_make(&key, NULL);
	return 0;
}

static int close_pool(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static bool opens(const struct cursor_key *with, const char *list, const uint8_t *seen, h2o_iovec_t cursor)
{
	size_t position;

	return cursor_open(&pool, with, list, seen, cursor, &position);
}

static void a_cursor_gives_its_position_back(void **state)
{
	static const size_t POSITIONS[] = {0, 1, 100, 255, 256, 65536, UINT32_MAX};
	size_t position;

	(void)state;
	for (size_t i = 0; i < sizeof(POSITIONS) / sizeof(POSITIONS[0]); i++) {
		char *cursor = cursor_seal(&pool, &key, "tools/list", SEEN, POSITIONS[i]);
		assert_true(cursor_open(&pool, &key, "tools/list", SEEN, text_of(cursor), &position));
		assert_true(position == POSITIONS[i]);
	}
}

static void no_two_cursors_are_alike(void **state)
{
	(void)state;
	assert_string_not_equal(cursor_seal(&pool, &key, "tools/list", SEEN, 1),
	                        cursor_seal(&pool, &key, "tools/list", SEEN, 1));
}

static void a_cursor_is_good_for_its_own_list_only(void **state)
{
	struct cursor_key another;
	h2o_iovec_t cursor = text_of(cursor_seal(&pool, &key, "tools/list", SEEN, 100));

	(void)state;
	cursor_key_make(&another, NULL);
	assert_false(opens(&key, "prompts/list", SEEN, cursor));
	assert_false(opens(&key, "tools/list", OTHER, cursor));
	assert_false(opens(&another, "tools/list", SEEN, cursor));
}

static void a_cursor_outlives_a_process_with_the_same_secret(void **state)
{
	static const uint8_t MASTER[32] = {7};
	struct cursor_key first, second;

	(void)state;
	cursor_key_make(&first, MASTER);
	cursor_key_make(&second, MASTER);
	assert_true(opens(&second, "tools/list", SEEN, text_of(cursor_seal(&pool, &first, "tools/list", SEEN, 3))));
	assert_memory_not_equal(first.bytes, MASTER, sizeof(MASTER));
}

/* Each single bit, each shorter text, and texts that were never one. */
static void an_altered_cursor_is_unknown(void **state)
{
	static const char *const OTHERS[] = {"", "x", "0", "100", "AAAA", "....", "eyJvZmZzZXQiOjB9"};
	h2o_iovec_t cursor = text_of(cursor_seal(&pool, &key, "tools/list", SEEN, 100));
	h2o_iovec_t sealed = base64url_decode(&pool, cursor);

	(void)state;
	for (size_t bit = 0; bit < sealed.len * 8; bit++) {
		sealed.base[bit / 8] = (char)(sealed.base[bit / 8] ^ (1 << bit % 8));
		assert_false(opens(&key, "tools/list", SEEN, base64url_encode(&pool, sealed.base, sealed.len)));
		sealed.base[bit / 8] = (char)(sealed.base[bit / 8] ^ (1 << bit % 8));
	}
	for (size_t len = 0; len < cursor.len; len++)
		assert_false(opens(&key, "tools/list", SEEN, h2o_iovec_init(cursor.base, len)));
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
		assert_false(opens(&key, "tools/list", SEEN, text_of(OTHERS[i])));
	assert_false(opens(&key, "tools/list", SEEN, text_of(text_printf(&pool, "%s=", cursor.base))));
	assert_false(opens(&key, "tools/list", SEEN, text_of(text_printf(&pool, "%0200d", 0))));
	assert_true(opens(&key, "tools/list", SEEN, cursor));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_cursor_gives_its_position_back, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(no_two_cursors_are_alike, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(a_cursor_is_good_for_its_own_list_only, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(a_cursor_outlives_a_process_with_the_same_secret, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(an_altered_cursor_is_unknown, open_pool, close_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
