/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/policy/policy.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

static struct item ITEMS[] = {
    {.name = "a", .scope = "db:read"},
    {.name = "b", .scope = "tools:admin", .tier = TIER_WRITE, .acquirable = true},
    {.name = "c", .scope = "logs:read", .kind = ITEM_PROMPT},
    {.name = "d", .scope = "users:admin", .tier = TIER_DESTROY},
};
static struct item *PLACES[] = {&ITEMS[0], &ITEMS[1], &ITEMS[2], &ITEMS[3]};
static const struct catalogue CATALOGUE = {.items = PLACES, .count = 4};

static struct scopes scopes_of(h2o_mem_pool_t *pool, const char *text)
{
	struct scopes scopes;
	assert_true(scopes_parse(pool, text_of(text), &scopes));
	return scopes;
}

static enum decision decide(const struct item *item, const char *granted, const char *grantable)
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct asker asker = {.granted = scopes_of(&pool, granted), .grantable = scopes_of(&pool, grantable)};
	enum decision decision = policy_decide(item, &asker);
	h2o_mem_clear_pool(&pool);
	return decision;
}

static void test_scope_opens_exactly_its_tools(void **state)
{
	(void)state;
	assert_int_equal(decide(&ITEMS[0], "db:read", ""), ALLOWED);
	assert_int_equal(decide(&ITEMS[0], "logs:read db:read x", ""), ALLOWED);
	static const char *const others[] = {"", "xdb:read", "db:readonly", "DB:READ", "db", "db:rea", "db:read2"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(decide(&ITEMS[0], others[i], "db:read"), HIDDEN);
}

static void test_acquirable_needs_both(void **state)
{
	(void)state;
	assert_int_equal(decide(&ITEMS[1], "db:read", "tools:admin"), ACQUIRABLE);
	assert_int_equal(decide(&ITEMS[1], "db:read", "db:read"), HIDDEN);
	assert_int_equal(decide(&ITEMS[1], "tools:admin", ""), ALLOWED);
	assert_int_equal(decide(&ITEMS[3], "db:read", "users:admin"), HIDDEN);
}

static void test_all_are_decided_alike(void **state)
{
	(void)state;
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct asker asker = {.granted = scopes_of(&pool, "logs:read"),
	                      .grantable = scopes_of(&pool, "tools:admin users:admin")};
	uint8_t decisions[4];
	policy_decide_all(&CATALOGUE, &asker, decisions);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(decisions[i], policy_decide(&ITEMS[i], &asker));
	h2o_mem_clear_pool(&pool);
}

static void test_scopes_imply_others(void **state)
{
	(void)state;
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	const struct mcp_settings settings = {
	    .scopes = json_read(&pool,
	                        text_of("{\"all\":{\"implies\":[\"some\",\"db:read\"]},\"some\":{\"implies\":"
	                                "[\"logs:read\"]},\"logs:read\":{},\"db:read\":{},\"x\":{}}"),
	                        NULL),
	};
	static const struct {
		const char *scopes, *implied;
	} cases[] = {
	    {"", ""},
	    {"x elsewhere", "elsewhere x"},
	    {"some", "logs:read some"},
	    {"all x", "all db:read logs:read some x"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scopes scopes = scopes_of(&pool, cases[i].scopes);
		struct scopes implied = policy_implied(&pool, &settings, &scopes);
		assert_string_equal(scopes_text(&pool, &implied), cases[i].implied);
		assert_string_equal(scopes_text(&pool, &scopes),
		                    cases[i].scopes[0] == 'x' ? "elsewhere x" : cases[i].scopes);
	}
	h2o_mem_clear_pool(&pool);
}

static void test_challenge_keeps_what_the_token_has(void **state)
{
	(void)state;
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct scopes granted = scopes_of(&pool, "logs:read elsewhere");
	struct scopes wanted = policy_challenge_scopes(&pool, &CATALOGUE, &ITEMS[1], &granted);
	assert_string_equal(scopes_text(&pool, &wanted), "logs:read tools:admin");
	struct scopes readers = policy_read_scopes(&pool, &CATALOGUE);
	assert_string_equal(scopes_text(&pool, &readers), "db:read logs:read");
	h2o_mem_clear_pool(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scope_opens_exactly_its_tools),
	    cmocka_unit_test(test_acquirable_needs_both),
	    cmocka_unit_test(test_all_are_decided_alike),
	    cmocka_unit_test(test_scopes_imply_others),
	    cmocka_unit_test(test_challenge_keeps_what_the_token_has),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
