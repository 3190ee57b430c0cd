/* SPDX-License-Identifier: Apache-2.0 */
#include "db_connection.h"

#include <fcntl.h>
#include <string.h>

#include "clock.h"
#include "secret.h"

enum { BACKOFF_LEAST_MS = 50, BACKOFF_MOST_MS = 2000, REST_MS = 100 };

/* Where libpq is linked with libldap, and that with GnuTLS, GnuTLS would set itself up in its constructor at every
 * start, which costs a millisecond and a megabyte. This is its own way to say no (GNUTLS_SKIP_GLOBAL_INIT of
 * gnutls/gnutls.h); libldap calls gnutls_global_init itself where it uses it. */
__attribute__((visibility("default"))) int _gnutls_global_init_skip(void);
int _gnutls_global_init_skip(void)
{
	return 1;
}

static void poll_connecting(struct connection *c);

/* --- the socket ---------------------------------------------------------------------------- */

static void unwrap_socket(struct connection *c)
{
	if (c->socket == NULL)
		return;
	h2o_socket_read_stop(c->socket);
	h2o_socket_close(c->socket);
	c->socket = NULL;
}

/* libpq may have closed its socket and opened another one with the same number (the next address, TLS refused), so
 * the number tells nothing and every step of connecting is wrapped anew. */
static bool wrap_socket(struct connection *c)
{
	int fd = fcntl(PQsocket(c->pg), F_DUPFD_CLOEXEC, 0);

	unwrap_socket(c);
	if (fd == -1)
		return false;
	c->socket = h2o_evloop_socket_create(c->db->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
	c->socket->data = c;
	return true;
}

static void on_writable(h2o_socket_t *socket, const char *error)
{
	struct connection *c = socket->data;

	if (error != NULL)
		c->broken = true;
	else
		connection_flush(c);
	if (c->broken)
		connection_lose(c, PQerrorMessage(c->pg));
}

void connection_flush(struct connection *c)
{
	int rest = PQflush(c->pg);

	if (rest < 0)
		c->broken = true;
	else if (rest > 0 && !h2o_socket_is_writing(c->socket))
		h2o_socket_notify_write(c->socket, on_writable);
}

/* --- answers ------------------------------------------------------------------------------- */

struct question connection_take_first(struct connection *c)
{
	struct question q = c->ring[c->first];

	c->first = connection_place(c, 1);
	c->count--;
	c->quiet_seconds = 0;
	return q;
}

void connection_finish_first(struct connection *c)
{
	question_finish(c, connection_take_first(c));
}

static void finish_preparing(struct connection *c)
{
	if (c->refused) {
		c->db->careful = true;
		connection_lose(c, NULL);
		return;
	}
	c->state = CONNECTION_OPEN;
	c->backoff_ms = 0;
	c->due_ms = clock_monotonic_ms() + REST_MS;
	db_connection_changed(c->db);
}

static void take_prepared(struct connection *c, PGresult *result)
{
	const struct db_options *options = &c->db->options;
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_FATAL_ERROR) {
		c->refused = true;
		db_report(c->db, LOG_ERROR, "a database statement cannot be prepared",
		          PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
		          PQresultErrorField(result, PG_DIAG_SQLSTATE),
		          c->prepared < options->statement_count ? options->statements[c->prepared].name : NULL);
	}
	c->prepared++;
	PQclear(result);
}

static void take_answer(struct connection *c, PGresult *result)
{
	struct question *q = &c->ring[connection_place(c, c->taken)];
	ExecStatusType status = PQresultStatus(result);

	if (demand_take(c, result) || bounded_take(c, q, result))
		return;
	/* COPY cannot be ended in pipeline mode. */
	if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
		c->broken = true;
	/* What follows an error up to the Sync was aborted and says nothing. */
	if (q->result != NULL && PQresultStatus(q->result) == PGRES_FATAL_ERROR) {
		PQclear(result);
		return;
	}
	PQclear(q->result);
	q->result = result;
}

