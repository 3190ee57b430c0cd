/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets of calls: what is taken together, what is shared with other processes, and their bounds. */
#define db_ask_background ask_double
#include "mcp/quota/quota.c"
#include "mcp/quota/quota_exchange.c"

#include "tests/unit/pool.h"

static struct quota *quota;

static int begin(void **state)
{
	static const struct quota_settings SETTINGS = {.person = 300, .client = 100};

	open_pool(state);
	quota = quota_open(&pool, &SETTINGS, "https://mcp.example/");
	return 0;
}

static int end(void **state)
{
	quota_close(quota);
	return close_pool(state);
}

/* How many of so many calls at one moment find room. */
static unsigned taken(const struct demand *demands, size_t count, unsigned asked, int64_t now_ms)
{
	const struct demand *scarce;
	unsigned taken = 0;

	for (unsigned i = 0; i < asked; i++)
		taken += take_all(quota, demands, count, now_ms, &scarce) == 0;
	return taken;
}

static struct demand demand_of(uint64_t who, uint32_t per_minute)
{
	return (struct demand){.who = who, .what = COUNTS_CLIENT, .per_minute = per_minute, .rule = "x"};
}

static void a_call_takes_from_all_its_budgets_or_from_none(void **state)
{
	struct demand both[] = {demand_of(1, 10), demand_of(2, 4)};
	const struct demand *scarce;

	(void)state;
	assert_int_equal(taken(both, 2, 8, 5000), 4);
	assert_int_equal(taken(both, 1, 8, 5000), 6); /* those that were refused took nothing */
	assert_int_equal(take_all(quota, both, 2, 5000, &scarce), 15);
	assert_ptr_equal(scarce, &both[1]); /* the one that takes longest */
	assert_int_equal(taken(both, 2, 8, 5000 + 15000), 1);
}

static void a_persons_budgets_are_those_of_her_call(void **state)
{
	const struct quota_limits limits = {.number = 77, .per_minute = 30, .all_per_minute = 900};
	const struct item plain = {.name = "a"}, own = {.name = "b", .quota = &limits};
	const struct bearer bearer = {.person = 5, .client = 9};
	struct demand demands[DEMANDS_MAX];

	(void)state;
	assert_int_equal(demands_of(&quota->settings, &bearer, &plain, demands), 2);
	assert_int_equal(demands_of(&quota->settings, &bearer, &own, demands), 4);
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < i; j++)
			assert_true(demands[i].who != demands[j].who || demands[i].what != demands[j].what);
	const struct quota_settings off = {0};
	assert_int_equal(demands_of(&off, &bearer, &plain, demands), 0);
}

/* a crowd of callers has the table that there is, and the list of what is told has its bound. */
static void crowds_are_bounded(void **state)
{
	static struct rate_bucket *listed[LISTED_MAX];
	const struct demand *scarce;

	(void)state;
	for (uint64_t i = 1; i <= 4 * PLACES; i++) {
		struct demand demand = demand_of(i * 0x9e3779b97f4a7c15, 10);
		assert_int_equal(take_all(quota, &demand, 1, 5000, &scarce), 0); /* a newcomer is never refused */
	}
	assert_int_equal(quota->listed_count, LISTED_MAX);
	assert_int_equal(quota_list(quota, listed, 10), 10);
	assert_int_equal(quota_list(quota, listed, LISTED_MAX), LISTED_MAX - 10);
	assert_int_equal(quota_list(quota, listed, LISTED_MAX), 0);
}

/* */
static void a_clock_that_jumps_gives_nothing_twice(void **state)
{
	struct demand demand = demand_of(1, 10);

	(void)state;
	assert_int_equal(taken(&demand, 1, 20, 500000), 10);
	assert_int_equal(taken(&demand, 1, 20, 1000), 0); /* back */
	assert_int_equal(taken(&demand, 1, 20, 500000), 0);
	assert_int_equal(taken(&demand, 1, 20, 500000 + 6000), 1);
	assert_int_equal(taken(&demand, 1, 20, INT64_MAX / 2), 10); /* far on: one full budget, no more */
	assert_int_equal(taken(&demand, 1, 20, INT64_MAX / 2 + 1), 0);
}

/* ---- with other processes ---- */

static struct db *const DB = (struct db *)(void *)&quota;
static char told[3][4096];
static unsigned asked;
static bool is_away;
static db_answer_fn *answer_to;
static void *answer_data;

