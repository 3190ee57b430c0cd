/* SPDX-License-Identifier: Apache-2.0 */
/* What a client carries until it comes again: for whom, for what and how long it is good. */
#include "mcp/call/request_state.c"

#include "common/request_internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */
#include "tests/unit/bearer_double.h"

static const struct bearer *caller;

const struct bearer *bearer_of(const struct request *r)
{
	(void)r;
	return caller;
}

enum { NOW = 1800000000 };

static struct mcp MCP;
static const struct service SERVICE = {.name = "mcp", .daemon = &MCP};
static h2o_mem_pool_t POOL;

static struct request *call_with(const char *subject, const char *client, const char *params)
{
	struct request *r = request_test(&SERVICE, NULL);
	struct bearer_facts facts = {
	    .digest = (const uint8_t[SHA256_SIZE]){0}, .active = true, .subject = subject, .client_id = client};
	r->state = h2o_mem_alloc_pool(&r->pool, sizeof(struct call));
	*call_of(r) = (struct call){.era = ERA_MODERN};
	call_of(r)->message.method = text_of("tools/call");
	call_of(r)->message.params = json_read(&r->pool, text_of(params), NULL);
	caller = bearer_make(&facts);
	return r;
}

#define PARAMS "{\"name\":\"wipe\",\"arguments\":{\"id\":1}}"

static bool opens(h2o_iovec_t state, const char *subject, const char *client, const char *params)
{
	struct request *r = call_with(subject, client, params);
	const json_t *value = request_state_open(r, state);
	bool is_same = value != NULL && text_is(json_get_text(value, "ticket"), "t");
	request_test_free(r);
	h2o_mem_release_shared((struct bearer *)caller);
	return is_same;
}

static h2o_iovec_t sealed(void)
{
	struct request *r = call_with("alice", "c", PARAMS);
	json_t *value = json_keep(&r->pool, json_pack("{s:s}", "ticket", "t"));
	h2o_iovec_t state = request_state_seal(r, value);
	state.base = text_copy(&POOL, state);
	request_test_free(r);
	h2o_mem_release_shared((struct bearer *)caller);
	return state;
}

static void is_good_for_ten_minutes(void **state)
{
	(void)state;
	clock_freeze(NOW);
	h2o_iovec_t s = sealed();
	clock_freeze(NOW + LIFETIME_S - 1);
	assert_true(opens(s, "alice", "c", PARAMS));
	clock_freeze(NOW + LIFETIME_S);
	assert_false(opens(s, "alice", "c", PARAMS));
	clock_freeze(0);
}

static void is_for_one_person_client_and_call(void **state)
{
	(void)state;
	h2o_iovec_t s = sealed();
	assert_true(opens(s, "alice", "c",
	                  "{\"arguments\":{\"id\":1},\"name\":\"wipe\",\"_meta\":{},\"inputResponses\":{\"a\":1},"
	                  "\"requestState\":\"x\"}"));
	assert_false(opens(s, "bob", "c", PARAMS));
	assert_false(opens(s, "alice", "d", PARAMS));
	assert_false(opens(s, "alic", "ec", PARAMS));
	assert_false(opens(s, "alice", "c", "{\"name\":\"wipe\",\"arguments\":{\"id\":2}}"));
	assert_false(opens(s, "alice", "c", "{\"name\":\"other\",\"arguments\":{\"id\":1}}"));
	s.base[s.len / 2] = s.base[s.len / 2] == 'A' ? 'B' : 'A';
	assert_false(opens(s, "alice", "c", PARAMS));
	assert_false(opens(text_of(""), "alice", "c", PARAMS));
}

static int start(void **state)
{
	(void)state;
	h2o_mem_init_pool(&POOL);
	sessions_open(&MCP.sessions, &POOL, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	sessions_close(&MCP.sessions);
	h2o_mem_clear_pool(&POOL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_good_for_ten_minutes),
	    cmocka_unit_test(is_for_one_person_client_and_call),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
