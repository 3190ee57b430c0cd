/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept is true: every change between asking and answering, and every one afterwards, is felt. */
#include "authz/answer_cache.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- a double of the notices ---- */

static bool LIVE;
static notice_fn *SUBSCRIBER;
static void *SUBSCRIBER_DATA;

bool notices_live(const struct notices *notices)
{
	(void)notices;
	return LIVE;
}

void notices_subscribe(struct notices *notices, notice_fn *fn, void *data)
{
	(void)notices;
	SUBSCRIBER = fn;
	SUBSCRIBER_DATA = data;
}

static void notice(const char *kind, const char *id)
{
	SUBSCRIBER(SUBSCRIBER_DATA, kind, id);
}

static struct answer_cache *CACHE;
static const uint8_t KEY[SHA256_SIZE] = {1}, OTHER_KEY[SHA256_SIZE] = {2};

static int open_cache(void **state)
{
	(void)state;
	LIVE = true;
	clock_freeze(1000);
	CACHE = answer_cache_open(NULL, 16);
	return 0;
}

static int close_cache(void **state)
{
	(void)state;
	answer_cache_close(CACHE);
	clock_freeze(0);
	return 0;
}

static struct answer_mark ask(void)
{
	struct answer_mark mark = answer_mark_begin(CACHE);

	answer_mark_add(CACHE, &mark, "grant", "g1");
	answer_mark_add(CACHE, &mark, "client", "c1");
	return mark;
}

static void answer(const struct answer_mark *mark)
{
	answer_cache_put(CACHE, KEY, mark, 1010, "yes", 3);
}

static bool kept(void)
{
	size_t len = 0;
	const void *bytes = answer_cache_get(CACHE, KEY, &len);

	assert_true(bytes == NULL || (len == 3 && memcmp(bytes, "yes", 3) == 0));
	return bytes != NULL;
}

static void keeps_until_the_end(void **state)
{
	(void)state;
	struct answer_mark mark = ask();
	size_t len;

	assert_false(kept());
	answer(&mark);
	assert_true(kept());
	assert_null(answer_cache_get(CACHE, OTHER_KEY, &len));
	notice("grant", "g2"), notice("client", "c2"), notice("session", "g1"), notice("person", "g1");
	assert_true(kept());
	clock_freeze(1009);
	assert_true(kept());
	clock_freeze(1010);
	assert_false(kept());
	clock_freeze(1000); /* a clock that goes back brings nothing back */
	assert_false(kept());
}

static void each_change_is_felt(void **state)
{
	(void)state;
	static const char *const CHANGES[][2] = {{"grant", "g1"}, {"client", "c1"}, {"resource", "https://r.example"},
	                                         {"keys", ""},    {NULL, ""},       {"a kind to come", "x"}};

	for (size_t i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++) {
		struct answer_mark mark = ask();
		answer(&mark);
		assert_true(kept());
		notice(CHANGES[i][0], CHANGES[i][1]);
		assert_false(kept());

		/* between asking and answering */
		mark = ask();
		notice(CHANGES[i][0], CHANGES[i][1]);
		answer(&mark);
		assert_false(kept());

		/* by this process */
		mark = ask();
		answer(&mark);
		answer_cache_forget(CACHE, CHANGES[i][0], CHANGES[i][1]);
		assert_false(kept());
	}
}

static void a_grant_goes_by_its_bytes(void **state)
{
	(void)state;
	static const uint8_t ID[16] = {0xab};
	struct answer_mark mark = answer_mark_begin(CACHE);

	answer_mark_add(CACHE, &mark, "grant", "ab000000-0000-0000-0000-000000000000");
	answer(&mark);
	assert_true(kept());
	answer_cache_forget_grant(CACHE, ID);
	assert_false(kept());
}

/* A name that only the answer tells may have changed since the question: then any change counts. */
static void late_names_are_strict(void **state)
{
	(void)state;
	struct answer_mark mark = ask();

	answer_mark_add(CACHE, &mark, "person", "p1");
	answer(&mark);
	assert_true(kept());
	notice("person", "p1");
	assert_false(kept());

	mark = ask();
	notice("person", "p9");
	answer_mark_add(CACHE, &mark, "person", "p1");
	answer(&mark);
	assert_false(kept());
}

static void too_many_names_keep_nothing(void **state)
{
	(void)state;
	struct answer_mark mark = answer_mark_begin(CACHE);

	for (size_t i = 0; i < ANSWER_NAMES_MAX; i++)
		answer_mark_add(CACHE, &mark, "grant", "g1");
	struct answer_mark full = mark;
	answer(&full);
	assert_true(kept());
	notice(NULL, "");
	mark = answer_mark_begin(CACHE);
	for (size_t i = 0; i <= ANSWER_NAMES_MAX; i++)
		answer_mark_add(CACHE, &mark, "grant", "g1");
	answer(&mark);
	assert_false(kept());
}

static void nothing_without_notices(void **state)
{
	(void)state;
	struct answer_mark mark = ask();

	answer(&mark);
	LIVE = false; /* nobody would tell */
	assert_false(kept());
	answer(&mark);
	LIVE = true;
	assert_false(kept());

	LIVE = false;
	mark = ask(); /* while it was away */
	LIVE = true;
	notice(NULL, "");
	answer(&mark);
	assert_false(kept());

	size_t len;
	mark = answer_mark_begin(NULL);
	answer_mark_add(NULL, &mark, "grant", "g1");
	answer_cache_put(NULL, KEY, &mark, 1010, "yes", 3);
	assert_null(answer_cache_get(NULL, KEY, &len));
	answer_cache_forget(NULL, NULL, "");
	answer_cache_close(NULL);
}

static void keys_tell_callers_apart(void **state)
{
	(void)state;
	struct client_proof a = {.client_id = "rs", .method = AUTH_SECRET_BASIC, .secret_digest = {1}}, b = a, c = a,
			    d = a;
	static const char *const ONE[] = {"t"}, *const TWO[] = {"t", NULL}, *const THREE[] = {NULL, "t"};
	uint8_t keys[8][SHA256_SIZE];

	b.secret_digest[0] = 2;
	c.client_id = "rs2";
	d.method = AUTH_SECRET_POST;
	answer_key(&a, "introspect", ONE, 1, keys[0]);
	answer_key(&b, "introspect", ONE, 1, keys[1]);
	answer_key(&c, "introspect", ONE, 1, keys[2]);
	answer_key(&d, "introspect", ONE, 1, keys[3]);
	answer_key(&a, "client_credentials", ONE, 1, keys[4]);
	answer_key(&a, "introspect", TWO, 2, keys[5]);
	answer_key(&a, "introspect", THREE, 2, keys[6]);
	answer_key(&a, "introspect", ONE, 0, keys[7]);
	for (size_t i = 0; i < 8; i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(keys[i], keys[j], SHA256_SIZE);
	answer_key(&a, "introspect", ONE, 1, keys[1]);
	assert_memory_equal(keys[0], keys[1], SHA256_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(keeps_until_the_end, open_cache, close_cache),
	    cmocka_unit_test_setup_teardown(each_change_is_felt, open_cache, close_cache),
	    cmocka_unit_test_setup_teardown(a_grant_goes_by_its_bytes, open_cache, close_cache),
	    cmocka_unit_test_setup_teardown(late_names_are_strict, open_cache, close_cache),
	    cmocka_unit_test_setup_teardown(too_many_names_keep_nothing, open_cache, close_cache),
	    cmocka_unit_test_setup_teardown(nothing_without_notices, open_cache, close_cache),
	    cmocka_unit_test(keys_tell_callers_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
