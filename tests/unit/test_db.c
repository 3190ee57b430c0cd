/* SPDX-License-Identifier: Apache-2.0 */
/* Against a PostgreSQL 15 of its own: a cluster in a short temporary folder, reached by unix socket only. */
#include "common/db.c"
#include "common/db_bounded.c"
#include "common/db_cancel.c"
#include "common/db_connection.c"
#include "common/db_group.c"
#include "common/db_line.c"
#include "common/db_rows.c"
#include "common/db_send.c"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* the project's own */

/* --- doubles ------------------------------------------------------------------------------- */

const struct oauth_error SERVER_ERROR = {"server_error", 500};
const struct oauth_error TEMPORARILY_UNAVAILABLE = {"temporarily_unavailable", 503};

/* A request that only remembers what became of it. */
struct asked {
	struct request r;
	int resumed, failed_status;
	void (*then)(struct asked *);
	struct db *db;
};

static char logged[16384];

void log_event(enum log_level level, const char *message, ...)
{
	va_list pairs;
	const char *key;
	size_t len = strlen(logged);

	(void)level;
	if (len > sizeof(logged) / 2)
		len = 0;
	len += (size_t)snprintf(logged + len, sizeof(logged) - len, "%s", message);
	va_start(pairs, message);
	while ((key = va_arg(pairs, const char *)) != NULL) {
		const char *value = va_arg(pairs, const char *);

		if (value != NULL)
			len += (size_t)snprintf(logged + len, sizeof(logged) - len, " %s=%.200s", key, value);
	}
	va_end(pairs);
	snprintf(logged + len, sizeof(logged) - len, "\n");
}

void request_resume(struct request *r)
{
	struct asked *a = H2O_STRUCT_FROM_MEMBER(struct asked, r, r);

	assert_true(r->waiting);
	r->waiting = false;
	a->resumed++;
	if (a->then != NULL)
		a->then(a);
}

void request_resume_failed(struct request *r, const struct oauth_error *error, const char *text)
{
	struct asked *a = H2O_STRUCT_FROM_MEMBER(struct asked, r, r);

	assert_true(r->waiting);
	assert_non_null(text);
	r->waiting = false;
	assert_int_equal(a->failed_status, 0);
	a->failed_status = error->status;
}

step_result fail(struct request *r, const struct oauth_error *error, const char *text)
{
	struct asked *a = H2O_STRUCT_FROM_MEMBER(struct asked, r, r);

	assert_non_null(text);
	a->failed_status = error->status;
	return STEP_DONE;
}

/* --- the cluster --------------------------------------------------------------------------- */

static char folder[64], conninfo[256];
static h2o_loop_t *loop;
static unsigned descriptors;

static unsigned count_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