/* A NULL ends one statement; two in a row mean that nothing more is there. */
static void take_results(struct connection *c)
{
	unsigned nulls = 0;

	while (c->state != CONNECTION_CLOSED && !c->broken && !PQisBusy(c->pg) && nulls < 2) {
		PGresult *result;

		if (c->state == CONNECTION_OPEN && c->count == 0)
			return;
		result = PQgetResult(c->pg);
		if (result == NULL) {
			nulls++;
			group_end_answer(c);
			bounded_expect(c);
			continue;
		}
		nulls = 0;
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
			PQclear(result);
			if (c->state == CONNECTION_PREPARING)
				finish_preparing(c);
			else
				group_finish(c);
		} else if (c->state == CONNECTION_PREPARING) {
			take_prepared(c, result);
		} else {
			take_answer(c, result);
		}
	}
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
	struct connection *c = socket->data;

	if (error != NULL || PQconsumeInput(c->pg) == 0) {
		connection_lose(c, PQerrorMessage(c->pg));
		return;
	}
	connection_flush(c);
	take_results(c);
	if (c->state == CONNECTION_CLOSED)
		return;
	if (c->broken)
		connection_lose(c, PQerrorMessage(c->pg));
	else if (c->retiring && c->count == 0)
		connection_lose(c, NULL);
}

/* --- opening ------------------------------------------------------------------------------- */

/* Messages of the server outside of an answer, e.g. that it goes down. Others may carry data and are dropped. */
static void on_notice(void *data, const PGresult *notice)
{
	struct connection *c = data;
	const char *sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);

	if (sqlstate != NULL && strncmp(sqlstate, "57P", 3) == 0)
		db_report(c->db, LOG_WARNING, "the database ends a connection",
		          PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY), sqlstate, NULL);
}

/* PREPARE up to that statement, and one Sync. */
static bool send_prepares(struct connection *c, size_t end)
{
	const struct db_options *options = &c->db->options;

	for (; c->sent < end; c->sent++) {
		const struct db_statement *s = &options->statements[c->sent];
		if (PQsendPrepare(c->pg, s->name, s->sql, 0, NULL) != 1)
			return false;
	}
	return PQpipelineSync(c->pg) == 1;
}

/* How many to prepare before it is used: all where another connection is open, for that is no start. */
static size_t count_early(const struct connection *c)
{
	const struct db_options *options = &c->db->options;
	bool all = options->early == 0 || options->early > options->statement_count ||
	           (!options->on_demand && (c->db->careful || db_ready(c->db)));

	return all ? options->statement_count : options->early;
}

static void prepare_statements(struct connection *c)
{
	bool fine = PQsetnonblocking(c->pg, 1) == 0 && PQenterPipelineMode(c->pg) == 1;

	c->state = CONNECTION_PREPARING;
	c->sent = c->prepared = 0;
	c->refused = false;
	demand_begin(c);
	if (!fine || !send_prepares(c, count_early(c)) || !wrap_socket(c)) {
		connection_lose(c, PQerrorMessage(c->pg));
		return;
	}
	h2o_socket_read_start(c->socket, on_readable);
	connection_flush(c);
	db_connection_changed(c->db);
}

static void on_connecting(h2o_socket_t *socket, const char *error)
{
	(void)error; /* libpq finds out itself and says it better */
	h2o_socket_read_stop(socket);
	poll_connecting(socket->data);
}

static void wait_connecting(struct connection *c, PostgresPollingStatusType wanted)
{
	if (!wrap_socket(c))
		connection_lose(c, "no file descriptor is left");
	else if (wanted == PGRES_POLLING_READING)
		h2o_socket_read_start(c->socket, on_connecting);
	else
		h2o_socket_notify_write(c->socket, on_connecting);
}

static void poll_connecting(struct connection *c)
{
	PostgresPollingStatusType wanted = PQconnectPoll(c->pg);

	if (wanted == PGRES_POLLING_OK)
		prepare_statements(c);
	else if (wanted == PGRES_POLLING_FAILED)
		connection_lose(c, PQerrorMessage(c->pg));
	else
		wait_connecting(c, wanted);
}

/* A later parameter wins over an earlier one, so what stands before "dbname" (which is the whole conninfo) is a
 * default. */
