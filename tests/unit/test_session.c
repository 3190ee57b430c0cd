/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/session.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

#include "tests/unit/bearer_double.h"

static struct bearer caller = {.subject = "alice", .client_id = "c1"};
static struct mcp MCP;
static const struct service SERVICE = {.name = "mcp", .daemon = &MCP};

const struct bearer *bearer_of(const struct request *r)
{
	(void)r;
	return &caller;
}

static int open_sessions(void **state)
{
	(void)state;
	h2o_mem_init_pool(&MCP.pool);
	sessions_open(&MCP.sessions, &MCP.pool, NULL);
	return 0;
}

static int close_sessions(void **state)
{
	(void)state;
	sessions_close(&MCP.sessions);
	h2o_mem_clear_pool(&MCP.pool);
	return 0;
}

static struct request *ask_with(const char *handle, const char *version)
{
	struct request *r = request_test(&SERVICE, NULL);

	if (handle != NULL)
		request_test_header(r, "mcp-session-id", handle);
	if (version != NULL)
		request_test_header(r, "mcp-protocol-version", version);
	return r;
}

static bool reads(const char *handle, const char *version, struct session *ret)
{
	struct request *r = ask_with(handle, version);
	bool fine = session_read(r, ret);

	request_test_free(r);
	return fine;
}

static char *mint(unsigned version, unsigned abilities)
{
	struct request *r = request_test(&SERVICE, NULL);
	char *handle = text_copy(&MCP.pool, text_of(session_mint(r, version, abilities)));

	request_test_free(r);
	return handle;
}

static void test_says_what_was_agreed(void **state)
{
	struct session s, other;
	const char *handle = mint(VERSION_2025_06_18, CAN_SAMPLE | CAN_LIST_ROOTS);

	(void)state;
	assert_true(reads(handle, "2025-11-25", &s));
	assert_true(s.is_open);
	assert_int_equal(s.version, VERSION_2025_06_18);
	assert_int_equal(s.abilities, CAN_SAMPLE | CAN_LIST_ROOTS);
	assert_true(reads(mint(VERSION_2025_06_18, 0), NULL, &other));
	assert_memory_not_equal(s.owner, other.owner, SESSION_OWNER_SIZE);
}

static void test_is_bound(void **state)
{
	struct session s;
	const char *handle = mint(VERSION_2025_11_25, 0);

	(void)state;
	caller.subject = "bob";
	assert_false(reads(handle, NULL, &s));
	caller.subject = "alice";
	caller.client_id = "c2";
	assert_false(reads(handle, NULL, &s));
	/* what stands where the one ends and the other begins counts */
	caller.subject = "alicec";
	caller.client_id = "1";
	assert_false(reads(handle, NULL, &s));
	caller.subject = "alice";
	caller.client_id = "c1";
	assert_true(reads(handle, NULL, &s));
	assert_false(reads("spm_x", NULL, &s));
	assert_false(reads("", NULL, &s));
	struct request *r = ask_with(handle, NULL);
	request_test_header(r, "mcp-session-id", handle);
	assert_false(session_read(r, &s));
	request_test_free(r);
}

static void test_without_one(void **state)
{
	struct session a, b;

	(void)state;
	assert_true(reads(NULL, NULL, &a));
	assert_false(a.is_open);
	assert_int_equal(a.version, VERSION_2025_03_26);
	assert_true(reads(NULL, "2025-06-18", &b));
	assert_int_equal(b.version, VERSION_2025_06_18);
	assert_memory_equal(a.owner, b.owner, SESSION_OWNER_SIZE);
	caller.subject = "bob";
	assert_true(reads(NULL, NULL, &b));
	assert_memory_not_equal(a.owner, b.owner, SESSION_OWNER_SIZE);
	caller.subject = "alice";
}

static void test_ends(void **state)
{
	struct session s, other;
	const char *handle = mint(VERSION_2025_11_25, 0), *second = mint(VERSION_2025_11_25, 0);
	struct request *r = request_test(&SERVICE, NULL);

	(void)state;
	assert_true(reads(handle, NULL, &s));
	session_end(r, &s);
	assert_false(reads(handle, NULL, &s));
	assert_true(reads(second, NULL, &other));
	request_test_free(r);
}

static void test_remembers(void **state)
{
	static const uint8_t A[SESSION_OWNER_SIZE] = "a", B[SESSION_OWNER_SIZE] = "b";
	struct sessions *s = &MCP.sessions;

	(void)state;
	assert_int_equal(session_level(s, A), -1);
	session_set_level(s, A, 3);
	assert_int_equal(session_level(s, A), 3);
	assert_int_equal(session_level(s, B), -1);
	session_subscribe(s, A, text_of("x:1"), true);
	assert_true(session_subscribes(s, A, text_of("x:1")));
	assert_false(session_subscribes(s, A, text_of("x:2")) || session_subscribes(s, B, text_of("x:1")));
	session_subscribe(s, A, text_of("x:1"), false);
	assert_false(session_subscribes(s, A, text_of("x:1")));
	/* many sessions push others out, and nothing grows */
	for (uint32_t i = 0; i < 100000; i++) {
		uint8_t owner[SESSION_OWNER_SIZE] = {0};
		memcpy(owner, &i, sizeof(i));
		session_set_level(s, owner, 1);
	}
	assert_true(digest_map_count(s->levels) <= LEVELS_MAX);
}

static void test_abilities(void **state)
{
	static const struct {
		const char *capabilities;
		unsigned abilities;
	} CASES[] = {
	    {"{}", 0},
	    {"{\"elicitation\":{}}", CAN_ELICIT_FORM},
	    {"{\"elicitation\":{\"form\":{}}}", CAN_ELICIT_FORM},
	    {"{\"elicitation\":{\"url\":{}}}", CAN_ELICIT_URL},
	    {"{\"elicitation\":{\"url\":{},\"form\":{}}}", CAN_ELICIT_URL | CAN_ELICIT_FORM},
	    {"{\"elicitation\":true,\"sampling\":1,\"roots\":[]}", 0},
	    {"{\"sampling\":{\"tools\":{},\"context\":{}},\"roots\":{\"listChanged\":true}}",
	     CAN_SAMPLE | CAN_SAMPLE_WITH_TOOLS | CAN_SAMPLE_WITH_CONTEXT | CAN_LIST_ROOTS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		assert_int_equal(session_abilities(json_read(&MCP.pool, text_of(CASES[i].capabilities), NULL)),
		                 CASES[i].abilities);
	assert_int_equal(session_abilities(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_says_what_was_agreed),
	    cmocka_unit_test(test_is_bound),
	    cmocka_unit_test(test_without_one),
	    cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_remembers),
	    cmocka_unit_test(test_abilities),
	};
	return cmocka_run_group_tests(tests, open_sessions, close_sessions);
}
