/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/replay.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t A[SESSION_OWNER_SIZE] = "a", B[SESSION_OWNER_SIZE] = "b";
static struct replays replays;

static int open_replays(void **state)
{
	(void)state;
	replays_open(&replays);
	return 0;
}

static int close_replays(void **state)
{
	(void)state;
	replays_close(&replays);
	assert_int_equal(replays.count, 0);
	assert_int_equal(replays.bytes, 0);
	return 0;
}

static struct stream *const STREAM = (struct stream *)&replays; /* some address */

static void test_ids_name_places(void **state)
{
	char first[EVENT_ID_SIZE], id[EVENT_ID_SIZE];
	uint64_t place;

	(void)state;
	struct replay *r = replay_new(&replays, A, 1, STREAM);
	replay_first_id(r, first);
	assert_ptr_equal(replay_find(&replays, A, text_of(first), &place), r);
	assert_int_equal(place, 0);
	replay_add(r, text_of("{}"), id);
	replay_add(r, text_of("[]"), id);
	assert_ptr_equal(replay_find(&replays, A, text_of(id), &place), r);
	assert_int_equal(place, 2);
	assert_null(replay_find(&replays, B, text_of(id), &place));
	id[strlen(id) - 1]++; /* a place that is not there yet */
	assert_null(replay_find(&replays, A, text_of(id), &place));
	id[0] = id[0] == 'a' ? 'b' : 'a'; /* another process */
	assert_null(replay_find(&replays, A, text_of(id), &place));
}

static void test_refuses_other_ids(void **state)
{
	static const char *const BAD[] = {
	    "",       "-",       "1",       "1-2",   "1-2-",          "-1-2",
	    "1--2",   "1-2-3-4", "1-2-g",   "1-2-A", "123456789-1-1", "1-1234567890123456-1",
	    " 1-2-3", "1-2-3 ",  "0x1-2-3", "1-2-3", "0badcafe-01f-a"};
	uint32_t process;
	uint64_t number, place;

	(void)state;
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		assert_false(replay_parse_id(text_of(BAD[i]), &process, &number, &place));
	assert_true(replay_parse_id(text_of("0badcafe-1f-a"), &process, &number, &place));
	assert_true(process == 0x0badcafe && number == 0x1f && place == 10);
}

static void test_is_bounded(void **state)
{
	static char much[1024 * 1024];
	char id[EVENT_ID_SIZE];

	(void)state;
	memset(much, ' ', sizeof(much));
	struct replay *r = replay_new(&replays, A, 1, STREAM);
	for (int i = 0; i < 10; i++)
		replay_add(r, h2o_iovec_init(much, sizeof(much)), id);
	assert_true(r->bytes <= REPLAY_BYTES_MAX);
	assert_int_equal(r->last->place, 10);
	for (int i = 0; i < 100; i++) {
		uint64_t person = (uint64_t)i + 2;
		struct replay *other = replay_new(&replays, B, person, STREAM);
		replay_add(other, h2o_iovec_init(much, sizeof(much)), id);
		if (i % 2 == 0)
			replay_end(other);
	}
	assert_true(replays.bytes <= ALL_BYTES_MAX);
	for (int i = 0; i < 2 * ALL_COUNT_MAX; i++) {
		uint64_t person = (uint64_t)i + 2;
		struct replay *other = replay_new(&replays, B, person, STREAM);
		if (other != NULL)
			replay_end(other);
	}
	assert_true(replays.count <= ALL_COUNT_MAX);
}

static void test_a_person_pushes_out_her_own(void **state)
{
	static char much[1024 * 1024];
	char first[EVENT_ID_SIZE], own[EVENT_ID_SIZE], id[EVENT_ID_SIZE];
	uint64_t place;

	(void)state;
	replays_close(&replays);
	struct replay *r = replay_new(&replays, A, 1, STREAM);
	replay_add(r, text_of("{}"), first);
	replay_end(r);
	struct replay *oldest = replay_new(&replays, B, 2, STREAM);
	replay_add(oldest, h2o_iovec_init(much, sizeof(much)), own);
	replay_end(oldest);
	for (int i = 0; i < 20; i++) {
		struct replay *other = replay_new(&replays, B, 2, STREAM);
		replay_add(other, h2o_iovec_init(much, sizeof(much)), id);
		replay_end(other);
	}
	assert_true(replays.bytes <= PERSON_BYTES_MAX + 2);
	assert_null(replay_find(&replays, B, text_of(own), &place));
	assert_non_null(replay_find(&replays, B, text_of(id), &place));
	for (int i = 0; i < 2 * PERSON_COUNT_MAX; i++)
		replay_new(&replays, B, 2, STREAM); /* under way: they cannot go */
	assert_null(replay_new(&replays, B, 2, STREAM));
	assert_int_equal(replays.count, PERSON_COUNT_MAX + 1);
	assert_non_null(replay_new(&replays, A, 1, STREAM));
	assert_non_null(replay_find(&replays, A, text_of(first), &place));
}

static void test_old_ones_go(void **state)
{
	uint64_t place;
	char id[EVENT_ID_SIZE];

	(void)state;
	struct replay *r = replay_new(&replays, A, 1, STREAM);
	replay_first_id(r, id);
	replays_tick(&replays);
	assert_non_null(replay_find(&replays, A, text_of(id), &place));
	replay_end(r);
	r->ended_ms -= KEEP_MS;
	replays_tick(&replays);
	assert_null(replay_find(&replays, A, text_of(id), &place));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ids_name_places), cmocka_unit_test(test_refuses_other_ids),
	    cmocka_unit_test(test_is_bounded),      cmocka_unit_test(test_a_person_pushes_out_her_own),
	    cmocka_unit_test(test_old_ones_go),
	};
	return cmocka_run_group_tests(tests, open_replays, close_replays);
}
