/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_parked.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int adopted, cancelled;

void upstream_exchange_adopt(struct upstream_exchange *e, const struct upstream_call_events *events, void *data,
                             int64_t timeout_ms)
{
	(void)e, (void)events, (void)data, (void)timeout_ms;
	adopted++;
}

void upstream_exchange_cancel(struct upstream_exchange *e)
{
	(void)e;
	cancelled++;
}

static struct bearer *make_bearer(const char *subject, const char *grant, int64_t expires)
{
	static uint8_t digest[SHA256_SIZE];
	const struct bearer_facts facts = {.digest = digest,
	                                   .active = true,
	                                   .expires = expires,
	                                   .subject = subject,
	                                   .username = "",
	                                   .client_id = "c",
	                                   .grant_id = grant,
	                                   .jti = "j",
	                                   .scope = "",
	                                   .grantable = "",
	                                   .claims = "{}"};

	return bearer_make(&facts);
}

static struct parked_calls *calls;
static json_t *id;

static struct parked_call *add(const struct bearer *bearer)
{
	return parked_add(calls, (struct upstream_exchange *)&adopted, bearer, id, "ask-1");
}

static void test_shares_and_ends(void **state)
{
	static h2o_loop_t *loop; /* h2o cannot free one */
	struct bearer *alice = make_bearer("alice", "g1", clock_now() + 600),
		      *bob = make_bearer("bob", "g2", clock_now() + 600), *gone = make_bearer("eve", "", 1);

	(void)state;
	if (loop == NULL)
		loop = h2o_evloop_create();
	calls = parked_open(loop);
	id = json_integer(1);
	/* each person has a share, and nobody that of another */
	for (int i = 0; i < PARKED_PERSON_MAX; i++)
		assert_non_null(add(alice));
	assert_null(add(alice));
	struct parked_call *of_bob = add(bob);
	assert_non_null(of_bob);
	assert_int_equal(adopted, PARKED_PERSON_MAX + 1);
	/* what was revoked ends, and nothing else does */
	parked_revoke(calls, TOKEN_GRANT, text_of("g3"));
	assert_int_equal(cancelled, 0);
	parked_revoke(calls, TOKEN_GRANT, text_of("g1"));
	assert_int_equal(cancelled, PARKED_PERSON_MAX);
	assert_int_equal(calls->count, 1);
	assert_non_null(add(alice));
	parked_revoke(calls, TOKEN_CLIENT, text_of("c"));
	assert_int_equal(calls->count, 0);
	/* a token without a grant is all there is */
	add(gone);
	of_bob = add(bob);
	h2o_timeout_unlink(&calls->look);
	on_look(&calls->look);
	assert_int_equal(calls->count, 1);
	/* what is taken is not ended */
	cancelled = 0;
	struct parked_call *taken = parked_take(calls, of_bob->name);
	assert_ptr_equal(taken, of_bob);
	assert_null(parked_take(calls, of_bob->name));
	parked_free(taken);
	parked_end(add(bob));
	assert_int_equal(cancelled, 1);
	add(alice);
	parked_close(calls);
	json_decref(id);
	h2o_mem_release_shared(alice);
	h2o_mem_release_shared(bob);
	h2o_mem_release_shared(gone);
}

static void answer_with(struct parked_call *call, size_t len)
{
	char *text = h2o_mem_alloc(len + 1);

	memset(text, 'x', len);
	text[len] = '\0';
	json_t *result = json_pack("{s:s}", "text", text);
	const struct upstream_answer answer = {.outcome = UPSTREAM_RESULT, .result = result};
	on_answer(call, &answer);
	json_decref(result);
	free(text);
}

static void test_results_have_so_many_bytes(void **state)
{
	enum { PART = PARKED_PERSON_BYTES_MAX / 2 };
	static h2o_loop_t *loop;
	struct bearer *bearers[PARKED_BYTES_MAX / PARKED_PERSON_BYTES_MAX + 1];
	struct parked_call *call, *first = NULL;

	(void)state;
	if (loop == NULL)
		loop = h2o_evloop_create();
	calls = parked_open(loop);
	id = json_integer(1);
	for (size_t i = 0; i < sizeof(bearers) / sizeof(bearers[0]); i++) {
		bool last = i == sizeof(bearers) / sizeof(bearers[0]) - 1;
		char name[16];

		snprintf(name, sizeof(name), "person-%zu", i);
		bearers[i] = make_bearer(name, name, clock_now() + 600);
		for (int n = 0; n < 3; n++) { /* the third of a person, and any of the last one, finds no room */
			call = add(bearers[i]);
			first = first != NULL ? first : call;
			answer_with(call, PART - 100);
			assert_int_equal(call->outcome, n < 2 && !last ? UPSTREAM_RESULT : UPSTREAM_TOO_LARGE);
			assert_true(n < 2 && !last ? call->result != NULL : call->result == NULL);
		}
	}
	parked_end(first); /* there is room again */
	call = add(bearers[0]);
	answer_with(call, PART - 100);
	assert_int_equal(call->outcome, UPSTREAM_RESULT);
	parked_close(calls);
	json_decref(id);
	for (size_t i = 0; i < sizeof(bearers) / sizeof(bearers[0]); i++)
		h2o_mem_release_shared(bearers[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shares_and_ends),
	    cmocka_unit_test(test_results_have_so_many_bytes),
	};

	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
