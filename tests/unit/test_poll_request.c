/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/poll_request.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

static int begin(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	return 0;
}

static int end(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static void positions_come_back(void **state)
{
	static const char *const GOOD[] = {
	    "00000001~724:724:~~0",
	    "00000001~724:724:~~4000000000",
	    "0000000A~724:730:725,727~731:731:~17",
	    "FFFFFFFF~1:9223372036854775807:1~1:2:1~9223372036854775807",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		struct feed_position p;

		assert_true(feed_position_read(&pool, text_of(GOOD[i]), &p));
		assert_string_equal(feed_position_text(&pool, &p), GOOD[i]);
	}
}

/* What PostgreSQL would refuse as a snapshot must not come that far. */
static void other_texts_are_no_positions(void **state)
{
	static const char *const BAD[] = {
	    "",
	    "x",
	    "~~~",
	    "00000001",
	    "00000001~724:724:",
	    "00000001~724:724:~",
	    "00000001~724:724:~~",
	    "00000001~724:724:~~-1",
	    "00000001~724:724:~~01",
	    "00000001~724:724:~~1~",
	    "00000001~724:724:~~9223372036854775808",
	    "0000001~724:724:~~0",
	    "0000000a~724:724:~~0",
	    "000000001~724:724:~~0",
	    "00000001~~~0",
	    "00000001~724~~0",
	    "00000001~724:724~~0",
	    "00000001~0:724:~~0",
	    "00000001~725:724:~~0",
	    "00000001~724:0:~~0",
	    "00000001~724:730:,~~0",
	    "00000001~724:730:725,~~0",
	    "00000001~724:730:,725~~0",
	    "00000001~724:730:725,725~~0",
	    "00000001~724:730:727,725~~0",
	    "00000001~724:730:723~~0",
	    "00000001~724:730:730~~0",
	    "00000001~724:730:725:726~~0",
	    "00000001~724:730:725 ~~0",
	    "00000001~+724:730:~~0",
	    "00000001~724:18446744073709551615:~~0",
	    "00000001~724:724:~724:~0",
	};
	struct feed_position p;

	(void)state;
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		if (feed_position_read(&pool, text_of(BAD[i]), &p))
			fail_msg("a position: %s", BAD[i]);
	char *longest = h2o_mem_alloc_pool(&pool, 40000);
	strcpy(longest, "00000001~1:99999:");
	for (int i = 1; i < 3000; i++)
		sprintf(longest + strlen(longest), "%s%d", i > 1 ? "," : "", i);
	strcat(longest, "~~0");
	assert_false(feed_position_read(&pool, text_of(longest), &p));
}

static const char *read_text(const char *json, struct poll_request *request)
{
	return poll_request_read(&pool, json_read(&pool, text_of(json), NULL), request);
}

static void a_request_without_members_waits_for_all(void **state)
{
	struct poll_request request;

	(void)state;
	assert_null(read_text("{}", &request));
	assert_int_equal(request.max_events, POLL_EVENTS_MAX);
	assert_false(request.returns_immediately);
	assert_false(request.has_position);
	assert_null(read_text("{\"maxEvents\":3,\"returnImmediately\":true,\"unknown\":1,\"ack\":[],\"setErrs\":{}}",
	                      &request));
	assert_int_equal(request.max_events, 3);
	assert_true(request.returns_immediately);
	assert_null(read_text("{\"maxEvents\":0}", &request));
	assert_int_equal(request.max_events, 0);
	assert_null(read_text("{\"maxEvents\":100000}", &request));
	assert_int_equal(request.max_events, POLL_EVENTS_MAX);
}

static void other_members_are_refused(void **state)
{
	static const char *const BAD[] = {
	    "[]",
	    "\"x\"",
	    "{\"maxEvents\":-1}",
	    "{\"maxEvents\":1.5}",
	    "{\"maxEvents\":\"1\"}",
	    "{\"maxEvents\":null}",
	    "{\"returnImmediately\":1}",
	    "{\"ack\":\"x\"}",
	    "{\"ack\":[1]}",
	    "{\"ack\":{}}",
	    "{\"setErrs\":[]}",
	};
	struct poll_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		assert_non_null(read_text(BAD[i], &request));
}

static void the_furthest_position_counts(void **state)
{
	struct poll_request request;

	(void)state;
	/* whatever the order, and with ids that are none of ours */
	assert_null(read_text(
	    "{\"ack\":[\"00000001~724:724:~731:731:~18\",\"other\",\"00000001~724:724:~731:731:~17\"]}", &request));
	assert_true(request.has_position);
	assert_int_equal(request.position.after, 18);
	assert_null(
	    read_text("{\"ack\":[\"00000001~724:724:~731:731:~17\",\"00000001~724:724:~731:731:~18\"]}", &request));
	assert_int_equal(request.position.after, 18);
	assert_null(read_text("{\"ack\":[\"00000001~731:731:~~5\",\"00000001~724:724:~731:731:~18\"]}", &request));
	assert_string_equal(request.position.base, "731:731:");
	assert_null(request.position.upper);
	assert_null(read_text("{\"ack\":[\"00000001~724:724:~~99\",\"00000001~724:724:~731:731:~18\"]}", &request));
	assert_string_equal(request.position.upper, "731:731:");
	assert_int_equal(request.refused, 0);
	assert_null(read_text("{\"ack\":[\"other\"]}", &request));
	assert_false(request.has_position);
}

static void an_event_that_could_not_be_read_is_left_behind(void **state)
{
	struct poll_request request;

	(void)state;
	assert_null(read_text("{\"ack\":[\"00000001~724:724:~731:731:~17\"],\"setErrs\":{"
	                      "\"00000001~724:724:~731:731:~18\":{\"err\":\"invalid_key\",\"description\":\"no\"}}}",
	                      &request));
	assert_int_equal(request.refused, 1);
	assert_int_equal(request.position.after, 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(positions_come_back),
	    cmocka_unit_test(other_texts_are_no_positions),
	    cmocka_unit_test(a_request_without_members_waits_for_all),
	    cmocka_unit_test(other_members_are_refused),
	    cmocka_unit_test(the_furthest_position_counts),
	    cmocka_unit_test(an_event_that_could_not_be_read_is_left_behind),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
