/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that ask a database (db_cluster.h), and only remember what became of them. */
#ifndef TESTS_UNIT_DB_ASKING_H
#define TESTS_UNIT_DB_ASKING_H

#include "common/db.c"
#include "common/db_bounded.c"
#include "common/db_cancel.c"
#include "common/db_connection.c"
#include "common/db_group.c"
#include "common/db_line.c"
#include "common/db_rows.c"
#include "common/db_send.c"
#include "common/db_together.c"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include "tests/unit/db_cluster.h"
#undef fail /* the project's own */

const struct oauth_error SERVER_ERROR = {"server_error", 500};
const struct oauth_error TEMPORARILY_UNAVAILABLE = {"temporarily_unavailable", 503};

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

/* A request that only remembers what became of it. */
struct asked {
	struct request r;
	int resumed, failed_status;
	void (*then)(struct asked *);
	struct db *db;
};

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

static inline int begin(void **state)
{
	int ret = begin_cluster(state);
	sql("create table notes (id int primary key, body text)");
	sql("create table wide (id int); insert into wide values (1)");
	return ret;
}

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

static inline struct db_options options(unsigned connections, unsigned in_flight)
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

static inline size_t usable(const struct db *db)
{
	size_t count = 0;

	for (size_t i = 0; i < db->options.connections; i++)
		count += connection_usable(&db->connections[i]);
	return count;
}

static inline struct db *open_ready(unsigned connections, unsigned in_flight)
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
static inline void close_db(struct db *db)
{
	db_close(db);
	h2o_evloop_run(loop, 0);
}

static inline struct asked *asked_new(struct db *db)
{
	struct asked *a = calloc(1, sizeof(*a));

	h2o_mem_init_pool(&a->r.pool);
	a->db = db;
	strcpy(a->r.id, "request-of-the-test");
	return a;
}

static inline void asked_free(struct asked *a)
{
	PQclear(a->r.rows);
	h2o_mem_clear_pool(&a->r.pool);
	free(a);
}

static inline bool is_over(const struct asked *a)
{
	return a->resumed > 0 || a->failed_status != 0;
}

static inline struct asked *ask_one(struct db *db, size_t statement, const char *text)
{
	struct asked *a = asked_new(db);
	struct db_param param = param_text(text);

	db_ask(&a->r, db, statement, &param, text != NULL);
	return a;
}

#endif
