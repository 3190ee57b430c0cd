/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that only read share a transaction. */
#include "tests/unit/db_asking.h"

static bool reads(size_t statement)
{
	return statement == CAST || statement == DIVIDE || statement == MOMENT;
}

static struct db *open_reading(unsigned connections, unsigned in_flight)
{
	struct db_options o = options(connections, in_flight);
	struct db *db;

	o.reads = reads;
	db = db_open(loop, &o);
	UNTIL(usable(db) == connections);
	return db;
}

/* Questions of one turn that only read are in one transaction, and each gets its own answer. */
static void reads_of_one_turn_share_a_transaction(void **state)
{
	enum { MANY = 21 };
	struct db *db = open_reading(2, 0);
	struct asked *first = ask_one(db, MOMENT, NULL), *second = ask_one(db, MOMENT, NULL), *later, *many[MANY];
	char number[12];

	(void)state;
	assert_int_equal(db->connections[0].grouped, 2);
	UNTIL(is_over(first) && is_over(second));
	later = ask_one(db, MOMENT, NULL);
	UNTIL(is_over(later));
	assert_string_equal(rows_text(first->r.rows, 0, "t"), rows_text(second->r.rows, 0, "t"));
	assert_string_not_equal(rows_text(first->r.rows, 0, "t"), rows_text(later->r.rows, 0, "t"));
	for (int i = 0; i < MANY; i++) {
		snprintf(number, sizeof(number), "%d", i);
		many[i] = ask_one(db, CAST, number);
	}
	assert_int_equal(db->connections[0].count + db->connections[1].count, MANY);
	assert_true(db->connections[1].count > 0); /* more than a group: shared out */
	for (int i = 0; i < MANY; i++) {
		UNTIL(is_over(many[i]));
		assert_int_equal(many[i]->resumed, 1);
		assert_int_equal(rows_int(many[i]->r.rows, 0, "i"), i);
		asked_free(many[i]);
	}
	asked_free(first);
	asked_free(second);
	asked_free(later);
	close_db(db);
}

/* What does not only read has its own transaction, with what was asked before it behind another Sync. */
static void reads_do_not_share_with_changes(void **state)
{
	struct db *db = open_reading(1, 0);
	struct asked *read = ask_one(db, CAST, "4"), *change = asked_new(db), *wrong, *after;
	struct db_param note[] = {param_text("77"), param_text("kept")};

	(void)state;
	db_ask(&change->r, db, INSERT_NOTE, note, 2);
	assert_int_equal(db->connections[0].grouped, 0);
	wrong = ask_one(db, CAST, "x");
	after = ask_one(db, BACKEND, NULL);
	UNTIL(is_over(read) && is_over(change) && is_over(wrong) && is_over(after));
	assert_int_equal(rows_int(read->r.rows, 0, "i"), 4);
	assert_int_equal(change->resumed, 1);
	assert_int_equal(wrong->failed_status, 500);
	assert_int_equal(after->resumed, 1);
	asked_free(read);
	asked_free(change);
	asked_free(wrong);
	asked_free(after);
	sql("delete from notes where id = 77 and body = 'kept' returning 1 / (select count(*) from notes)");
	close_db(db);
}

static void a_failure_among_reads_leaves_those_before_it(void **state)
{
	struct db *db = open_reading(1, 0);
	struct asked *good = ask_one(db, DIVIDE, "1"), *bad = ask_one(db, DIVIDE, "0"),
		     *behind = ask_one(db, DIVIDE, "1"), *later;

	(void)state;
	UNTIL(is_over(good) && is_over(bad) && is_over(behind));
	assert_int_equal(good->resumed, 1);
	assert_int_equal(rows_int(good->r.rows, 0, "i"), 1);
	assert_int_equal(bad->failed_status, 500);
	assert_int_equal(behind->failed_status, 503);
	later = ask_one(db, DIVIDE, "1");
	UNTIL(is_over(later));
	assert_int_equal(later->resumed, 1);
	asked_free(good);
	asked_free(bad);
	asked_free(behind);
	asked_free(later);
	close_db(db);
}

static void reads_without_their_sync_end_with_the_connection(void **state)
{
	struct db *db = open_reading(1, 0);
	struct asked *one = ask_one(db, CAST, "1"), *other = ask_one(db, CAST, "2");

	(void)state;
	assert_int_equal(db->connections[0].grouped, 2);
	connection_lose(&db->connections[0], "the test wants it");
	assert_int_equal(one->failed_status, 503);
	assert_int_equal(other->failed_status, 503);
	asked_free(one);
	asked_free(other);
	UNTIL(db_ready(db));
	one = ask_one(db, CAST, "3");
	UNTIL(is_over(one));
	assert_int_equal(rows_int(one->r.rows, 0, "i"), 3);
	asked_free(one);
	close_db(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_of_one_turn_share_a_transaction),
	    cmocka_unit_test(reads_do_not_share_with_changes),
	    cmocka_unit_test(a_failure_among_reads_leaves_those_before_it),
	    cmocka_unit_test(reads_without_their_sync_end_with_the_connection),
	};

	return cmocka_run_group_tests(tests, begin, end_cluster);
}
