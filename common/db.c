/* SPDX-License-Identifier: Apache-2.0 */
#include "db.h"

#include <string.h>

#include "clock.h"
#include "db_connection.h"

enum {
	TICK_MS = 20,
	CONNECT_TIMEOUT_MS = 3000,
	STUCK_SECONDS = 60,
	CONNECTIONS_MAX = 16,
	IN_FLIGHT_DEFAULT = 64,
	REPEAT_PROBLEM_MS = 30000,
	OTHERS_MS = 100
};

/* --- log ----------------------------------------------------------------------------------- */

void db_report(struct db *db, enum log_level level, const char *message, const char *problem, const char *sqlstate,
               const char *statement)
{
	char line[sizeof(db->problem)];
	int64_t now = clock_monotonic_ms();
	size_t len = 0;

	/* libpq writes several lines; the first one says what happened. */
	if (problem != NULL)
		len = strcspn(problem, "\n");
	if (len >= sizeof(line))
		len = sizeof(line) - 1;
	if (len > 0)
		memcpy(line, problem, len);
	line[len] = '\0';
	if (strcmp(line, db->problem) == 0 && now < db->problem_ms + REPEAT_PROBLEM_MS)
		return;
	memcpy(db->problem, line, len + 1);
	db->problem_ms = now;
	log_event(level, message, "database", db->options.name, "sqlstate", sqlstate, "statement", statement, "problem",
	          line, NULL);
}

void db_connection_changed(struct db *db)
{
	bool up = db_ready(db), all_open = true;

	for (size_t i = 0; i < db->options.connections; i++) {
		const struct connection *c = &db->connections[i];

		all_open = all_open && c->state == CONNECTION_OPEN && !c->broken && !connection_is_early(c);
	}
	if (!all_open && !h2o_timeout_is_linked(&db->tick_entry))
		h2o_timeout_link(db->loop, &db->tick, &db->tick_entry);
	if (up && db->gathered > 0 && !h2o_timeout_is_linked(&db->together_soon))
		h2o_timeout_link(db->loop, &db->soon, &db->together_soon);
	if (up == db->up || db->closing)
		return;
	db->up = up;
	if (up)
		db->problem[0] = '\0';
	log_event(up ? LOG_INFO : LOG_WARNING, up ? "the database is ready" : "the database is away", "database",
	          db->options.name, NULL);
}

/* --- opening and closing ------------------------------------------------------------------- */

static void on_tick(h2o_timeout_entry_t *entry)
{
	struct db *db = H2O_STRUCT_FROM_MEMBER(struct db, tick_entry, entry);
	int64_t now = clock_monotonic_ms();

	for (size_t i = 0; i < db->options.connections; i++)
		connection_tick(&db->connections[i], now);
	db_connection_changed(db);
}

static void on_watch(h2o_timeout_entry_t *entry)
{
	struct db *db = H2O_STRUCT_FROM_MEMBER(struct db, watch_entry, entry);
	bool waiting = false;

	for (size_t i = 0; i < db->options.connections; i++) {
		connection_watch(&db->connections[i]);
		waiting = waiting || db->connections[i].count > 0;
	}
	if (waiting && !h2o_timeout_is_linked(&db->watch_entry))
		h2o_timeout_link(db->loop, &db->watch, &db->watch_entry);
}

static char *copy_text(const char *s)
{
	return h2o_strdup(NULL, s, SIZE_MAX).base;
}

static void copy_options(struct db_options *copy, const struct db_options *options)
{
	struct db_statement *statements = h2o_mem_alloc(sizeof(*statements) * (options->statement_count + 1));

	for (size_t i = 0; i < options->statement_count; i++) {
		statements[i].name = copy_text(options->statements[i].name);
		statements[i].sql = copy_text(options->statements[i].sql);
	}
	*copy = *options;
	copy->name = copy_text(options->name);
	copy->conninfo = copy_text(options->conninfo);
	copy->statements = statements;
	if (copy->connections < 1)
		copy->connections = 1;
	if (copy->connections > CONNECTIONS_MAX)
		copy->connections = CONNECTIONS_MAX;
	if (copy->in_flight < 1)
		copy->in_flight = IN_FLIGHT_DEFAULT;
}

