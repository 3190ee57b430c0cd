/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that nobody waits for any more. */
#include "tests/unit/db_asking.h"

static struct db *open_cancelling(unsigned connections)
{
	struct db_options o = options(connections, 1);

	o.cancels = true;
	o.line = 10;
	logged[0] = '\0';
	struct db *db = db_open(loop, &o);
	UNTIL(usable(db) == connections && db_ready(db->canceller));
	return db;
}

static struct asked *nap(struct db *db, const char *seconds)
{
	struct asked *a = asked_new(db);
	struct db_param param = param_text(seconds);
	struct db_question question = {.statement = NAP, .params = &param, .count = 1};

	a->r.is_test = true; /* its client is there */
	assert_int_equal(db_ask_all(&a->r, db, &question, 1, true), STEP_WAIT);
	return a;
}

/* As running.c does: the first one may come before the statement. */
static void cancel_until_over(struct db *db, struct asked *a)
{
	int64_t started_ms = clock_monotonic_ms();

	while (!is_over(a)) {
		db_cancel(db, &a->r);
		h2o_evloop_run(loop, 10);
		assert_true(clock_monotonic_ms() < started_ms + 5000);
	}
}

static void a_cancelled_statement_ends(void **state)
{
	struct db *db = open_cancelling(2);
	struct asked *long_one = nap(db, "60"), *other = nap(db, "0.3");

	(void)state;
	cancel_until_over(db, long_one);
	assert_int_equal(long_one->resumed, 1);
	assert_string_equal(PQresultErrorField(long_one->r.rows, PG_DIAG_SQLSTATE), "57014");
	UNTIL(is_over(other));
	assert_string_equal(rows_text(other->r.rows, 0, "t"), "rested");
	assert_int_equal(usable(db), 2);
	db_cancel(db, &other->r); /* nothing is under way */
	asked_free(long_one);
	asked_free(other);
	close_db(db);
}

static void a_cancellation_never_meets_the_next_statement(void **state)
{
	struct db *db = open_cancelling(1);

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct asked *short_one = nap(db, i % 2 == 0 ? "0" : "0.001");

		for (int turns = 0; turns < i % 4; turns++)
			h2o_evloop_run(loop, 0);
		db_cancel(db, &short_one->r);
		struct asked *next = nap(db, "0.002");
		UNTIL(is_over(short_one) && is_over(next));
		assert_int_equal(next->failed_status, 0);
		assert_int_equal(PQresultStatus(next->r.rows), PGRES_TUPLES_OK);
		asked_free(short_one);
		asked_free(next);
	}
	close_db(db);
}

static void a_waiting_question_is_cancelled(void **state)
{
	struct db *db = open_cancelling(1);
	struct asked *first = nap(db, "60"), *waiting = nap(db, "0"), *last = nap(db, "0");

	(void)state;
	assert_int_equal(db->line_places.taken, 2);
	db_cancel(db, &waiting->r);
	assert_false(is_over(waiting)); /* never from inside of the call */
	UNTIL(is_over(waiting));
	assert_int_equal(waiting->failed_status, 503);
	assert_false(waiting->r.was_sent);
	assert_false(is_over(first));
	cancel_until_over(db, first);
	UNTIL(is_over(last));
	assert_int_equal(last->resumed, 1);
	asked_free(first);
	asked_free(waiting);
	asked_free(last);
	close_db(db);
}

static void a_statement_that_cannot_be_cancelled_is_given_up(void **state)
{
	struct db *db = open_cancelling(1);
	struct asked *a = nap(db, "60");

	(void)state;
	assert_true(db_give_up(db, &a->r));
	assert_int_equal(a->failed_status, 503);
	assert_false(db_give_up(db, &a->r));
	UNTIL(usable(db) == 1);
	asked_free(a);
	close_db(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_cancelled_statement_ends),
	    cmocka_unit_test(a_cancellation_never_meets_the_next_statement),
	    cmocka_unit_test(a_waiting_question_is_cancelled),
	    cmocka_unit_test(a_statement_that_cannot_be_cancelled_is_given_up),
	};

	return cmocka_run_group_tests(tests, begin, end_cluster);
}
