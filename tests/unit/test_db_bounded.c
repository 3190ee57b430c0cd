/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of bounded size, statements that are not prepared, and sessions that are cleaned behind them. */
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

static void set_pid(struct request *r, const struct db_session *session, struct db_param *params)
{
	params[0] = param_text(text_printf(&r->pool, "%d %s %s", session->pid, session->user, session->database));
}

/* `sql` behind a first question, whose one parameter is bound to the session. */
static struct asked *ask_bounded(struct db *db, const char *sql, size_t bytes, bool stops)
{
	struct asked *a = asked_new(db);
	struct db_param unset = param_text("unset");
	struct db_question questions[] = {
	    {.sql = "select set_config('test.bound', $1, true), set_config('statement_timeout', '20s', true)",
	     .params = &unset,
	     .count = 1,
	     .bind = set_pid},
	    {.sql = db->options.afterwards != NULL ? "begin" : "select"},
	    {.sql = sql},
	};

	a->r.is_test = true;
	assert_int_equal(db_ask_bounded(&a->r, db, questions, 3, bytes, stops), STEP_WAIT);
	return a;
}

static void a_bounded_answer_is_cut(void **state)
{
	static const struct {
		const char *sql;
		size_t bytes, rows;
		bool cut;
	} CASES[] = {
	    {"select i, repeat('x', 84) as t from generate_series(1, 10) as i", 1171, 10,
	     false}, /* 117 each, the last one 118 */
	    {"select i, repeat('x', 84) as t from generate_series(1, 9) as i", 1052, 8, true},
	    {"select i, repeat('x', 84) as t from generate_series(1, 100000) as i", 100000, 852, true},
	    {"select repeat('x', 100000) as t", 1000, 0, true},
	    {"select 1 as i where false", 1000, 0, false},
	    {"select 1 as i, null::text as t", 1000, 1, false},
	};
	struct db *db = open_cancelling(1);

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]) * 2; i++) {
		bool stops = i % 2 == 0;
		struct asked *a = ask_bounded(db, CASES[i / 2].sql, CASES[i / 2].bytes, stops);
		UNTIL(is_over(a));
		assert_int_equal(a->failed_status, 0);
		assert_int_equal(PQresultStatus(a->r.rows), PGRES_TUPLES_OK);
		assert_int_equal(a->r.rows_are_cut, CASES[i / 2].cut);
		if (CASES[i / 2].rows == 852) /* the numbers grow */
			assert_in_range(rows_count(a->r.rows), 800, 860);
		else
			assert_int_equal(rows_count(a->r.rows), CASES[i / 2].rows);
		if (rows_count(a->r.rows) == 1)
			assert_true(rows_is_null(a->r.rows, 0, "t"));
		asked_free(a);
	}
	close_db(db);
}

static void a_bounded_answer_may_fail(void **state)
{
	struct db *db = open_cancelling(1);
	struct asked *at_once = ask_bounded(db, "select 1 / 0", 1000, true);
	struct asked *behind_rows = ask_bounded(db, "select 1 / (5 - i) from generate_series(1, 9) as i", 1000, true);
	struct asked *wrong = ask_bounded(db, "select nothing", 1000, true);
	struct asked *two = ask_bounded(db, "select 1; select 2", 1000, true);

	(void)state;
	UNTIL(is_over(at_once) && is_over(behind_rows) && is_over(wrong) && is_over(two));
	assert_string_equal(PQresultErrorField(at_once->r.rows, PG_DIAG_SQLSTATE), "22012");
	assert_string_equal(PQresultErrorField(behind_rows->r.rows, PG_DIAG_SQLSTATE), "22012");
	assert_string_equal(PQresultErrorField(wrong->r.rows, PG_DIAG_SQLSTATE), "42703");
	assert_string_equal(PQresultErrorField(two->r.rows, PG_DIAG_SQLSTATE), "42601");
	assert_false(behind_rows->r.rows_are_cut);
	asked_free(at_once);
	asked_free(behind_rows);
	asked_free(wrong);
	asked_free(two);
	close_db(db);
}

