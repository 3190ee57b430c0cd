/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for a connection, and who comes first. */
#include "tests/unit/db_asking.h"

static struct asked *nap_of(struct db *db, uint64_t share)
{
	struct asked *a = asked_new(db);
	struct db_param param = param_text("0.3");

	a->r.is_test = true; /* its client is there */
	a->r.share = share;
	assert_int_equal(db_ask(&a->r, db, NAP, &param, 1), STEP_WAIT);
	return a;
}

static void the_last_free_connection_is_for_who_has_none(void **state)
{
	struct db_options o = options(3, 1);
	struct asked *mine[4], *other, *third;

	(void)state;
	o.line = 10;
	o.shared = true;
	struct db *db = db_open(loop, &o);
	UNTIL(usable(db) == 3);
	for (size_t i = 0; i < 4; i++)
		mine[i] = nap_of(db, 1);
	assert_true(mine[0]->r.was_sent && mine[1]->r.was_sent);
	assert_false(mine[2]->r.was_sent || mine[3]->r.was_sent);
	other = nap_of(db, 2); /* overtakes those who wait for their own */
	assert_true(other->r.was_sent);
	third = nap_of(db, 3);
	assert_false(third->r.was_sent);
	UNTIL(is_over(mine[0]));
	assert_true(third->r.was_sent); /* the first place that is free, for she has none */
	UNTIL(is_over(mine[2]) && is_over(mine[3]) && is_over(third));
	assert_int_equal(db->line_places.taken, 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(mine[i]->failed_status, 0);
		asked_free(mine[i]);
	}
	asked_free(other);
	asked_free(third);
	close_db(db);
}

static void one_connection_is_for_everybody(void **state)
{
	struct db_options o = options(1, 1);

	(void)state;
	o.line = 10;
	o.shared = true;
	struct db *db = db_open(loop, &o);
	UNTIL(usable(db) == 1);
	struct asked *first = nap_of(db, 1), *second = nap_of(db, 1);
	UNTIL(is_over(first) && is_over(second));
	assert_int_equal(second->failed_status, 0);
	asked_free(first);
	asked_free(second);
	close_db(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_last_free_connection_is_for_who_has_none),
	    cmocka_unit_test(one_connection_is_for_everybody),
	};

	return cmocka_run_group_tests(tests, begin, end_cluster);
}