static void free_options(struct db_options *options)
{
	for (size_t i = 0; i < options->statement_count; i++) {
		free((char *)options->statements[i].name);
		free((char *)options->statements[i].sql);
	}
	free((struct db_statement *)options->statements);
	/* May hold a password. */
	h2o_mem_set_secure((char *)options->conninfo, 0, strlen(options->conninfo));
	free((char *)options->conninfo);
	free((char *)options->name);
}

struct db *db_open_after(h2o_loop_t *loop, const struct db_options *options, unsigned delay_ms)
{
	int64_t first_ms = clock_monotonic_ms() + delay_ms;
	struct db_options copy;
	struct db *db;

	copy_options(&copy, options);
	db = h2o_mem_alloc(sizeof(*db) + sizeof(db->connections[0]) * copy.connections);
	memset(db, 0, sizeof(*db));
	db->loop = loop;
	db->options = copy;
	db->connect_timeout_ms = CONNECT_TIMEOUT_MS;
	db->stuck_seconds = STUCK_SECONDS;
	db->tick_entry.cb = on_tick;
	db->watch_entry.cb = on_watch;
	h2o_timeout_init(loop, &db->tick, TICK_MS);
	h2o_timeout_init(loop, &db->watch, 1000);
	h2o_linklist_init_anchor(&db->line);
	h2o_linklist_init_anchor(&db->together);
	db->together_soon.cb = together_on_soon;
	h2o_timeout_init(loop, &db->line_timeout, DB_LINE_MS);
	h2o_timeout_init(loop, &db->soon, 0);
	/* One at first: at the start the others would only compete with it, for the first answer and for a core. */
	for (size_t i = 0; i < copy.connections; i++) {
		connection_init(&db->connections[i], db);
		db->connections[i].due_ms = i == 0 ? first_ms : first_ms + OTHERS_MS;
	}
	connection_tick(&db->connections[0], clock_monotonic_ms());
	db_connection_changed(db);
	db_cancel_open(db, OTHERS_MS);
	return db;
}

struct db *db_open(h2o_loop_t *loop, const struct db_options *options)
{
	return db_open_after(loop, options, 0);
}

void db_close(struct db *db)
{
	db->closing = true; /* so that an ordinary end is not told as an outage */
	db_line_end(db);
	together_end(db);
	if (db->canceller != NULL)
		db_close(db->canceller);
	for (size_t i = 0; i < db->options.connections; i++)
		connection_dispose(&db->connections[i]);
	h2o_timeout_unlink(&db->tick_entry);
	h2o_timeout_unlink(&db->watch_entry);
	h2o_timeout_dispose(db->loop, &db->tick);
	h2o_timeout_dispose(db->loop, &db->watch);
	h2o_timeout_dispose(db->loop, &db->line_timeout);
	h2o_timeout_dispose(db->loop, &db->soon);
	free_options(&db->options);
	shares_dispose(&db->line_places);
	free(db);
}

bool db_ready(const struct db *db)
{
	for (size_t i = 0; i < db->options.connections; i++) {
		if (connection_usable(&db->connections[i]))
			return true;
	}
	return false;
}

/* --- asking -------------------------------------------------------------------------------- */

struct connection *db_choose_connection(struct db *db, unsigned places)
{
	struct connection *least = NULL;

	for (size_t i = 0; i < db->options.connections; i++) {
		struct connection *c = &db->connections[i];

		if (!connection_usable(c) || c->cancelling || c->count + places > db->options.in_flight)
			continue;
		if (least == NULL || c->count < least->count)
			least = c;
	}
	return least;
}

static bool is_held_by(const struct connection *c, uint64_t share)
{
	for (unsigned i = 0; i < c->count; i++) {
		const struct request *r = c->ring[connection_place(c, i)].request;
		if (r != NULL && r->share == share)
			return true;
	}
	return false;
}

/* True if it would take the last free connection although its share holds one. */
static bool is_over_share(const struct db *db, const struct request *r)
{
	unsigned open = 0;
	bool holds = false;

	if (!db->options.shared || r->share == 0)
		return false;
	for (size_t i = 0; i < db->options.connections; i++) {
		const struct connection *c = &db->connections[i];
		open += connection_usable(c) && !c->cancelling && c->count < db->options.in_flight;
		holds = holds || is_held_by(c, r->share);
	}
	return holds && open < 2;
}

bool db_has_place(struct db *db, const struct request *r)
{
	return db_choose_connection(db, 1) != NULL && !is_over_share(db, r);
}

