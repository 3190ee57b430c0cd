/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the database, and what comes back. */
#include "tests/unit/db_asking.h"

static void values_come_back_as_they_went(void **state)
{
	struct db *db = open_ready(1, 0);
	struct asked *a = asked_new(db);
	h2o_mem_pool_t *pool = &a->r.pool;
	uint8_t id[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255}, back[16];
	const char *list[] = {"", "NULL", "a b", "q\"uote", "back\\slash", "{br,ace}", "\xc3\xa4", "x,y"};
	const char **elements;
	h2o_iovec_t bytes;
	size_t count;
	struct db_param params[] = {
	    param_text("h\xc3\xa9llo"), param_bytes("\0\xff\1", 3), param_uuid(id),
	    param_int(pool, INT64_MIN), param_bool(true),           param_text_array(pool, list, 8)};

	(void)state;
	assert_int_equal(db_ask(&a->r, db, ECHO, params, 6), STEP_WAIT);
	assert_true(a->r.waiting);
	assert_int_equal(a->resumed, 0);
	UNTIL(is_over(a));
	assert_int_equal(rows_count(a->r.rows), 1);
	assert_string_equal(rows_text(a->r.rows, 0, "t"), "h\xc3\xa9llo");
	bytes = rows_bytes(pool, a->r.rows, 0, "b");
	assert_int_equal(bytes.len, 3);
	assert_memory_equal(bytes.base, "\0\xff\1", 3);
	assert_true(rows_uuid(a->r.rows, 0, "u", back));
	assert_memory_equal(back, id, 16);
	assert_true(rows_int(a->r.rows, 0, "i") == INT64_MIN);
	assert_true(rows_bool(a->r.rows, 0, "f"));
	elements = rows_text_array(pool, a->r.rows, 0, "a", &count);
	assert_int_equal(count, 8);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(elements[i], list[i]);
	asked_free(a);
	close_db(db);
}

static void null_is_null(void **state)
{
	struct db *db = open_ready(1, 0);
	struct asked *a = asked_new(db);
	struct db_param params[6] = {{0}};
	uint8_t id[16];
	size_t count = 7;

	(void)state;
	params[1] = param_bytes(NULL, 0);
	params[5] = param_text_array(&a->r.pool, NULL, 0);
	db_ask(&a->r, db, ECHO, params, 6);
	UNTIL(is_over(a));
	assert_true(rows_is_null(a->r.rows, 0, "t"));
	assert_null(rows_text(a->r.rows, 0, "t"));
	assert_null(rows_bytes(&a->r.pool, a->r.rows, 0, "b").base);
	assert_false(rows_uuid(a->r.rows, 0, "u", id));
	assert_true(rows_int(a->r.rows, 0, "i") == 0);
	assert_false(rows_bool(a->r.rows, 0, "f"));
	assert_non_null(rows_text_array(&a->r.pool, a->r.rows, 0, "a", &count));
	assert_int_equal(count, 0);
	assert_null(rows_text_array(&a->r.pool, a->r.rows, 0, "t", &count));
	/* Behind the last row everything is NULL. */
	assert_null(rows_text(a->r.rows, 1, "t"));
	assert_null(rows_text(NULL, 0, "t"));
	assert_int_equal(rows_count(NULL), 0);
	asked_free(a);
	close_db(db);
}

static PGresult *one_value(const char *value)
{
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc column = {.name = (char *)"a", .typid = 25, .typlen = -1, .atttypmod = -1};

	assert_true(PQsetResultAttrs(rows, 1, &column));
	assert_true(PQsetvalue(rows, 0, 0, (char *)value, (int)strlen(value)));
	return rows;
}

static void odd_arrays_are_refused(void **state)
{
	static const char *const odd[] = {"",     "{",       "{a",   "{\"a",     "{\"a\"",    "{\"a\\",  "a}",
	                                  "{a}}", "{{a,b}}", "{a}x", "{\"a\"b}", "[0:0]={a}", "{a\"b\"}"};
	h2o_mem_pool_t pool;
	size_t count;
	const char **elements;
	PGresult *rows;

	(void)state;
	h2o_mem_init_pool(&pool);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		rows = one_value(odd[i]);
		count = 9;
		assert_null(rows_text_array(&pool, rows, 0, "a", &count));
		assert_int_equal(count, 0);
		PQclear(rows);
	}
	rows = one_value("{NULL,\"NULL\",null,x\\,y}");
	elements = rows_text_array(&pool, rows, 0, "a", &count);
	assert_int_equal(count, 4);
	assert_null(elements[0]);
	assert_string_equal(elements[1], "NULL");
	assert_null(elements[2]);
	assert_string_equal(elements[3], "x,y");
	PQclear(rows);
	h2o_mem_clear_pool(&pool);
}

