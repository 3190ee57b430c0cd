/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that change something share a transaction, and nobody pays for another's failure. */
#include "tests/unit/db_asking.h"

enum { NOTHING, BOUNDS, WHEN, NOTE, HOLD, CHANGE };

static const struct db_statement own_statements[] = {
    [NOTHING] = {"nothing", "select"},
    [BOUNDS] = {"bounds", "select set_config('lock_timeout', '100ms', true)"},
    [WHEN] = {"when", "select now()::text as t, clock_timestamp()::text as c, $1::text as text"},
    [NOTE] = {"note", "insert into notes values ($1::text::int, '')"},
    [HOLD] = {"hold", "with held as (update notes set body = 'held' where id = $1::text::int returning id) "
                      "select pg_sleep(1) from held"},
    [CHANGE] = {"change", "update notes set body = 'changed' where id = $1::text::int"},
};

static struct db *open_together(unsigned connections)
{
	struct db_options o = options(connections, 0);
	struct db *db;

	o.statements = own_statements;
	o.statement_count = sizeof(own_statements) / sizeof(own_statements[0]);
	o.together = BOUNDS;
	db = db_open(loop, &o);
	UNTIL(usable(db) == connections);
	return db;
}

static struct asked *ask_together(struct db *db, size_t statement, const char *text)
{
	struct asked *a = asked_new(db);
	struct db_param param = param_text(text);
	uint8_t order[DB_ORDER_SIZE] = {0};

	a->r.is_test = true; /* its client is there */
	memcpy(order, text, strlen(text));
	assert_int_equal(db_ask_together(&a->r, db, statement, &param, 1, order), STEP_WAIT);
	return a;
}

static const char *moment(const struct asked *a, const char *column)
{
	assert_int_equal(a->resumed, 1);
	return rows_text(a->r.rows, 0, column);
}

static void those_of_one_turn_share_a_transaction_in_their_order(void **state)
{
	struct db *db = open_together(2);
	struct asked *last = ask_together(db, WHEN, "b"), *first = ask_together(db, WHEN, "a"), *next;

	(void)state;
	assert_int_equal(db->together_under_way, 0);
	UNTIL(db->together_under_way == 1);
	next = ask_together(db, WHEN, "c");
	UNTIL(is_over(first) && is_over(last) && is_over(next));
	assert_string_equal(moment(first, "t"), moment(last, "t"));
	assert_true(strcmp(moment(first, "c"), moment(last, "c")) < 0);
	assert_string_not_equal(moment(first, "t"), moment(next, "t"));
	assert_string_equal(moment(next, "text"), "c");
	assert_int_equal(db->together_under_way, 0);
	asked_free(first);
	asked_free(last);
	asked_free(next);
	close_db(db);
}

static void more_than_one_transaction_takes_are_all_answered(void **state)
{
	enum { MANY = 100 };
	struct db *db = open_together(1);
	struct asked *many[MANY];
	char text[8];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%d", i);
		many[i] = ask_together(db, WHEN, text);
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%d", i);
		UNTIL(is_over(many[i]));
		assert_string_equal(moment(many[i], "text"), text);
		asked_free(many[i]);
	}
	close_db(db);
}

static void one_that_fails_fails_alone(void **state)
{
	struct db *db = open_together(1);
	struct asked *good = ask_together(db, NOTE, "1"), *twice = ask_together(db, NOTE, "1"),
		     *wrong = ask_together(db, NOTE, "x"), *other = ask_together(db, NOTE, "2"), *later;

	(void)state;
	UNTIL(is_over(good) && is_over(twice) && is_over(wrong) && is_over(other));
	assert_int_equal(good->resumed + twice->resumed, 1); /* whoever was the first */
	assert_int_equal(good->failed_status + twice->failed_status, 500);
	assert_int_equal(wrong->failed_status, 500);
	assert_int_equal(other->resumed, 1);
	sql("select 1 / (count(*) - 1) from notes where id in (1, 2)"); /* both are there */
	sql("select 1 / (case count(*) when 2 then 1 else 0 end) from notes where id in (1, 2)");
	later = ask_together(db, NOTE, "3");
	UNTIL(is_over(later));
	assert_int_equal(later->resumed, 1);
	asked_free(good);
	asked_free(twice);
	asked_free(wrong);
	asked_free(other);
	asked_free(later);
	close_db(db);
}

/* Who waits for a lock keeps nobody waiting with him. */
static void one_that_waits_for_a_lock_waits_alone(void **state)
{
	struct db *db = open_together(3);
	struct asked *holder = ask_one(db, HOLD, "1"), *locked, *free_one;

	(void)state;
	for (int i = 0; i < 10; i++)
		h2o_evloop_run(loop, 5);
	locked = ask_together(db, CHANGE, "1");
	free_one = ask_together(db, CHANGE, "2");
	UNTIL(is_over(free_one));
	assert_int_equal(free_one->resumed, 1);
	assert_false(is_over(holder));
	assert_false(is_over(locked));
	UNTIL(is_over(holder) && is_over(locked));
	assert_int_equal(holder->resumed, 1);
	assert_int_equal(locked->resumed, 1);
	sql("select 1 / count(*) from notes where id = 1 and body = 'changed'");
	asked_free(holder);
	asked_free(locked);
	asked_free(free_one);
	close_db(db);
}

static void a_lost_connection_fails_what_is_under_way_only(void **state)
{
	struct db *db = open_together(1);
	struct asked *lost = ask_together(db, WHEN, "a"), *waits;

	(void)state;
	UNTIL(db->together_under_way == 1);
	waits = ask_together(db, WHEN, "b");
	connection_lose(&db->connections[0], "the test wants it");
	assert_int_equal(lost->failed_status, 503);
	assert_int_equal(db->together_under_way, 0);
	UNTIL(is_over(waits));
	assert_int_equal(waits->resumed, 1);
	asked_free(lost);
	asked_free(waits);
	close_db(db);
}

static void who_has_left_is_not_asked_for(void **state)
{
	struct db *db = open_together(1);
	struct asked *left = ask_together(db, NOTE, "9"), *stays = ask_together(db, WHEN, "a");

	(void)state;
	left->r.is_test = false;
	UNTIL(is_over(left) && is_over(stays));
	assert_null(left->r.rows);
	assert_int_equal(stays->resumed, 1);
	sql("select 1 / (1 - count(*)) from notes where id = 9");
	asked_free(left);
	asked_free(stays);
	close_db(db);
}

static void an_end_fails_those_that_wait(void **state)
{
	struct db *db = open_together(1);
	struct asked *waits = ask_together(db, WHEN, "a");

	(void)state;
	close_db(db);
	assert_int_equal(waits->failed_status, 503);
	asked_free(waits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(those_of_one_turn_share_a_transaction_in_their_order),
	    cmocka_unit_test(more_than_one_transaction_takes_are_all_answered),
	    cmocka_unit_test(one_that_fails_fails_alone),
	    cmocka_unit_test(one_that_waits_for_a_lock_waits_alone),
	    cmocka_unit_test(a_lost_connection_fails_what_is_under_way_only),
	    cmocka_unit_test(who_has_left_is_not_asked_for),
	    cmocka_unit_test(an_end_fails_those_that_wait),
	};

	return cmocka_run_group_tests(tests, begin, end_cluster);
}
