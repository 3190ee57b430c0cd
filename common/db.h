/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL by libpq in pipeline mode on the event loop. A database is a few connections of one role with a fixed list
 * of statements, prepared when a connection opens. Every question is one round trip and its own implicit transaction,
 * which those that only read (db_options.reads) and those of db_ask_together may share. A lost connection fails what
 * was under way on it (503), comes back by itself with backoff, and questions meanwhile are answered 503 at once when
 * no connection is ready. */
#ifndef SALLYPORT_DB_H
#define SALLYPORT_DB_H

#include "request.h"

struct db;

struct db_statement {
	const char *name;
	const char *sql; /* one statement with $1 ... */
};
struct db_param {
	const char *value; /* NULL is SQL NULL; must live until the question was sent (it is copied by libpq at once) */
	int length;        /* binary only */
	int format;        /* 0 text, 1 binary (bytea) */
};
enum { DB_PARAMS_MAX = 100 }; /* of one statement; more end the process */
enum { DB_LINE_MS = 1000 };

struct db_options {           /* all of it is copied */
	const char *name;     /* for the log */
	const char *conninfo; /* libpq; a unix socket or hostaddr, so that nothing resolves names on the loop */
	const struct db_statement *statements;
	size_t statement_count;
	unsigned connections; /* 1..16 */
	unsigned in_flight; /* questions per connection, default 64; they are answered in order, so a slow one holds up
	                       those behind it */
	unsigned line;      /* questions that may wait for a place, DB_LINE_MS at most; default 0: 503 at once */
	size_t early; /* so many of the statements, the first ones, are prepared before a first connection is used, and
	                 the others when one of them is asked or a moment later: to prepare all of them takes longer
	                 than all else of the start. 0: all are prepared before */
	/* What is not early is prepared on a connection with the first question there that asks it: for statements so
	 * many that no connection needs most of them. One that cannot be prepared fails its questions alone. in_flight
	 * must be 1. */
	bool on_demand;
	/* True of a statement that changes nothing and that no client can make fail: questions that are asked in one
	 * turn of the loop may share a transaction, that is one packet there and one back. Where one fails all the
	 * same, those behind it are answered 503. NULL: there is none. */
	bool (*reads)(size_t statement);
	size_t together; /* the statement that begins each transaction of db_ask_together: it sets a lock_timeout there
	                    that is well below PostgreSQL's deadlock_timeout; 0: none does */
	/* The last free connection is for those who hold none: nobody (request.share) has all of them, and nobody more
	 * than a share of the line (shares.h). in_flight must be 1. */
	bool shared;
	bool cancels; /* db_cancel may be used: one more connection is opened for it; in_flight must be 1 */
	/* NULL, or statements (NULL at the end) that are sent behind every question, so that nothing of it is left in
	 * its session; the connection takes the next one when they are through. One where they fail is closed. The
	 * texts are not copied: they live for ever. */
	const char *const *afterwards;
};

/* Starts to connect; never fails for an absent server. Lives as long as the process; db_close for a clean end. */
struct db *db_open(h2o_loop_t *loop, const struct db_options *options);
void db_close(struct db *db);
/* True if a connection is ready now. */
bool db_ready(const struct db *db);
struct db_param param_text(const char *value);
struct db_param param_bytes(const void *bytes, size_t len);
struct db_param param_uuid(const uint8_t id[16]); /* binary uuid */
struct db_param param_int(h2o_mem_pool_t *pool, int64_t value);
struct db_param param_bool(bool value);
/* A text[] literal. */
struct db_param param_text_array(h2o_mem_pool_t *pool, const char *const *values, size_t count);

/* Asks one statement of a request; returns STEP_WAIT. The next step finds r->rows. An outage ends the request with 503,
 * a statement error with 500 (logged with SQLSTATE), before the next step runs. */
step_result db_ask(struct request *r, struct db *db, size_t statement, const struct db_param *params, size_t count);