static void settings_are_defaults_that_conninfo_overrides(void **state)
{
	struct db *db = open_ready(1, 0);
	struct asked *a = ask_one(db, SETTINGS, NULL);
	struct db_options o = options(1, 0);
	char own[512];

	(void)state;
	UNTIL(is_over(a));
	assert_string_equal(rows_text(a->r.rows, 0, "timeout"), "5s");
	assert_string_equal(rows_text(a->r.rows, 0, "name"), "test");
	assert_string_equal(rows_text(a->r.rows, 0, "encoding"), "UTF8");
	asked_free(a);
	close_db(db);

	snprintf(own, sizeof(own), "%s options='-c statement_timeout=70' application_name=own client_encoding=latin1",
	         conninfo);
	o.conninfo = own;
	db = db_open(loop, &o);
	memset(own, 'x', sizeof(own)); /* was copied */
	UNTIL(db_ready(db));
	a = ask_one(db, SETTINGS, NULL);
	UNTIL(is_over(a));
	assert_string_equal(rows_text(a->r.rows, 0, "timeout"), "70ms");
	assert_string_equal(rows_text(a->r.rows, 0, "name"), "own");
	assert_string_equal(rows_text(a->r.rows, 0, "encoding"), "UTF8");
	asked_free(a);
	/* 57014: a later one may be in time; the connection lives on. */
	a = ask_one(db, NAP, "5");
	UNTIL(is_over(a));
	assert_int_equal(a->failed_status, 503);
	assert_non_null(strstr(logged, "sqlstate=57014"));
	assert_true(db_ready(db));
	asked_free(a);
	close_db(db);
}

static void many_questions_share_connections_up_to_the_limit(void **state)
{
	enum { CONNECTIONS = 2, IN_FLIGHT = 32, ALL = CONNECTIONS * IN_FLIGHT };
	struct db *db = open_ready(CONNECTIONS, IN_FLIGHT);
	struct asked *a[ALL], *late;
	char text[12];

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < ALL; i++) {
			snprintf(text, sizeof(text), "%d", i - 5);
			a[i] = ask_one(db, DIVIDE, text);
			assert_int_equal(a[i]->failed_status, 0);
		}
		assert_int_equal(db->connections[0].count, IN_FLIGHT);
		assert_int_equal(db->connections[1].count, IN_FLIGHT);
		late = ask_one(db, DIVIDE, "1");
		assert_int_equal(late->failed_status, 503);
		assert_false(late->r.waiting);
		asked_free(late);
		for (int i = 0; i < ALL; i++) {
			UNTIL(is_over(a[i]));
			/* One failed statement does not touch its neighbours. */
			assert_int_equal(a[i]->failed_status, i == 5 ? 500 : 0);
			if (i != 5)
				assert_int_equal(rows_int(a[i]->r.rows, 0, "i"), 1 / (i - 5));
			asked_free(a[i]);
		}
	}
	assert_non_null(strstr(logged, "sqlstate=22012"));
	assert_int_equal(usable(db), CONNECTIONS);
	close_db(db);
}

static void ask_again(struct asked *a)
{
	struct db_param param = param_text("4");

	if (a->resumed < 50)
		assert_int_equal(db_ask(&a->r, a->db, DIVIDE, &param, 1), STEP_WAIT);
}

static void a_step_may_ask_again_from_the_answer(void **state)
{
	struct db *db = open_ready(1, 3);
	struct asked *a[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		a[i] = ask_one(db, DIVIDE, "1");
		a[i]->then = ask_again;
	}
	for (int i = 0; i < 3; i++)
		UNTIL(a[i]->resumed == 50);
	for (int i = 0; i < 3; i++)
		asked_free(a[i]);
	close_db(db);
}

static void several_statements_are_one_transaction(void **state)
{
	struct db *db = open_ready(1, 0);
	struct db_param one[] = {param_text("1"), param_text("first")}, zero = param_text("0");
	struct db_question good[] = {{.statement = INSERT_NOTE, .params = one, .count = 2},
	                             {.statement = COUNT_NOTES, .params = NULL, .count = 0}};
	struct db_question bad[] = {{.statement = INSERT_NOTE, .params = one, .count = 2},
	                            {.statement = DIVIDE, .params = &zero, .count = 1},
	                            {.statement = COUNT_NOTES, .params = NULL, .count = 0}};
	struct asked *a = asked_new(db), *b = asked_new(db), *c = asked_new(db);

	(void)state;
	assert_int_equal(db_ask_all(&a->r, db, bad, 3, false), STEP_WAIT);
	assert_int_equal(db_ask_all(&b->r, db, bad, 3, true), STEP_WAIT);
	assert_int_equal(db_ask_all(&c->r, db, good, 2, false), STEP_WAIT);
	UNTIL(is_over(a) && is_over(b) && is_over(c));
	assert_int_equal(a->failed_status, 500);
	assert_null(a->r.rows);
	/* Tolerated: the first error is handed over. */
	assert_int_equal(b->resumed, 1);
	assert_int_equal(PQresultStatus(b->r.rows), PGRES_FATAL_ERROR);
	assert_string_equal(PQresultErrorField(b->r.rows, PG_DIAG_SQLSTATE), "22012");
	/* Neither left a row behind. */
	assert_int_equal(c->resumed, 1);
	assert_int_equal(rows_int(c->r.rows, 0, "i"), 1);
	asked_free(a);
	asked_free(b);
	asked_free(c);
	close_db(db);
}