/* The one where it can join a group, or the least loaded. */
static struct connection *choose_for(struct db *db, const struct db_question *questions, size_t count,
                                     const struct question *waiting)
{
	for (size_t i = 0; i < db->options.connections; i++)
		if (group_has_place(&db->connections[i], questions, count, waiting))
			return &db->connections[i];
	return db_choose_connection(db, 1);
}

void db_watch(struct db *db)
{
	if (!h2o_timeout_is_linked(&db->watch_entry))
		h2o_timeout_link(db->loop, &db->watch, &db->watch_entry);
}

bool db_send(struct db *db, const struct db_question *questions, size_t count, const struct question *waiting)
{
	struct connection *c = choose_for(db, questions, count, waiting);

	if (c == NULL || !connection_ask(c, questions, count, waiting))
		return false;
	db_watch(db);
	return true;
}

step_result db_ask(struct request *r, struct db *db, size_t statement, const struct db_param *params, size_t count)
{
	struct db_question question = {.statement = statement, .params = params, .count = count};

	return db_ask_all(r, db, &question, 1, false);
}

static step_result ask(struct request *r, struct db *db, const struct db_question *questions, size_t count,
                       const struct question *waiting)
{
	/* nobody overtakes those who wait, unless they wait for their own */
	bool first = db->line_places.taken == 0 || db->options.shared;
	bool asked = first && !is_over_share(db, r) && db_send(db, questions, count, waiting);

	r->was_sent = asked;
	if (!asked && !db_line_join(db, questions, count, waiting))
		return fail(r, &TEMPORARILY_UNAVAILABLE,
		            db_ready(db) ? "the database is busy" : "the database is not available");
	r->waiting = true;
	return STEP_WAIT;
}

step_result db_ask_all(struct request *r, struct db *db, const struct db_question *questions, size_t count,
                       bool tolerate)
{
	struct question waiting = {.request = r, .tolerate = tolerate};

	return ask(r, db, questions, count, &waiting);
}

step_result db_ask_bounded(struct request *r, struct db *db, const struct db_question *questions, size_t count,
                           size_t bytes, bool stops)
{
	struct question waiting = {.request = r, .tolerate = true, .bytes = bytes, .stops = stops};

	return ask(r, db, questions, count, &waiting);
}

bool db_ask_background(struct db *db, size_t statement, const struct db_param *params, size_t count, db_answer_fn *done,
                       void *data)
{
	struct db_question question = {.statement = statement, .params = params, .count = count};
	struct question waiting = {.done = done, .data = data};

	return db_send(db, &question, 1, &waiting);
}

bool db_describe_background(struct db *db, const char *sql, db_answer_fn *done, void *data)
{
	struct db_question question = {.sql = sql, .describes = true};
	struct question waiting = {.done = done, .data = data, .describes = true};

	return db_send(db, &question, 1, &waiting);
}

/* --- answering ----------------------------------------------------------------------------- */

enum verdict { ANSWERED, STATEMENT_FAILED, TRANSIENT, STALE_PLAN, OUTAGE };

/* True if the server is a standby, or too old to say. */
static bool may_be_standby(const struct connection *c)
{
	const char *standby = c->pg != NULL ? PQparameterStatus(c->pg, "in_hot_standby") : NULL;

	return standby == NULL || strcmp(standby, "off") != 0;
}

/* It was not done, since one that was sent before it up to the same Sync had failed. */
static bool was_aborted(const struct question *q)
{
	return PQresultStatus(q->result) == PGRES_PIPELINE_ABORTED;
}

/* PostgreSQL, appendix A: error codes. */
static enum verdict judge(const struct connection *c, const struct question *q)
{
	const char *sqlstate, *function;

