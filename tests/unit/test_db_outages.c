/* SPDX-License-Identifier: Apache-2.0 */
/* A database that is away, late, full or another one than was expected. */
#include "tests/unit/db_asking.h"

static void killed_backends_are_503_and_come_back(void **state)
{
	struct db *db = open_ready(2, 0);
	struct asked *a[4], *b;

	(void)state;
	for (int i = 0; i < 4; i++)
		a[i] = ask_one(db, NAP, "4");
	sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test'");
	for (int i = 0; i < 4; i++) {
		UNTIL(is_over(a[i]));
		assert_int_equal(a[i]->failed_status, 503);
		asked_free(a[i]);
	}
	UNTIL(usable(db) == 2);
	b = ask_one(db, DIVIDE, "1");
	UNTIL(is_over(b));
	assert_int_equal(b->resumed, 1);
	asked_free(b);
	/* Idle ones too, without a question to notice it. */
	logged[0] = '\0';
	sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test'");
	UNTIL(strstr(logged, "the database is ready") != NULL);
	close_db(db);
}

static void a_stopped_server_is_503_at_once_until_it_is_back(void **state)
{
	struct db *db = open_ready(2, 0);
	struct asked *a = ask_one(db, NAP, "4"), *b;

	(void)state;
	stop_server();
	UNTIL(is_over(a) && !db_ready(db));
	assert_int_equal(a->failed_status, 503);
	asked_free(a);
	b = ask_one(db, DIVIDE, "1");
	assert_int_equal(b->failed_status, 503);
	asked_free(b);
	UNTIL(strstr(logged, "cannot be reached") != NULL);
	start_server();
	UNTIL(usable(db) == 2);
	b = ask_one(db, DIVIDE, "1");
	UNTIL(is_over(b));
	assert_int_equal(b->resumed, 1);
	asked_free(b);
	close_db(db);
}

static void a_missing_function_delays_readiness(void **state)
{
	static const struct db_statement later[] = {
	    {"fine", "select 1"}, {"late", "select come_late()"}, {"end", "select 2"}};
	struct db_options o = options(1, 0);
	struct db *db;
	struct asked *a;

	(void)state;
	o.statements = later;
	o.statement_count = 3;
	logged[0] = '\0';
	db = db_open(loop, &o);
	UNTIL(strstr(logged, "cannot be prepared") != NULL);
	assert_non_null(strstr(logged, "statement=late"));
	assert_non_null(strstr(logged, "sqlstate=42883"));
	assert_false(db_ready(db));
	a = ask_one(db, 0, NULL);
	assert_int_equal(a->failed_status, 503);
	asked_free(a);
	sql("create function come_late() returns int language sql as 'select 7'");
	UNTIL(db_ready(db));
	a = ask_one(db, 1, NULL);
	UNTIL(is_over(a));
	assert_int_equal(rows_int(a->r.rows, 0, "come_late"), 7);
	asked_free(a);
	close_db(db);
}

/* The first statement alone is prepared before the first connection is used, the others when one of them is asked, or
 * else a moment later. */
static void early_statements_are_answered_first(void **state)
{
	struct db_options o = options(2, 2);
	struct db *db;
	struct asked *a, *b;

	(void)state;
	o.early = 1;
	db = db_open(loop, &o);
	UNTIL(db_ready(db));
	assert_int_equal(db->connections[0].sent, 1);
	a = ask_one(db, 0, "1");
	b = ask_one(db, DIVIDE, "1"); /* both places are taken, and what is prepared takes one more */
	assert_int_equal(db->connections[0].sent, o.statement_count);
	assert_int_equal(db->connections[0].count, 3);
	UNTIL(is_over(a) && is_over(b));
	assert_int_equal(b->resumed, 1);
	asked_free(a);
	asked_free(b);
	UNTIL(usable(db) == 2);
	assert_int_equal(db->connections[1].sent, o.statement_count);
	close_db(db);

	db = db_open(loop, &o);
	UNTIL(db->connections[0].sent == o.statement_count);
	UNTIL(db->connections[0].count == 0 && usable(db) == 2);
	close_db(db);
}

