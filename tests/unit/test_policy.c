/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/policy.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

static struct tool TOOLS[] = {
    {.name = "a", .scope = "db:read"},
    {.name = "b", .scope = "tools:admin", .tier = TIER_WRITE, .acquirable = true},
    {.name = "c", .scope = "logs:read"},
    {.name = "d", .scope = "users:admin", .tier = TIER_DESTROY},
};
static const struct catalogue CATALOGUE = {.tools = TOOLS, .count = 4};

static struct scopes scopes_of(h2o_mem_pool_t *pool, const char *text)
{
	struct scopes scopes;
	assert_true(scopes_parse(pool, text_of(text), &scopes));
	return scopes;
}

static enum decision decide(const struct tool *tool, const char *granted, const char *grantable)
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct scopes a = scopes_of(&pool, granted), b = scopes_of(&pool, grantable);
	enum decision decision = policy_decide(tool, &a, &b);
	h2o_mem_clear_pool(&pool);
	return decision;
}

static void test_scope_opens_exactly_its_tools(void **state)
{
	(void)state;
	assert_int_equal(decide(&TOOLS[0], "db:read", ""), ALLOWED);
	assert_int_equal(decide(&TOOLS[0], "logs:read db:read x", ""), ALLOWED);
	static const char *const others[] = {"", "xdb:read", "db:readonly", "DB:READ", "db", "db:rea", "db:read2"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(decide(&TOOLS[0], others[i], "db:read"), HIDDEN);
}

static void test_acquirable_needs_both(void **state)
{
	(void)state;
	assert_int_equal(decide(&TOOLS[1], "db:read", "tools:admin"), ACQUIRABLE);
	assert_int_equal(decide(&TOOLS[1], "db:read", "db:read"), HIDDEN);
	assert_int_equal(decide(&TOOLS[1], "tools:admin", ""), ALLOWED);
	assert_int_equal(decide(&TOOLS[3], "db:read", "users:admin"), HIDDEN);
}

static void test_all_are_decided_alike(void **state)
{
	(void)state;
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct scopes granted = scopes_of(&pool, "logs:read"), grantable = scopes_of(&pool, "tools:admin users:admin");
	uint8_t decisions[4];
	policy_decide_all(&CATALOGUE, &granted, &grantable, decisions);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(decisions[i], policy_decide(&TOOLS[i], &granted, &grantable));
	h2o_mem_clear_pool(&pool);
}

static void test_challenge_keeps_what_the_token_has(void **state)
{
	(void)state;
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct scopes granted = scopes_of(&pool, "logs:read elsewhere");
	struct scopes wanted = policy_challenge_scopes(&pool, &CATALOGUE, &TOOLS[1], &granted);
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
	    cmocka_unit_test(test_challenge_keeps_what_the_token_has),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