/* A shell command as an ordinary user where this is root (PostgreSQL refuses root); its words are the test's own. */
static void shell(const char *format, ...)
{
	char command[2048], line[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	snprintf(line, sizeof(line), "%s env PATH=\"$(pg_config --bindir):$PATH\" LC_ALL=C %s >>%s/out 2>&1",
	         getuid() == 0 ? "runuser -u postgres --" : "", command, folder);
	if (system(line) == 0)
		return;
	fprintf(stderr, "failed: %s\n", command);
	snprintf(line, sizeof(line), "tail -n 30 %s/out >&2", folder);
	if (system(line) != 0)
		fprintf(stderr, "no output\n");
	assert_true(false);
}

static void start_server(void)
{
	shell("pg_ctl -s -w -D %s/data -l %s/log -o \"-k %s -c listen_addresses='' -c max_connections=20"
	      " -c fsync=off\" start",
	      folder, folder, folder);
}

static void stop_server(void)
{
	shell("pg_ctl -s -w -m immediate -D %s/data stop", folder);
}

static void sql(const char *text)
{
	shell("psql -qX -v ON_ERROR_STOP=1 -h %s -d postgres -U tester -c \"%s\"", folder, text);
}

static int begin(void **state)
{
	char command[128];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	strcpy(folder, "/tmp/spdb-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof(command), "chown postgres %s", folder);
	if (getuid() == 0)
		assert_int_equal(system(command), 0);
	snprintf(conninfo, sizeof(conninfo), "host=%s dbname=postgres user=tester", folder);
	shell("initdb -D %s/data -N -U tester -A trust -E UTF8 --locale=C.UTF-8", folder);
	start_server();
	sql("create table notes (id int primary key, body text)");
	sql("create table wide (id int); insert into wide values (1)");
	loop = h2o_evloop_create();
	descriptors = count_descriptors();
	return 0;
}

static int end(void **state)
{
	char command[128];

	(void)state;
	stop_server();
	assert_int_equal(count_descriptors(), descriptors);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* --- asking -------------------------------------------------------------------------------- */

enum { ECHO, NAP, DIVIDE, INSERT_NOTE, COUNT_NOTES, SETTINGS, WIDE, BACKEND, CAST, MOMENT };

static const struct db_statement statements[] = {
    [ECHO] = {"echo", "select $1::text as t, $2::bytea as b, $3::uuid as u, $4::int8 as i, $5::bool as f, "
                      "$6::text[] as a"},
    [NAP] = {"nap", "select pg_sleep($1::float8), 'rested' as t"},
    [DIVIDE] = {"divide", "select 1 / $1::int as i"},
    [INSERT_NOTE] = {"insert_note", "insert into notes values ($1::int, $2)"},
    [COUNT_NOTES] = {"count_notes", "select count(*) as i from notes"},
    [SETTINGS] = {"settings", "select current_setting('statement_timeout') as timeout, "
                              "current_setting('application_name') as name, "
                              "current_setting('client_encoding') as encoding"},
    [WIDE] = {"wide", "select * from wide"},
    [BACKEND] = {"backend", "select pg_backend_pid() as i"},
    [CAST] = {"cast", "select $1::text::int as i"},
    [MOMENT] = {"moment", "select now()::text as t"}, /* of the transaction's begin */
};

static struct db_options options(unsigned connections, unsigned in_flight)
{
	return (struct db_options){
	    .name = "test",
	    .conninfo = conninfo,
	    .statements = statements,
	    .statement_count = sizeof(statements) / sizeof(statements[0]),
	    .connections = connections,
	    .in_flight = in_flight,
	};
}

static void give_up(const char *condition)
{
	print_error("waited in vain for %s; the log:\n%s", condition, logged);
	assert_true(false);
}

/* Runs the loop until the condition holds; gives up after 20 s. */
#define UNTIL(condition)                                                                                               \
	do {                                                                                                           \
		int64_t until_ = clock_monotonic_ms() + 20000;                                                         \
		while (!(condition)) {                                                                                 \
			if (clock_monotonic_ms() > until_)                                                             \
				give_up(#condition);                                                                   \
			h2o_evloop_run(loop, 10);                                                                      \
		}                                                                                                      \
	} while (0)

static size_t usable(const struct db *db)
{
	size_t count = 0;

	for (size_t i = 0; i < db->options.connections; i++)
		count += connection_usable(&db->connections[i]);
	return count;
}

static struct db *open_ready(unsigned connections, unsigned in_flight)
{
	struct db_options o = options(connections, in_flight);
	struct db *db;

	logged[0] = '\0';
	db = db_open(loop, &o);
	assert_false(db_ready(db));
	UNTIL(usable(db) == connections);
	assert_true(db_ready(db));
	return db;
}

/* Sockets of h2o are freed in the loop's next turn. */
static void close_db(struct db *db)
{
	db_close(db);
	h2o_evloop_run(loop, 0);
}

static struct asked *asked_new(struct db *db)
{
	struct asked *a = calloc(1, sizeof(*a));

	h2o_mem_init_pool(&a->r.pool);
	a->db = db;
	strcpy(a->r.id, "request-of-the-test");
	return a;
}

static void asked_free(struct asked *a)
{
	PQclear(a->r.rows);
	h2o_mem_clear_pool(&a->r.pool);
	free(a);
}

static bool is_over(const struct asked *a)
{
	return a->resumed > 0 || a->failed_status != 0;
}

static struct asked *ask_one(struct db *db, size_t statement, const char *text)
{
	struct asked *a = asked_new(db);
	struct db_param param = param_text(text);

	db_ask(&a->r, db, statement, &param, text != NULL);
	return a;
}

/* --- tests --------------------------------------------------------------------------------- */

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
	assert_int_equal(db->line_count, 3);
	UNTIL(is_over(asked[0]));
	UNTIL(is_over(asked[3]));
	assert_int_equal(asked[3]->failed_status, 503); /* a second went by behind the slow one */
	assert_false(asked[3]->r.was_sent);
	UNTIL(is_over(asked[1]));
	assert_int_equal(asked[1]->failed_status, 0);
	assert_true(asked[1]->r.was_sent);
	UNTIL(is_over(asked[2]));
	assert_false(asked[2]->r.was_sent);
	assert_int_equal(db->line_count, 0);
	for (size_t i = 0; i < 4; i++)
		asked_free(asked[i]);
	close_db(db);
}

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
	assert_int_equal(db->line_count, 0);
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

/* --- cancelling ---------------------------------------------------------------------------- */

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
	assert_int_equal(db->line_count, 2);
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
	    cmocka_unit_test(values_come_back_as_they_went),
	    cmocka_unit_test(null_is_null),
	    cmocka_unit_test(odd_arrays_are_refused),
	    cmocka_unit_test(settings_are_defaults_that_conninfo_overrides),
	    cmocka_unit_test(many_questions_share_connections_up_to_the_limit),
	    cmocka_unit_test(a_step_may_ask_again_from_the_answer),
	    cmocka_unit_test(several_statements_are_one_transaction),
	    cmocka_unit_test(values_do_not_reach_the_log),
	    cmocka_unit_test(background_questions_are_answered_once),
	    cmocka_unit_test(killed_backends_are_503_and_come_back),
	    cmocka_unit_test(a_stopped_server_is_503_at_once_until_it_is_back),
	    cmocka_unit_test(a_missing_function_delays_readiness),
	    cmocka_unit_test(early_statements_are_answered_first),
	    cmocka_unit_test(reads_of_one_turn_share_a_transaction),
	    cmocka_unit_test(reads_do_not_share_with_changes),
	    cmocka_unit_test(a_failure_among_reads_leaves_those_before_it),
	    cmocka_unit_test(reads_without_their_sync_end_with_the_connection),
	    cmocka_unit_test(a_missing_function_is_found_out_later),
	    cmocka_unit_test(a_stale_plan_is_renewed),
	    cmocka_unit_test(a_backend_that_says_nothing_is_given_up),
	    cmocka_unit_test(connecting_has_a_time_limit),
	    cmocka_unit_test(a_database_never_there_is_no_failure),
	    cmocka_unit_test(closing_fails_what_waits),
	    cmocka_unit_test(a_full_database_makes_wait_and_not_for_long),
	    cmocka_unit_test(the_last_free_connection_is_for_who_has_none),
	    cmocka_unit_test(one_connection_is_for_everybody),
	    cmocka_unit_test(a_cancelled_statement_ends),
	    cmocka_unit_test(a_cancellation_never_meets_the_next_statement),
	    cmocka_unit_test(a_waiting_question_is_cancelled),
	    cmocka_unit_test(a_statement_that_cannot_be_cancelled_is_given_up),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