/* Each connection prepares what it is asked, when it is asked; a statement that is wrong fails its own questions. */
static void statements_are_prepared_on_demand(void **state)
{
	static const struct db_statement all[] = {
	    {"bounds", "select 1"}, {"wrong", "select not_there()"}, {"fine", "select $1::text as value"}};
	struct db_options o = options(1, 1);
	struct db *db;

	(void)state;
	o.statements = all;
	o.statement_count = 3;
	o.early = 1;
	o.on_demand = true;
	db = db_open(loop, &o);
	UNTIL(db_ready(db));
	const struct connection *c = &db->connections[0];
	assert_int_equal(c->sent, 1);
	for (unsigned turn = 0; turn < 3; turn++) { /* the wrong one is tried anew */
		struct asked *a = ask_one(db, 1, NULL);
		UNTIL(is_over(a));
		assert_int_equal(a->failed_status, 500);
		asked_free(a);
		a = ask_one(db, 2, "x");
		UNTIL(is_over(a));
		assert_int_equal(a->resumed, 1);
		assert_int_equal(c->pending_count, turn == 0 ? 1 : 0);
		assert_int_equal(*c->known, 1 << 2);
		asked_free(a);
	}
	assert_true(connection_usable(c));
	assert_int_equal(c->sent, 1);
	close_db(db);
}

static void a_missing_function_is_found_out_later(void **state)
{
	static const struct db_statement later[] = {
	    {"fine", "select 1"}, {"late", "select come_later()"}, {"end", "select 2"}};
	struct db_options o = options(1, 0);
	struct db *db;
	struct asked *a;

	(void)state;
	o.statements = later;
	o.statement_count = 3;
	o.early = 1;
	logged[0] = '\0';
	db = db_open(loop, &o);
	UNTIL(db_ready(db));
	a = ask_one(db, 2, NULL); /* behind the one that cannot be prepared */
	UNTIL(is_over(a));
	assert_int_equal(a->failed_status, 503);
	asked_free(a);
	UNTIL(strstr(logged, "statement=late") != NULL);
	assert_false(db_ready(db));
	sql("create function come_later() returns int language sql as 'select 7'");
	UNTIL(db_ready(db));
	assert_int_equal(db->connections[0].sent, 3);
	close_db(db);
}

static void a_stale_plan_is_renewed(void **state)
{
	struct db *db = open_ready(1, 0);
	struct asked *a = ask_one(db, WIDE, NULL);

	(void)state;
	UNTIL(is_over(a));
	assert_int_equal(a->resumed, 1);
	asked_free(a);
	sql("alter table wide add column extra int default 3");
	a = ask_one(db, WIDE, NULL);
	UNTIL(is_over(a));
	assert_int_equal(a->failed_status, 503);
	asked_free(a);
	UNTIL(db_ready(db));
	a = ask_one(db, WIDE, NULL);
	UNTIL(is_over(a));
	assert_int_equal(a->resumed, 1);
	assert_int_equal(rows_int(a->r.rows, 0, "extra"), 3);
	asked_free(a);
	close_db(db);
}

static void a_backend_that_says_nothing_is_given_up(void **state)
{
	struct db *db = open_ready(2, 0);
	struct asked *who = ask_one(db, BACKEND, NULL), *a, *b;
	pid_t backend;

	(void)state;
	UNTIL(is_over(who));
	backend = (pid_t)rows_int(who->r.rows, 0, "i");
	asked_free(who);
	db->stuck_seconds = 2;
	if (kill(backend, SIGSTOP) != 0)
		shell("kill -STOP %d", (int)backend);
	a = ask_one(db, DIVIDE, "1");
	b = ask_one(db, DIVIDE, "1");
	UNTIL(is_over(a) && is_over(b));
	assert_int_equal(a->failed_status + b->failed_status, 503);
	assert_non_null(strstr(logged, "answers no more"));
	shell("kill -CONT %d", (int)backend);
	asked_free(a);
	asked_free(b);
	UNTIL(usable(db) == 2);
	close_db(db);
}

