/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/recent_events.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 100000 };

static struct recent_events events;

static int start(void **state)
{
	(void)state;
	memset(&events, 0, sizeof(events));
	return 0;
}

static bool have(enum token_key key, const char *value, int64_t now_ms)
{
	return recent_events_have(&events, key, text_of(value), now_ms);
}

static void test_knows_what_was_told_a_moment_ago(void **state)
{
	(void)state;
	assert_false(have(TOKEN_GRANT, "g1", NOW));
	recent_events_add(&events, TOKEN_GRANT, text_of("g1"), NOW);
	recent_events_add(&events, TOKEN_JTI, text_of("t1"), NOW + 10);
	assert_true(have(TOKEN_GRANT, "g1", NOW + 20));
	assert_true(have(TOKEN_JTI, "t1", NOW + 20));
	assert_false(have(TOKEN_CLIENT, "g1", NOW + 20));
	assert_false(have(TOKEN_GRANT, "g2", NOW + 20));
	assert_false(have(TOKEN_GRANT, "", NOW + 20));
	assert_true(have(TOKEN_GRANT, "g1", NOW + RECENT_MS - 1));
	assert_false(have(TOKEN_GRANT, "g1", NOW + RECENT_MS));
	assert_true(have(TOKEN_JTI, "t1", NOW + RECENT_MS));
}

static void test_says_yes_when_there_were_too_many(void **state)
{
	char id[16];
	(void)state;
	for (unsigned i = 0; i < RECENT_EVENTS - 1; i++) {
		snprintf(id, sizeof(id), "g%u", i);
		recent_events_add(&events, TOKEN_GRANT, text_of(id), NOW);
	}
	assert_true(have(TOKEN_GRANT, "g0", NOW));
	assert_false(have(TOKEN_GRANT, "other", NOW));
	recent_events_add(&events, TOKEN_GRANT, text_of("last"), NOW);
	assert_true(have(TOKEN_GRANT, "other", NOW));
	assert_false(have(TOKEN_GRANT, "other", NOW + RECENT_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_knows_what_was_told_a_moment_ago, start),
	    cmocka_unit_test_setup(test_says_yes_when_there_were_too_many, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
