/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/token_cache.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void digest_of(unsigned n, uint8_t digest[SHA256_SIZE])
{
	sha256(h2o_iovec_init(&n, sizeof(n)), digest);
}

static void put_one(struct token_cache *cache, unsigned n, struct bearer_facts facts)
{
	uint8_t digest[SHA256_SIZE];
	digest_of(n, digest);
	facts.digest = digest;
	token_cache_put(cache, bearer_make(&facts));
}

static void put(struct token_cache *cache, unsigned n, int64_t dies_ms, const char *subject)
{
	uint8_t digest[SHA256_SIZE];
	digest_of(n, digest);
	struct bearer_facts facts = {
	    .digest = digest,
	    .active = true,
	    .dies_ms = dies_ms,
	    .subject = subject,
	    .scope = "a b",
	};
	token_cache_put(cache, bearer_make(&facts));
}

static struct bearer *find(struct token_cache *cache, unsigned n, int64_t now_ms)
{
	uint8_t digest[SHA256_SIZE];
	digest_of(n, digest);
	return token_cache_find(cache, digest, now_ms, INT64_MAX);
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
	assert_string_equal(b->grantable, "");
	assert_int_equal(b->view.number, 0);
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

/* The limit of the age is the asker's at each use. */
static void test_age_is_judged_at_use(void **state)
{
	(void)state;
	struct token_cache *cache = token_cache_open(100);
	uint8_t digest[SHA256_SIZE];
	digest_of(1, digest);
	put_one(cache, 1, (struct bearer_facts){.active = true, .asked_ms = 1000, .dies_ms = 100000});
	assert_non_null(token_cache_find(cache, digest, 50000, 60000));
	assert_non_null(token_cache_find(cache, digest, 30999, 30000));
	assert_null(token_cache_find(cache, digest, 31000, 30000));
	assert_int_equal(token_cache_count(cache), 0);
	assert_null(token_cache_find(cache, digest, 31000, 60000)); /* once refused it must be asked for again */
	token_cache_close(cache);
}

static void test_drops_by_key(void **state)
{
	(void)state;
	struct token_cache *cache = token_cache_open(1000);
	char grant[16], jti[16], client[16];
	for (unsigned n = 0; n < 900; n++) {
		snprintf(grant, sizeof(grant), "g%u", n / 3);
		snprintf(jti, sizeof(jti), "j%u", n);
		snprintf(client, sizeof(client), "c%u", n % 2);
		put_one(cache, n,
		        (struct bearer_facts){
			    .active = true, .dies_ms = 1000, .grant_id = grant, .jti = jti, .client_id = client});
	}
	assert_int_equal(token_cache_drop(cache, TOKEN_GRANT, text_of("g7")), 3);
	assert_null(find(cache, 21, 0));
	assert_null(find(cache, 23, 0));
	assert_non_null(find(cache, 24, 0));
	assert_int_equal(token_cache_drop(cache, TOKEN_GRANT, text_of("g7")), 0);
	assert_int_equal(token_cache_drop(cache, TOKEN_JTI, text_of("j24")), 1);
	assert_int_equal(token_cache_drop(cache, TOKEN_JTI, text_of("g9")), 0); /* of another kind */
	assert_int_equal(token_cache_drop(cache, TOKEN_CLIENT, text_of("c0")), 448);
	assert_int_equal(token_cache_count(cache), 448);
	assert_int_equal(token_cache_drop(cache, TOKEN_GRANT, text_of("")), 0);
	token_cache_drop_all(cache);
	assert_int_equal(token_cache_count(cache), 0);
	assert_int_equal(token_cache_drop(cache, TOKEN_CLIENT, text_of("c1")), 0);
	token_cache_close(cache);
}

/* Against a plain list that does the same. */
static void test_keys_survive_every_order(void **state)
{
	(void)state;
	enum { TOKENS = 200 };
	struct token_cache *cache = token_cache_open(TOKENS);
	bool there[TOKENS] = {false};
	uint32_t random = 1;
	char grant[16];
	for (unsigned turn = 0; turn < 20000; turn++) {
		random = random * 1664525 + 1013904223;
		unsigned n = random >> 8 & 127;
		snprintf(grant, sizeof(grant), "g%u", n % 10);
		if (random >> 30 != 0) {
			put_one(cache, n,
			        (struct bearer_facts){.active = true, .dies_ms = 9, .grant_id = grant, .jti = "j"});
			there[n] = true;
			continue;
		}
		token_cache_drop(cache, TOKEN_GRANT, text_of(grant));
		for (unsigned i = n % 10; i < TOKENS; i += 10)
			there[i] = false;
		for (unsigned i = 0; i < 128; i++)
			assert_true((find(cache, i, 0) != NULL) == there[i]);
	}
	token_cache_close(cache);
}

static void test_the_dead_do_not_push_out_the_living(void **state)
{
	(void)state;
	struct token_cache *cache = token_cache_open(64);
	for (unsigned n = 0; n < 64; n++)
		put(cache, n, 1000, "x");
	for (unsigned n = 1000; n < 2000; n++)
		put_one(cache, n, (struct bearer_facts){.dies_ms = 1000});
	assert_int_equal(token_cache_count(cache), 64 + 17);
	for (unsigned n = 0; n < 64; n++)
		assert_non_null(find(cache, n, 0));
	assert_non_null(find(cache, 1999, 0));
	assert_null(find(cache, 1000, 0));
	put(cache, 1999, 1000, "x"); /* alive after all */
	assert_true(find(cache, 1999, 0)->active);
	assert_int_equal(token_cache_count(cache), 64 + 16);
	token_cache_close(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_finds_what_was_put),       cmocka_unit_test(test_dead_entries_are_dropped),
	    cmocka_unit_test(test_replaces_by_digest),       cmocka_unit_test(test_least_recently_used_goes_first),
	    cmocka_unit_test(test_request_outlives_entry),   cmocka_unit_test(test_stays_bounded),
	    cmocka_unit_test(test_age_is_judged_at_use),     cmocka_unit_test(test_drops_by_key),
	    cmocka_unit_test(test_keys_survive_every_order), cmocka_unit_test(test_the_dead_do_not_push_out_the_living),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
