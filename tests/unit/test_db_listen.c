/* SPDX-License-Identifier: Apache-2.0 */
/* Against a PostgreSQL of its own: a cluster in a short temporary folder, reached by unix socket only. */
#include "common/db_listen.c"

#include "tests/unit/db_cluster.h"

void log_event(enum log_level level, const char *message, ...)
{
	(void)level;
	strncat(logged, message, sizeof(logged) - strlen(logged) - 2);
	strcat(logged, "\n");
}

/* ---- listening ---- */

static struct heard {
	char notices[1024]; /* each with a blank behind it */
	char last[64];
	int lost, back;
} heard;

static void on_notice(void *data, const char *payload)
{
	struct heard *h = data;

	snprintf(h->last, sizeof(h->last), "%s", payload);
	if (strlen(h->notices) + strlen(payload) + 2 < sizeof(h->notices))
		strcat(strcat(h->notices, payload), " ");
}

static void on_change(void *data, bool live)
{
	struct heard *h = data;

	*(live ? &h->back : &h->lost) += 1;
}

static struct db_listen *open_with(const char *own_conninfo, const char *channel)
{
	struct db_listen_options options = {
	    .name = "test",
	    .conninfo = own_conninfo,
	    .channel = channel,
	    .on_notice = on_notice,
	    .on_change = on_change,
	    .data = &heard,
	};

	heard = (struct heard){0};
	logged[0] = '\0';
	return db_listen_open(loop, &options);
}

static struct db_listen *open_live(void)
{
	struct db_listen *l = open_with(conninfo, "News");

	assert_false(db_listen_live(l));
	UNTIL(db_listen_live(l));
	assert_int_equal(heard.back, 1);
	assert_string_equal(logged, "");
	return l;
}

/* Sockets of h2o are freed in the loop's next turn. */
static void close_listen(struct db_listen *l)
{
	struct heard before = heard;

	db_listen_close(l);
	h2o_evloop_run(loop, 0);
	assert_memory_equal(&before, &heard, sizeof(heard));
}

static void notices_come_in_the_order_of_the_commits(void **state)
{
	struct db_listen *l = open_live();

	(void)state;
	sql("begin; notify \\\"News\\\", 'one'; notify \\\"News\\\", 'two'; commit");
	sql("begin; notify \\\"News\\\", 'never'; rollback");
	sql("notify news, 'of another channel'");
	sql("notify \\\"News\\\", 'three'");
	UNTIL(strstr(heard.notices, "three") != NULL);
	assert_string_equal(heard.notices, "one two three ");
	close_listen(l);
}

static void a_lost_connection_comes_back_and_says_so(void **state)
{
	struct db_listen *l = open_live();

	(void)state;
	sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test'");
	UNTIL(heard.lost == 1);
	assert_false(db_listen_live(l));
	UNTIL(heard.back == 2);
	assert_string_equal(logged, "the database tells no news\nthe database tells news again\n");
	sql("notify \\\"News\\\", 'again'");
	UNTIL(strcmp(heard.notices, "again ") == 0);
	close_listen(l);
}

static void an_outage_is_told_once(void **state)
{
	struct db_listen *l;
	int64_t until;

	(void)state;
	stop_server();
	l = open_with(conninfo, "News");
	for (until = clock_monotonic_ms() + 400; clock_monotonic_ms() < until;)
		h2o_evloop_run(loop, 10);
	assert_string_equal(logged, "the database tells no news\n");
	assert_int_equal(heard.lost, 0); /* it never was there */
	start_server();
	UNTIL(heard.back == 1);
	close_listen(l);
}

/* A stopped process keeps its connection open and answers nothing, as a machine that has lost its power. */
static void a_peer_that_is_gone_without_a_word_is_found_out(void **state)
{
	struct db_listen *l = open_live();
	pid_t backend = PQbackendPID(l->pg);

	(void)state;
	l->silence_ms = l->answer_ms = 100;
	assert_int_equal(kill(backend, SIGSTOP), 0);
	UNTIL(heard.lost == 1);
	assert_int_equal(kill(backend, SIGCONT), 0);
	UNTIL(heard.back == 2);
	close_listen(l);
}

static void a_quiet_connection_stays(void **state)
{
	struct db_listen *l = open_live();
	int64_t asked;

	(void)state;
	l->silence_ms = 0;
	for (int i = 0; i < 2; i++) { /* asked, and answered */
		UNTIL(l->asked_ms != 0);
		asked = l->asked_ms;
		UNTIL(l->asked_ms == 0);
		assert_true(l->heard_ms >= asked);
	}
	assert_int_equal(heard.lost, 0);
	close_listen(l);
}

/* The process was stopped, and PostgreSQL told more meanwhile than one read of the socket takes. */
static void attack_who_wakes_up_has_not_heard_yet(void **state)
{
	struct db_listen *l = open_live();
	int64_t until;

	(void)state;
	sql("select count(pg_notify('News', repeat('x', 40) || n)) from generate_series(1, 5000) as n");
	sql("notify \\\"News\\\", 'revoked'");
	for (until = clock_monotonic_ms() + LATE_MS + 10; clock_monotonic_ms() < until;)
		;
	assert_false(db_listen_live(l)); /* before the loop has turned once */
	while (!db_listen_live(l)) {
		h2o_evloop_run(loop, 10);
		assert_int_equal(heard.lost, 0);
	}
	assert_string_equal(heard.last, "revoked");
	close_listen(l);
}

static void who_may_not_connect_waits(void **state)
{
	char refused[300];
	struct db_listen *l;

	(void)state;
	snprintf(refused, sizeof(refused), "%s dbname=absent", conninfo);
	l = open_with(refused, "News");
	UNTIL(l->backoff_ms == BACKOFF_MOST_MS);
	assert_string_equal(logged, "the database tells no news\n");
	close_listen(l);
	l = open_with("host=/nonexistent port=x", "News");
	UNTIL(logged[0] != '\0');
	close_listen(l);
}

static void closing_while_it_connects(void **state)
{
	(void)state;
	for (int turns = 0; turns < 5; turns++) {
		struct db_listen *l = open_with(conninfo, "News");

		for (int i = 0; i < turns; i++)
			h2o_evloop_run(loop, 1);
		close_listen(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(notices_come_in_the_order_of_the_commits),
	    cmocka_unit_test(a_lost_connection_comes_back_and_says_so),
	    cmocka_unit_test(an_outage_is_told_once),
	    cmocka_unit_test(a_peer_that_is_gone_without_a_word_is_found_out),
	    cmocka_unit_test(a_quiet_connection_stays),
	    cmocka_unit_test(attack_who_wakes_up_has_not_heard_yet),
	    cmocka_unit_test(who_may_not_connect_waits),
	    cmocka_unit_test(closing_while_it_connects),
	};

	return cmocka_run_group_tests(tests, begin_cluster, end_cluster);
}