bool ask_double(struct db *db, size_t statement, const struct db_param *params, size_t count, db_answer_fn *done,
                void *data)
{
	assert_ptr_equal(db, DB);
	if (statement != DATABASE_QUOTA_EXCHANGE)
		return !is_away;
	for (size_t i = 0; i < count; i++)
		strncpy(told[i], params[i].value, sizeof(told[i]) - 1);
	asked++;
	answer_to = done;
	answer_data = data;
	return !is_away;
}

static PGresult *rows_of(const struct rate_bucket *bucket, const char *level)
{
	PGresAttDesc columns[] = {{.name = (char *)"key", .typid = 17}, {.name = (char *)"level", .typid = 20}};
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	const char *key = text_printf(&pool, "\\x%s", hex_encode(&pool, bucket->key, RATE_KEY_SIZE));

	PQsetResultAttrs(rows, 2, columns);
	PQsetvalue(rows, 0, 0, (char *)key, (int)strlen(key));
	PQsetvalue(rows, 0, 1, (char *)level, (int)strlen(level));
	return rows;
}

static void what_others_used_is_taken_off(void **state)
{
	struct quota_exchange *exchange = quota_exchange_open(&pool, quota, DB);
	int64_t now_ms = clock_monotonic_ms();
	struct demand demand = demand_of(1, 10);

	(void)state;
	asked = 0;
	quota_exchange_tick(exchange);
	assert_int_equal(asked, 0); /* nothing was used, so nothing is told */
	assert_int_equal(taken(&demand, 1, 4, now_ms), 4);
	struct rate_bucket *bucket = bucket_of(quota, &demand, now_ms);
	quota_exchange_tick(exchange);
	assert_int_equal(asked, 1);
	assert_string_equal(told[1], "{10}");
	assert_string_equal(told[2], "{4}");
	quota_exchange_tick(exchange);
	assert_int_equal(asked, 1); /* the answer is awaited */
	assert_int_equal(taken(&demand, 1, 2, now_ms), 2);
	PGresult *rows = rows_of(bucket, "180000"); /* another process has used three: 10 - 4 - 3 */
	answer_to(answer_data, rows);
	PQclear(rows);
	assert_int_equal(taken(&demand, 1, 20, clock_monotonic_ms()), 1); /* less the two that were not told yet */
	quota_exchange_tick(exchange);
	assert_string_equal(told[2], "{3}");
	rows = rows_of(bucket, "-600000"); /* a debt takes its time */
	answer_to(answer_data, rows);
	PQclear(rows);
	now_ms = clock_monotonic_ms();
	assert_int_equal(taken(&demand, 1, 1, now_ms + 60 * 1000), 0);
	assert_int_equal(taken(&demand, 1, 20, now_ms + 121 * 1000), 10);
}

/* without the database each process goes on by itself, and tells later what was used. */
static void an_outage_changes_nothing_here(void **state)
{
	struct quota_exchange *exchange = quota_exchange_open(&pool, quota, DB);
	int64_t now_ms = clock_monotonic_ms();
	struct demand demand = demand_of(1, 10);

	(void)state;
	is_away = true;
	assert_int_equal(taken(&demand, 1, 6, now_ms), 6);
	quota_exchange_tick(exchange);
	assert_string_equal(told[2], "{6}");
	assert_false(exchange->asks);
	assert_int_equal(taken(&demand, 1, 20, now_ms), 4);
	is_away = false;
	quota_exchange_tick(exchange);
	assert_string_equal(told[2], "{10}");
	answer_to(answer_data, NULL); /* it went away with the question */
	assert_int_equal(taken(&demand, 1, 20, now_ms), 0);
	quota_exchange_tick(exchange);
	assert_string_equal(told[2], "{10}");
}

static void calls_of_a_tool_under_way_are_shared(void **state)
{
	(void)state;
	struct quota_turns *turns = h2o_mem_alloc(sizeof(*turns));
	*turns = (struct quota_turns){.quota = quota, .number = 3};
	quota->turns = turns;
	shares_take(&turns->shares, 1);
	shares_take(&turns->shares, 2);
	assert_ptr_equal(turns_of(quota, 3), turns);
	quota_leave(turns, 1);
	assert_ptr_equal(turns_of(quota, 3), turns);
	quota_leave(turns, 2);
	assert_null(quota->turns);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_call_takes_from_all_its_budgets_or_from_none),
	    TEST(a_persons_budgets_are_those_of_her_call),
	    TEST(crowds_are_bounded),
	    TEST(a_clock_that_jumps_gives_nothing_twice),
	    TEST(what_others_used_is_taken_off),
	    TEST(an_outage_changes_nothing_here),
	    TEST(calls_of_a_tool_under_way_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