/* A server that accepts (the kernel does) and never says a word. */
static void connecting_has_a_time_limit(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct db_options o = options(1, 0);
	struct db *db;
	char mute[128];

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	snprintf(mute, sizeof(mute), "hostaddr=127.0.0.1 port=%d dbname=x user=x", ntohs(address.sin_port));
	o.conninfo = mute;
	logged[0] = '\0';
	db = db_open(loop, &o);
	db->connect_timeout_ms = 100;
	for (int i = 0; i < 2; i++) {
		int accepted;

		while ((accepted = accept(listener, NULL, NULL)) == -1)
			h2o_evloop_run(loop, 10);
		UNTIL(db->connections[0].state == CONNECTION_CLOSED);
		close(accepted);
		UNTIL(db->connections[0].state == CONNECTION_CONNECTING);
	}
	assert_non_null(strstr(logged, "timed out"));
	assert_false(db_ready(db));
	close_db(db);
	close(listener);
}

static void a_database_never_there_is_no_failure(void **state)
{
	struct db_options o = options(2, 0);
	struct db *db;

	(void)state;
	o.conninfo = "host=/nonexistent dbname=x user=x";
	logged[0] = '\0';
	db = db_open(loop, &o);
	assert_false(db_ready(db));
	UNTIL(db->connections[1].backoff_ms >= 400);
	/* Told once, not at every attempt. */
	assert_non_null(strstr(logged, "cannot be reached"));
	assert_null(strstr(strstr(logged, "cannot be reached") + 1, "cannot be reached"));
	close_db(db);
	o.conninfo = "no conninfo at all";
	db = db_open(loop, &o);
	assert_false(db_ready(db));
	close_db(db);
}

static void closing_fails_what_waits(void **state)
{
	struct db *db = open_ready(1, 0);
	struct asked *a = ask_one(db, NAP, "4");

	(void)state;
	h2o_evloop_run(loop, 10);
	close_db(db);
	assert_int_equal(a->failed_status, 503);
	asked_free(a);
}

static void a_full_database_makes_wait_and_not_for_long(void **state)
{
	struct db_options o = options(1, 1);
	struct asked *asked[4];
	struct db *db;

	(void)state;
	o.line = 3;
	db = db_open(loop, &o);
	UNTIL(usable(db) == 1);
	for (size_t i = 0; i < 4; i++) {
		struct db_param param = param_text(i == 1 ? "2" : "0.05");

		asked[i] = asked_new(db);
		asked[i]->r.is_test = i != 2; /* the third one's client has left */
		assert_int_equal(db_ask(&asked[i]->r, db, NAP, &param, 1), STEP_WAIT);
		assert_int_equal(asked[i]->r.was_sent, i == 0);
	}
	assert_int_equal(db->line_places.taken, 3);
	UNTIL(is_over(asked[0]));
	UNTIL(is_over(asked[3]));
	assert_int_equal(asked[3]->failed_status, 503); /* a second went by behind the slow one */
	assert_false(asked[3]->r.was_sent);
	UNTIL(is_over(asked[1]));
	assert_int_equal(asked[1]->failed_status, 0);
	assert_true(asked[1]->r.was_sent);
	UNTIL(is_over(asked[2]));
	assert_false(asked[2]->r.was_sent);
	assert_int_equal(db->line_places.taken, 0);
	for (size_t i = 0; i < 4; i++)
		asked_free(asked[i]);
	close_db(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(killed_backends_are_503_and_come_back),
	    cmocka_unit_test(a_stopped_server_is_503_at_once_until_it_is_back),
	    cmocka_unit_test(a_missing_function_delays_readiness),
	    cmocka_unit_test(early_statements_are_answered_first),
	    cmocka_unit_test(statements_are_prepared_on_demand),
	    cmocka_unit_test(a_missing_function_is_found_out_later),
	    cmocka_unit_test(a_stale_plan_is_renewed),
	    cmocka_unit_test(a_backend_that_says_nothing_is_given_up),
	    cmocka_unit_test(connecting_has_a_time_limit),
	    cmocka_unit_test(a_database_never_there_is_no_failure),
	    cmocka_unit_test(closing_fails_what_waits),
	    cmocka_unit_test(a_full_database_makes_wait_and_not_for_long),
	};

	return cmocka_run_group_tests(tests, begin, end_cluster);
}
