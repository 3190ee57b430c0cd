/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/token_cache.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void digest_of(unsigned n, uint8_t digest[SHA256_SIZE])
{
	sha256(h2o_iovec_init(&n, sizeof(n)), digest);
}

static void put(struct token_cache *cache, unsigned n, int64_t dies_ms, const char *subject)
{
	static const uint8_t decisions[] = {2, 0, 1};
	uint8_t digest[SHA256_SIZE];
	digest_of(n, digest);
	struct bearer_facts facts = {
	    .digest = digest,
	    .active = true,
	    .dies_ms = dies_ms,
	    .subject = subject,
	    .scope = "a b",
	    .decisions = decisions,
	    .tool_count = 3,
	};
	token_cache_put(cache, bearer_make(&facts));
}

static struct bearer *find(struct token_cache *cache, unsigned n, int64_t now_ms)
{
	uint8_t digest[SHA256_SIZE];
	digest_of(n, digest);
	return token_cache_find(cache, digest, now_ms);
}

static void test_finds_what_was_put(void **state)
{
	(void)state;
	struct token_cache *cache = token_cache_open(100);
	put(cache, 1, 1000, "alice");
	struct bearer *b = find(cache, 1, 10);
	assert_non_null(b);
	assert_string_equal(b->subject, "alice");
	assert_string_equal(b->username, "");
	assert_string_equal(b->scope, "a b");
	assert_int_equal(b->decisions[0], 2);
	assert_int_equal(b->decisions[2], 1);
	assert_null(find(cache, 2, 10));
	token_cache_close(cache);
}

static void test_dead_entries_are_dropped(void **state)
{
	(void)state;
	struct token_cache *cache = token_cache_open(100);
	put(cache, 1, 1000, "alice");
	assert_non_null(find(cache, 1, 999));
	assert_null(find(cache, 1, 1000));
	assert_int_equal(token_cache_count(cache), 0);
	token_cache_close(cache);
}

static void test_replaces_by_digest(void **state)
{
	(void)state;
	struct token_cache *cache = token_cache_open(100);
	put(cache, 1, 1000, "alice");
	put(cache, 1, 2000, "bob");
	assert_int_equal(token_cache_count(cache), 1);
	assert_string_equal(find(cache, 1, 1500)->subject, "bob");
	token_cache_close(cache);
}

static void test_least_recently_used_goes_first(void **state)
{
	(void)state;
	struct token_cache *cache = token_cache_open(3);
	for (unsigned n = 1; n <= 3; n++)
		put(cache, n, 1000, "x");
	assert_non_null(find(cache, 1, 0));
	put(cache, 4, 1000, "x");
	assert_int_equal(token_cache_count(cache), 3);
	assert_null(find(cache, 2, 0));
	assert_non_null(find(cache, 1, 0));
	assert_non_null(find(cache, 3, 0));
	assert_non_null(find(cache, 4, 0));
	token_cache_close(cache);
}

/* A request under way keeps what it was let in with, whatever the table does. */
static void test_request_outlives_entry(void **state)
{
	(void)state;
	struct token_cache *cache = token_cache_open(1);
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	put(cache, 1, 1000, "alice");
	struct bearer *b = find(cache, 1, 0);
	h2o_mem_link_shared(&pool, b);
	put(cache, 2, 1000, "bob");
	assert_null(find(cache, 1, 0));
	assert_string_equal(b->subject, "alice");
	token_cache_close(cache);
	assert_string_equal(b->subject, "alice");
	h2o_mem_clear_pool(&pool);
}

static void test_stays_bounded(void **state)
{
	(void)state;
	struct token_cache *cache = token_cache_open(64);
	for (unsigned n = 0; n < 5000; n++) {
		put(cache, n, 1000 + n % 7, "x");
		find(cache, n / 2, 1003);
		assert_true(token_cache_count(cache) <= 64);
	}
	assert_non_null(find(cache, 4999, 0));
	token_cache_close(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_finds_what_was_put),     cmocka_unit_test(test_dead_entries_are_dropped),
	    cmocka_unit_test(test_replaces_by_digest),     cmocka_unit_test(test_least_recently_used_goes_first),
	    cmocka_unit_test(test_request_outlives_entry), cmocka_unit_test(test_stays_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