static void a_change_is_never_stopped_for_its_rows(void **state)
{
	struct db *db = open_cancelling(1);
	struct asked *a = ask_bounded(db,
	                              "insert into notes select i, repeat('x', 90) from generate_series(1000, 9000) "
	                              "as i returning *",
	                              500, false);
	struct asked *count = ask_bounded(db,
	                                  "with gone as (delete from notes where id >= 1000 returning 1) "
	                                  "select count(*)::int as i from gone",
	                                  500, false);

	(void)state;
	UNTIL(is_over(a) && is_over(count));
	assert_true(a->r.rows_are_cut);
	assert_int_equal(rows_int(count->r.rows, 0, "i"), 8001);
	asked_free(a);
	asked_free(count);
	close_db(db);
}

/* As a database of queries that others write has it. */
static struct db *open_cleaning(const char *const *afterwards)
{
	struct db_options o = options(1, 1);

	o.statement_count = 0;
	o.cancels = true;
	o.line = 10;
	o.afterwards = afterwards;
	logged[0] = '\0';
	struct db *db = db_open(loop, &o);
	UNTIL(usable(db) == 1 && db_ready(db->canceller));
	return db;
}

static char *ask_text(struct db *db, const char *sql)
{
	struct asked *a = ask_bounded(db, sql, 10000, true);

	UNTIL(is_over(a));
	char *text = strdup(PQresultStatus(a->r.rows) == PGRES_TUPLES_OK && rows_count(a->r.rows) > 0
	                        ? PQgetvalue(a->r.rows, 0, 0)
	                        : "");
	asked_free(a);
	return text;
}

static void assert_answer(struct db *db, const char *sql, const char *expected)
{
	char *text = ask_text(db, sql);

	assert_string_equal(text, expected);
	free(text);
}

static void a_question_is_bound_to_its_session(void **state)
{
	struct db *db = open_cancelling(2);

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_answer(db,
		              "select current_setting('test.bound') = "
		              "format('%s %s %s', pg_backend_pid(), session_user, current_database())",
		              "t");
	close_db(db);
}

static void nothing_of_a_question_is_left_in_its_session(void **state)
{
	static const char *const AFTERWARDS[] = {"rollback", "discard all", NULL};
	static const char *const LEAVING[] = {
	    "select set_config('test.left', 'x', false)",
	    "select pg_advisory_lock(77)",
	    "select set_config('statement_timeout', '1', false)",
	    "create temporary table left_behind as select 1",
	    "insert into notes values (77000, 'left')",
	    "select 1 / 0",
	    "listen left",
	    "prepare left as select 1",
	    "declare left cursor with hold for select 1",
	};
	struct db *db = open_cleaning(AFTERWARDS);

	(void)state;
	for (size_t i = 0; i < sizeof(LEAVING) / sizeof(LEAVING[0]); i++) {
		free(ask_text(db, LEAVING[i]));
		assert_answer(db,
		              "select concat(current_setting('test.left', true), '|', to_regclass('left_behind'), '|', "
		              "(select count(*) from pg_locks where locktype = 'advisory'), '|', "
		              "(select count(*) from notes where id = 77000), '|', "
		              "(select count(*) from pg_prepared_statements), '|', "
		              "(select count(*) from pg_cursors where is_holdable), '|', "
		              "(select count(*) from pg_listening_channels()), '|', "
		              "current_setting('statement_timeout'))",
		              "||0|0|0|0|0|20s");
	}
	close_db(db);
}

static void a_session_that_cannot_be_cleaned_is_closed(void **state)
{
	static const char *const AFTERWARDS[] = {"select 1 / 0", NULL};
	struct db *db = open_cleaning(AFTERWARDS);
	char *first = ask_text(db, "select pg_backend_pid()::text"), *second;

	(void)state;
	UNTIL(usable(db) == 1);
	second = ask_text(db, "select pg_backend_pid()::text");
	assert_string_not_equal(first, second);
	free(first);
	free(second);
	close_db(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bounded_answer_is_cut),
	    cmocka_unit_test(a_bounded_answer_may_fail),
	    cmocka_unit_test(a_change_is_never_stopped_for_its_rows),
	    cmocka_unit_test(a_question_is_bound_to_its_session),
	    cmocka_unit_test(nothing_of_a_question_is_left_in_its_session),
	    cmocka_unit_test(a_session_that_cannot_be_cleaned_is_closed),
	};

	return cmocka_run_group_tests(tests, begin, end_cluster);
}
