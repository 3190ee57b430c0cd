/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/notices.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A listener that says what the test says. */
struct db_listen {
	struct db_listen_options options;
	bool live, closed;
};
static struct db_listen listener;
static h2o_context_t context;

h2o_context_t *server_context(struct server *server)
{
	(void)server;
	return &context;
}

struct db_listen *db_listen_open(h2o_loop_t *loop, const struct db_listen_options *options)
{
	(void)loop;
	listener = (struct db_listen){.options = *options};
	return &listener;
}

void db_listen_close(struct db_listen *l)
{
	l->closed = true;
}

bool db_listen_live(const struct db_listen *l)
{
	return l->live;
}

static void connect_it(bool live)
{
	listener.live = live;
	listener.options.on_change(listener.options.data, live);
}

static char told[256];

static void remember(void *data, const char *kind, const char *id)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof(told) - len, "%s<%s|%s>", (const char *)data, kind != NULL ? kind : "?", id);
}

static void notices_are_told_to_all(void **state)
{
	struct authz authz = {0};
	struct notices *notices = notices_open(&authz, "dbname=x");
	uint64_t count;

	(void)state;
	told[0] = '\0';
	notices_subscribe(notices, remember, "a");
	notices_subscribe(notices, remember, "b");
	assert_false(notices_live(notices));
	connect_it(true);
	assert_true(notices_live(notices));
	assert_string_equal(told, "a<?|>b<?|>");
	count = notices_count(notices);

	told[0] = '\0';
	listener.options.on_notice(listener.options.data, "client https://a.example/x y");
	assert_string_equal(told, "a<client|https://a.example/x y>b<client|https://a.example/x y>");
	assert_int_equal(notices_count(notices), count + 1);

	told[0] = '\0';
	listener.options.on_notice(listener.options.data, "keys");
	assert_string_equal(told, "a<keys|>b<keys|>");
	told[0] = '\0';
	listener.options.on_notice(listener.options.data, "a-kind-of-another-program x");
	listener.options.on_notice(listener.options.data, "");
	assert_string_equal(told, "a<?|>b<?|>a<|>b<|>");

	connect_it(false);
	assert_false(notices_live(notices));
	assert_int_equal(notices_count(notices), count + 5);
	notices_close(notices);
	assert_true(listener.closed);
}

static void without_notices_nothing_is_sure(void **state)
{
	(void)state;
	notices_subscribe(NULL, remember, "a");
	assert_false(notices_live(NULL));
	assert_int_equal(notices_count(NULL), 0);
	notices_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(notices_are_told_to_all),
	    cmocka_unit_test(without_notices_nothing_is_sure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