/* The same for one that changes something: those that are asked while others are under way are asked in one
 * transaction, so that they share its commit, and are answered when it is durable. Where one of them fails, or waits
 * long for a lock, each is asked again alone. `order` tells what it locks first: of two with the same bytes, one waits
 * for the other; those that lock more must not wait for it. They wait DB_LINE_MS at most for their turn. */
enum { DB_ORDER_SIZE = 16 };
step_result db_ask_together(struct request *r, struct db *db, size_t statement, const struct db_param *params,
                            size_t count, const uint8_t order[DB_ORDER_SIZE]);

/* Several statements as one implicit transaction in one round trip; the answer is that of the last one. With
 * `tolerate`, a statement error (not an outage) also resumes the next step, which finds it in r->rows (PQresultStatus
 * is PGRES_FATAL_ERROR). */
struct db_session { /* where a question goes to */
	int pid;
	const char *user, *database;
};
/* Sets what depends on the session, in a copy of the question's parameters, when it is sent. */
typedef void db_bind_fn(struct request *r, const struct db_session *session, struct db_param *params);
struct db_question {
	size_t statement;
	const struct db_param *params;
	size_t count;
	const char *sql; /* not NULL: one statement that is not prepared, instead of the number */
	db_bind_fn *bind;
	bool describes; /* the statement is not run (db_describe_background) */
};
step_result db_ask_all(struct request *r, struct db *db, const struct db_question *questions, size_t count,
                       bool tolerate);
/* The same with `tolerate`, and in little memory: once the rows of the last statement come to more than `bytes`, they
 * and all behind them are dropped, which r->rows_are_cut tells. With `stops` the statement is then cancelled: it must
 * change nothing. A single row is as large as the statement makes it. At least two questions. */
step_result db_ask_bounded(struct request *r, struct db *db, const struct db_question *questions, size_t count,
                           size_t bytes, bool stops);

/* Nobody wants the answer to the request's question any more: its statement is cancelled. The answer comes all the
 * same, in a later turn of the loop: SQLSTATE 57014, what the statement said before the cancellation met it, or 503 if
 * it was not sent yet. The cancellation of a statement that has only just been sent may come to nothing: who still
 * waits after a while cancels again. Nothing happens if the request waits for no answer. */
void db_cancel(struct db *db, const struct request *r);
/* The cancelled statement does not end: its connection is closed, and the request ends as in an outage before this
 * returns. False if the request waits for no statement. */
bool db_give_up(struct db *db, const struct request *r);

/* Outside of requests (start, timers). `result` is NULL on an outage; it is freed after the call. */
typedef void db_answer_fn(void *data, const PGresult *result);
bool db_ask_background(struct db *db, size_t statement, const struct db_param *params, size_t count, db_answer_fn *done,
                       void *data);

/* Whether the server takes the statement, and what it would give: nothing is run, and nothing stays prepared. The
 * result has its columns (PQnfields, PQfname), or is the error. False if no connection has a place now. */
bool db_describe_background(struct db *db, const char *sql, db_answer_fn *done, void *data);

/* Readers of r->rows (or any result), on the loop's thread. No name may stand twice in a result. Text is NUL-terminated
 * and lives as long as the result. A NULL column gives NULL, 0 or false. */
size_t rows_count(const PGresult *rows);
bool rows_is_null(const PGresult *rows, size_t row, const char *column);
const char *rows_text(const PGresult *rows, size_t row, const char *column);
int64_t rows_int(const PGresult *rows, size_t row, const char *column);
bool rows_bool(const PGresult *rows, size_t row, const char *column);
bool rows_uuid(const PGresult *rows, size_t row, const char *column, uint8_t ret[16]);
/* Decoded from text form into the pool. */
h2o_iovec_t rows_bytes(h2o_mem_pool_t *pool, const PGresult *rows, size_t row, const char *column);
/* A text[] column. */
const char **rows_text_array(h2o_mem_pool_t *pool, const PGresult *rows, size_t row, const char *column,
                             size_t *ret_count);

#endif