static void values_do_not_reach_the_log(void **state)
{
	struct db *db = open_ready(1, 0);
	struct asked *a = ask_one(db, CAST, "hush-hush");

	(void)state;
	UNTIL(is_over(a));
	assert_int_equal(a->failed_status, 500);
	assert_non_null(strstr(logged, "sqlstate=22P02"));
	assert_non_null(strstr(logged, "request=request-of-the-test"));
	assert_null(strstr(logged, "hush"));
	asked_free(a);
	close_db(db);
}

struct answer {
	int calls, status;
};

static void on_answer(void *data, const PGresult *result)
{
	struct answer *answer = data;

	answer->calls++;
	answer->status = result != NULL ? (int)PQresultStatus(result) : -1;
}

static void background_questions_are_answered_once(void **state)
{
	struct db *db = open_ready(1, 1);
	struct answer good = {0}, bad = {0}, none = {0};
	struct db_param one = param_text("1"), zero = param_text("0");

	(void)state;
	assert_true(db_ask_background(db, DIVIDE, &one, 1, on_answer, &good));
	assert_false(db_ask_background(db, DIVIDE, &one, 1, on_answer, &none));
	assert_int_equal(good.calls, 0);
	UNTIL(good.calls);
	assert_int_equal(good.status, PGRES_TUPLES_OK);
	assert_true(db_ask_background(db, DIVIDE, &zero, 1, on_answer, &bad));
	UNTIL(bad.calls);
	assert_int_equal(bad.status, PGRES_FATAL_ERROR);
	bad.calls = 0;
	assert_true(db_ask_background(db, DIVIDE, &one, 1, on_answer, &bad));
	close_db(db);
	assert_int_equal(bad.calls, 1);
	assert_int_equal(bad.status, -1);
	assert_int_equal(good.calls, 1);
	assert_int_equal(none.calls, 0);
}

struct described {
	int calls, status, columns;
	char first[32];
};

static void on_described(void *data, const PGresult *result)
{
	struct described *d = data;

	d->calls++;
	d->status = (int)PQresultStatus(result);
	d->columns = PQnfields(result);
	if (d->columns > 0)
		snprintf(d->first, sizeof(d->first), "%s", PQfname(result, 0));
}

/* Each has a Sync of its own: what is wrong with one says nothing of the others. */
static void statements_are_described_and_not_run(void **state)
{
	struct db *db = open_ready(1, 8);
	struct described two = {0}, wrong = {0}, none = {0}, change = {0};
	struct answer after = {0};
	struct db_param one = param_text("1");

	(void)state;
	assert_true(db_describe_background(db, "select $1::int as a, 1/0 as b", on_described, &two));
	assert_true(db_describe_background(db, "select nowhere", on_described, &wrong));
	assert_true(db_describe_background(db, "create table described (a int)", on_described, &change));
	assert_true(db_describe_background(db, "select from described", on_described, &none));
	assert_true(db_ask_background(db, DIVIDE, &one, 1, on_answer, &after));
	UNTIL(after.calls);
	assert_int_equal(two.status, PGRES_COMMAND_OK);
	assert_int_equal(two.columns, 2);
	assert_string_equal(two.first, "a");
	assert_int_equal(wrong.status, PGRES_FATAL_ERROR);
	assert_int_equal(change.status, PGRES_COMMAND_OK);
	assert_int_equal(none.status, PGRES_FATAL_ERROR);
	assert_int_equal(after.status, PGRES_TUPLES_OK);
	assert_int_equal(two.calls + wrong.calls + change.calls + none.calls, 4);
	close_db(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_come_back_as_they_went),
	    cmocka_unit_test(statements_are_described_and_not_run),
	    cmocka_unit_test(null_is_null),
	    cmocka_unit_test(odd_arrays_are_refused),
	    cmocka_unit_test(settings_are_defaults_that_conninfo_overrides),
	    cmocka_unit_test(many_questions_share_connections_up_to_the_limit),
	    cmocka_unit_test(a_step_may_ask_again_from_the_answer),
	    cmocka_unit_test(several_statements_are_one_transaction),
	    cmocka_unit_test(values_do_not_reach_the_log),
	    cmocka_unit_test(background_questions_are_answered_once),
	};

	return cmocka_run_group_tests(tests, begin, end_cluster);
}