	if (q->result == NULL)
		return OUTAGE;
	if (PQresultStatus(q->result) == PGRES_COMMAND_OK || PQresultStatus(q->result) == PGRES_TUPLES_OK)
		return ANSWERED;
	if (was_aborted(q))
		return TRANSIENT;
	sqlstate = PQresultErrorField(q->result, PG_DIAG_SQLSTATE);
	/* The statement wanted more of the disk than its role may have. */
	if (sqlstate != NULL && q->tolerate && strcmp(sqlstate, "53400") == 0)
		return STATEMENT_FAILED;
	if (sqlstate == NULL || strncmp(sqlstate, "57P", 3) == 0 || strncmp(sqlstate, "53", 2) == 0 ||
	    strncmp(sqlstate, "08", 2) == 0)
		return OUTAGE;
	/* A failover left this connection on a standby. Who tolerates errors may also have broken a read-only role's
	 * rule. */
	if (strcmp(sqlstate, "25006") == 0)
		return q->tolerate && !may_be_standby(c) ? STATEMENT_FAILED : OUTAGE;
	/* Nothing is wrong with the question: a deadlock or a lost race (class 40), a lock or an answer that took too
	 * long. Who tolerates errors judges his own statements. */
	if (!q->tolerate &&
	    (strncmp(sqlstate, "40", 2) == 0 || strcmp(sqlstate, "57014") == 0 || strcmp(sqlstate, "55P03") == 0))
		return TRANSIENT;
	/* A migration changed what a prepared statement returns (0A000 there), or something dropped them all. */
	function = PQresultErrorField(q->result, PG_DIAG_SOURCE_FUNCTION);
	if (strcmp(sqlstate, "26000") == 0 || (function != NULL && strcmp(function, "RevalidateCachedQuery") == 0))
		return STALE_PLAN;
	return STATEMENT_FAILED;
}

static void log_failure(struct connection *c, const struct question *q, enum verdict verdict)
{
	const char *sqlstate, *problem;

	if (q->result == NULL || was_aborted(q))
		return; /* the lost connection was logged, and the failure before it */
	if (q->describes && verdict == STATEMENT_FAILED)
		return; /* who asked says it better */
	sqlstate = PQresultErrorField(q->result, PG_DIAG_SQLSTATE);
	problem = PQresultErrorField(q->result, PG_DIAG_MESSAGE_PRIMARY);
	if (verdict == OUTAGE || verdict == STALE_PLAN) {
		db_report(c->db, LOG_ERROR, "the database refused a statement", problem, sqlstate, NULL);
		return;
	}
	/* Class 22, data exception: the message quotes the value. Whose errors are tolerated are statements that others
	 * wrote: what their functions raise, and syntax errors in what a value holds (42601 of to_tsquery), may quote
	 * it too. */
	if (q->tolerate || (sqlstate != NULL && strncmp(sqlstate, "22", 2) == 0))
		problem = PQresultErrorField(q->result, PG_DIAG_SOURCE_FUNCTION);
	log_event(q->tolerate ? LOG_INFO : LOG_ERROR, "a database statement failed", "database", c->db->options.name,
	          "sqlstate", sqlstate, "problem", problem, "request", q->request != NULL ? q->request->id : NULL,
	          NULL);
}

static void retire_if_stale(struct connection *c, enum verdict verdict, const struct question *q)
{
	const char *sqlstate = q->result != NULL ? PQresultErrorField(q->result, PG_DIAG_SQLSTATE) : NULL;
	bool demoted = verdict == OUTAGE && sqlstate != NULL && strcmp(sqlstate, "25006") == 0 && may_be_standby(c);

	if (verdict == STALE_PLAN || demoted)
		c->retiring = true;
}

static void hand_over(struct connection *c, struct question q)
{
	enum verdict verdict = judge(c, &q);
	bool outage = verdict == OUTAGE || verdict == STALE_PLAN;
	struct request *r = q.request;

	if (verdict != ANSWERED) {
		log_failure(c, &q, verdict);
		retire_if_stale(c, verdict, &q);
	}
	if (r == NULL) {
		q.done(q.data, outage ? NULL : q.result);
		PQclear(q.result);
		return;
	}
	if (verdict == ANSWERED || (verdict == STATEMENT_FAILED && q.tolerate)) {
		PQclear(r->rows);
		r->rows = q.result;
		r->rows_are_cut = q.cut;
		request_resume(r);
		return;
	}
	PQclear(q.result);
	if (outage)
		request_resume_failed(r, &TEMPORARILY_UNAVAILABLE, "the database is not available");
	else if (verdict == TRANSIENT)
		request_resume_failed(r, &TEMPORARILY_UNAVAILABLE, "the database is busy");
	else
		request_resume_failed(r, &SERVER_ERROR, "a database statement failed");
}

void question_finish(struct connection *c, struct question q)
{
	struct db *db = c->db;

	hand_over(c, q);
	db_line_advance(db);
	together_advance(db);
}