static void open_connection(struct connection *c, int64_t now_ms)
{
	const char *keywords[] = {"options",
	                          "fallback_application_name",
	                          "gssencmode",
	                          "keepalives",
	                          "keepalives_idle",
	                          "keepalives_interval",
	                          "keepalives_count",
	                          "tcp_user_timeout",
	                          "dbname",
	                          "client_encoding",
	                          NULL};
	const char *values[] = {"-c statement_timeout=5000 -c idle_in_transaction_session_timeout=10000",
	                        c->db->options.name,
	                        "disable",
	                        "1",
	                        "10",
	                        "5",
	                        "3",
	                        "10000",
	                        c->db->options.conninfo,
	                        "UTF8",
	                        NULL};

	c->state = CONNECTION_CONNECTING;
	c->due_ms = now_ms + c->db->connect_timeout_ms;
	c->pg = PQconnectStartParams(keywords, values, 1);
	if (c->pg == NULL)
		h2o_fatal("no memory for a database connection");
	if (PQstatus(c->pg) == CONNECTION_BAD) {
		connection_lose(c, PQerrorMessage(c->pg));
		return;
	}
	PQsetNoticeReceiver(c->pg, on_notice, c);
	wait_connecting(c, PGRES_POLLING_WRITING);
}

/* --- for db.c ------------------------------------------------------------------------------ */

void connection_init(struct connection *c, struct db *db)
{
	*c = (struct connection){.db = db, .group_end.cb = group_on_end};
	c->ring = h2o_mem_alloc(sizeof(*c->ring) * CONNECTION_RING(db));
}

bool connection_usable(const struct connection *c)
{
	return c->state == CONNECTION_OPEN && !c->broken && !c->retiring;
}

static void on_rest_prepared(void *data, const PGresult *result)
{
	struct connection *c = data;

	if (result == NULL || PQresultStatus(result) != PGRES_FATAL_ERROR)
		return;        /* NULL: it is lost already */
	c->db->careful = true; /* the next connection says which statement it is, and is not used */
	c->retiring = true;
}

/* As a question of nobody's, for which the ring has the place. */
bool connection_send_rest(struct connection *c)
{
	group_end(c);
	if (c->broken || !send_prepares(c, c->db->options.statement_count)) {
		c->broken = true;
		db_connection_changed(c->db);
		return false;
	}
	c->ring[connection_place(c, c->count++)] = (struct question){
	    .done = on_rest_prepared,
	    .data = c,
	    .has_sync = true,
	};
	connection_flush(c);
	return !c->broken;
}

void connection_tick(struct connection *c, int64_t now_ms)
{
	if (c->broken)
		connection_lose(c, c->pg != NULL ? PQerrorMessage(c->pg) : NULL);
	else if (c->state == CONNECTION_CLOSED && now_ms >= c->due_ms)
		open_connection(c, now_ms);
	else if (c->state != CONNECTION_OPEN && c->state != CONNECTION_CLOSED && now_ms >= c->due_ms)
		connection_lose(c, "timed out");
	else if (connection_is_early(c) && now_ms >= c->due_ms)
		connection_send_rest(c);
}

void connection_watch(struct connection *c)
{
	if (c->count == 0 || ++c->quiet_seconds < c->db->stuck_seconds)
		return;
	connection_lose(c, "answers no more");
}

/* Half of the delay is random, so that daemons do not come back in step. */
static void schedule_opening(struct connection *c)
{
	uint32_t random;

	c->backoff_ms = c->backoff_ms == 0 ? BACKOFF_LEAST_MS : c->backoff_ms * 2;
	if (c->backoff_ms > BACKOFF_MOST_MS)
		c->backoff_ms = BACKOFF_MOST_MS;
	random_bytes(&random, sizeof(random));
	c->due_ms = clock_monotonic_ms() + c->backoff_ms / 2 + random % (c->backoff_ms / 2 + 1);
}

void connection_lose(struct connection *c, const char *problem)
{
	bool renewed = c->retiring && problem == NULL;

	if (problem != NULL)
		db_report(c->db, LOG_WARNING,
		          c->state == CONNECTION_OPEN ? "a database connection was lost"
		                                      : "the database cannot be reached",
		          problem, NULL, NULL);
	unwrap_socket(c);
	PQfinish(c->pg);
	c->pg = NULL;
	c->state = CONNECTION_CLOSED;
	c->broken = c->retiring = false;
	h2o_timeout_unlink(&c->group_end);
	c->grouped = c->taken = 0;
	schedule_opening(c);
	if (renewed)
		c->due_ms = 0;
	while (c->count > 0) {
		PQclear(c->ring[c->first].result);
		c->ring[c->first].result = NULL;
		c->db->together_under_way -= c->ring[c->first].together && c->ring[c->first].has_sync;
		connection_finish_first(c);
	}
	db_connection_changed(c->db);
}

void connection_dispose(struct connection *c)
{
	if (c->state != CONNECTION_CLOSED)
		connection_lose(c, NULL);
	free(c->ring);
	free(c->known);
}
