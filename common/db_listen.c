/* SPDX-License-Identifier: Apache-2.0 */
#include "db_listen.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "secret.h"

enum {
	TICK_MS = 50,
	WATCH_MS = 250,
	LATE_MS = 750, /* after so long without a look, what was told meanwhile may still wait to be read */
	CONNECT_TIMEOUT_MS = 3000,
	BACKOFF_LEAST_MS = 50,
	BACKOFF_MOST_MS = 2000,
	SILENCE_MS = 2000, /* of the server: then it is asked whether it is there */
	ANSWER_MS = 3000   /* that it may take to say so */
};

enum state {
	STATE_CLOSED,     /* waits for due_ms to open */
	STATE_CONNECTING, /* must listen by due_ms */
	STATE_ASKED,      /* LISTEN was sent */
	STATE_LIVE
};

struct db_listen {
	h2o_loop_t *loop;
	struct db_listen_options options; /* with copies of its texts */
	PGconn *pg;
	h2o_socket_t *socket; /* around a duplicate of libpq's descriptor: both sides close their own */
	enum state state;
	bool refused; /* LISTEN was answered with an error */
	bool told;    /* the log knows that it is away */
	unsigned backoff_ms;
	int64_t due_ms;
	int64_t heard_ms;              /* the server's last sign of life */
	int64_t silence_ms, answer_ms; /* SILENCE_MS and ANSWER_MS, but for tests */
	int64_t asked_ms;              /* when it was asked for one; 0: it is not */
	int64_t watched_ms;            /* the last look */
	bool doubtful;       /* this process slept; what was told meanwhile is not read before an answer that was */
	bool asked_in_doubt; /* asked for after it woke */
	h2o_timeout_t tick, watch; /* while it is not live; while it is */
	h2o_timeout_entry_t tick_entry, watch_entry;
};

static void poll_connecting(struct db_listen *l);
static void on_readable(h2o_socket_t *socket, const char *error);

/* ---- the socket ---- */

static void unwrap_socket(struct db_listen *l)
{
	if (l->socket == NULL)
		return;
	h2o_socket_read_stop(l->socket);
	h2o_socket_close(l->socket);
	l->socket = NULL;
}

/* libpq may open another socket with every step of connecting (see db_connection.c). */
static bool wrap_socket(struct db_listen *l)
{
	int fd = fcntl(PQsocket(l->pg), F_DUPFD_CLOEXEC, 0);

	unwrap_socket(l);
	if (fd == -1)
		return false;
	l->socket = h2o_evloop_socket_create(l->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
	l->socket->data = l;
	return true;
}

/* ---- going and coming ---- */

/* Half of the delay is random, so that daemons do not come back in step. */
static void schedule_opening(struct db_listen *l)
{
	uint32_t random;

	l->backoff_ms = l->backoff_ms == 0 ? BACKOFF_LEAST_MS : l->backoff_ms * 2;
	if (l->backoff_ms > BACKOFF_MOST_MS)
		l->backoff_ms = BACKOFF_MOST_MS;
	random_bytes(&random, sizeof(random));
	l->due_ms = clock_monotonic_ms() + l->backoff_ms / 2 + random % (l->backoff_ms / 2 + 1);
	if (!h2o_timeout_is_linked(&l->tick_entry))
		h2o_timeout_link(l->loop, &l->tick, &l->tick_entry);
}

static void disconnect(struct db_listen *l)
{
	unwrap_socket(l);
	PQfinish(l->pg);
	l->pg = NULL;
	l->state = STATE_CLOSED;
	h2o_timeout_unlink(&l->watch_entry);
}

static void lose(struct db_listen *l, const char *problem)
{
	bool was_live = l->state == STATE_LIVE;
	char line[200];

	snprintf(line, sizeof(line), "%.*s", (int)strcspn(problem, "\n"), problem);
	if (!l->told)
		log_event(LOG_WARNING, "the database tells no news", "database", l->options.name, "channel",
		          l->options.channel, "problem", line, NULL);
	l->told = true;
	disconnect(l);
	schedule_opening(l);
	if (was_live)
		l->options.on_change(l->options.data, false);
}

static void become_live(struct db_listen *l)
{
	l->state = STATE_LIVE;
	l->backoff_ms = 0;
	l->asked_ms = 0;
	l->watched_ms = clock_monotonic_ms();
	l->doubtful = l->asked_in_doubt = false;
	if (l->told)
		log_event(LOG_INFO, "the database tells news again", "database", l->options.name, "channel",
		          l->options.channel, NULL);
	l->told = false;
	if (!h2o_timeout_is_linked(&l->watch_entry))
		h2o_timeout_link(l->loop, &l->watch, &l->watch_entry);
	l->options.on_change(l->options.data, true);
}

/* ---- asking ---- */

static void on_writable(h2o_socket_t *socket, const char *error)
{
	struct db_listen *l = socket->data;
	int rest = error != NULL ? -1 : PQflush(l->pg);

	if (rest < 0)
		lose(l, PQerrorMessage(l->pg));
	else if (rest > 0)
		h2o_socket_notify_write(l->socket, on_writable);
}

static void ask(struct db_listen *l, const char *sql)
{
	int rest = PQsendQuery(l->pg, sql) == 1 ? PQflush(l->pg) : -1;

	if (rest < 0)
		lose(l, PQerrorMessage(l->pg));
	else if (rest > 0 && !h2o_socket_is_writing(l->socket))
		h2o_socket_notify_write(l->socket, on_writable);
}

static void begin_listening(struct db_listen *l)
{
	char *channel = PQescapeIdentifier(l->pg, l->options.channel, strlen(l->options.channel));
	char sql[160];

	if (channel == NULL || PQsetnonblocking(l->pg, 1) != 0 || !wrap_socket(l)) {
		PQfreemem(channel);
		lose(l, PQerrorMessage(l->pg));
		return;
	}
	snprintf(sql, sizeof(sql), "LISTEN %s", channel);
	PQfreemem(channel);
	l->state = STATE_ASKED;
	l->refused = false;
	h2o_socket_read_start(l->socket, on_readable);
	ask(l, sql);
}

/* ---- reading ---- */

/* Of LISTEN, and of the question whether somebody is there. */
static void take_answers(struct db_listen *l)
{
	PGresult *result;

	while (!PQisBusy(l->pg) && (l->state == STATE_ASKED || l->asked_ms != 0)) {
		result = PQgetResult(l->pg);
		if (result != NULL) {
			l->refused = l->refused || PQresultStatus(result) == PGRES_FATAL_ERROR;
			PQclear(result);
			continue;
		}
		if (l->refused)
			return;
		l->asked_ms = 0;
		l->doubtful = l->doubtful && !l->asked_in_doubt;
		if (l->state == STATE_ASKED)
			become_live(l);
	}
}

static void take_notices(struct db_listen *l)
{
	PGnotify *notice;

	while ((notice = PQnotifies(l->pg)) != NULL) {
		if (strcmp(notice->relname, l->options.channel) == 0)
			l->options.on_notice(l->options.data, notice->extra);
		PQfreemem(notice);
	}
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
	struct db_listen *l = socket->data;

	if (error != NULL || PQconsumeInput(l->pg) == 0) {
		lose(l, PQerrorMessage(l->pg));
		return;
	}
	l->heard_ms = clock_monotonic_ms();
	take_answers(l);
	if (l->refused)
		lose(l, PQerrorMessage(l->pg));
	else
		take_notices(l);
}

/* ---- connecting ---- */

static void on_connecting(h2o_socket_t *socket, const char *error)
{
	(void)error; /* libpq finds out itself and says it better */
	h2o_socket_read_stop(socket);
	poll_connecting(socket->data);
}

static void wait_connecting(struct db_listen *l, PostgresPollingStatusType wanted)
{
	if (!wrap_socket(l))
		lose(l, "no file descriptor is left");
	else if (wanted == PGRES_POLLING_READING)
		h2o_socket_read_start(l->socket, on_connecting);
	else
		h2o_socket_notify_write(l->socket, on_connecting);
}

static void poll_connecting(struct db_listen *l)
{
	PostgresPollingStatusType wanted = PQconnectPoll(l->pg);

	if (wanted == PGRES_POLLING_OK)
		begin_listening(l);
	else if (wanted == PGRES_POLLING_FAILED)
		lose(l, PQerrorMessage(l->pg));
	else
		wait_connecting(l, wanted);
}

static void ignore_message(void *data, const PGresult *message)
{
	(void)data;
	(void)message;
}

/* A later parameter wins over an earlier one, so what stands before "dbname" (which is the whole conninfo) is a
 * default. */
static void open_connection(struct db_listen *l)
{
	const char *keywords[] = {
	    "fallback_application_name", "gssencmode",       "keepalives", "keepalives_idle", "keepalives_interval",
	    "keepalives_count",          "tcp_user_timeout", "dbname",     "client_encoding", NULL};
	const char *values[] = {l->options.name, "disable",           "1",    "10", "5", "3",
	                        "10000",         l->options.conninfo, "UTF8", NULL};

	l->state = STATE_CONNECTING;
	l->due_ms = clock_monotonic_ms() + CONNECT_TIMEOUT_MS;
	l->pg = PQconnectStartParams(keywords, values, 1);
	if (l->pg == NULL)
		h2o_fatal("no memory for a database connection");
	if (PQstatus(l->pg) == CONNECTION_BAD) {
		lose(l, PQerrorMessage(l->pg));
		return;
	}
	PQsetNoticeReceiver(l->pg, ignore_message, NULL);
	wait_connecting(l, PGRES_POLLING_WRITING);
}

/* ---- timers ---- */

static void on_tick(h2o_timeout_entry_t *entry)
{
	struct db_listen *l = H2O_STRUCT_FROM_MEMBER(struct db_listen, tick_entry, entry);
	bool due = clock_monotonic_ms() >= l->due_ms;

	if (due && l->state == STATE_CLOSED)
		open_connection(l);
	else if (due && l->state != STATE_LIVE)
		lose(l, "timed out");
	if (l->state != STATE_LIVE && !h2o_timeout_is_linked(&l->tick_entry))
		h2o_timeout_link(l->loop, &l->tick, &l->tick_entry);
}

/* An empty query: a machine that is gone, or a firewall that forgot the connection, answers nothing. And whoever has
 * the answer, has read all that was told before: PostgreSQL sends notices before it is ready for the next query. */
static void on_watch(h2o_timeout_entry_t *entry)
{
	struct db_listen *l = H2O_STRUCT_FROM_MEMBER(struct db_listen, watch_entry, entry);
	int64_t now = clock_monotonic_ms();

	if (now > l->watched_ms + LATE_MS) {
		l->doubtful = true;
		l->asked_in_doubt = false;
	}
	l->watched_ms = now;
	if (l->asked_ms != 0 && now >= l->asked_ms + l->answer_ms) {
		lose(l, "answers no more");
		return;
	}
	if (l->asked_ms == 0 && (l->doubtful || now >= l->heard_ms + l->silence_ms)) {
		l->asked_ms = now;
		l->asked_in_doubt = l->doubtful;
		ask(l, "");
	}
	if (l->state == STATE_LIVE)
		h2o_timeout_link(l->loop, &l->watch, &l->watch_entry);
}

/* ---- for others ---- */

static char *copy_text(const char *s)
{
	return h2o_strdup(NULL, s, SIZE_MAX).base;
}

struct db_listen *db_listen_open(h2o_loop_t *loop, const struct db_listen_options *options)
{
	struct db_listen *l = h2o_mem_alloc(sizeof(*l));

	*l = (struct db_listen){.loop = loop, .options = *options, .silence_ms = SILENCE_MS, .answer_ms = ANSWER_MS};
	l->options.name = copy_text(options->name);
	l->options.conninfo = copy_text(options->conninfo);
	l->options.channel = copy_text(options->channel);
	l->tick_entry.cb = on_tick;
	l->watch_entry.cb = on_watch;
	h2o_timeout_init(loop, &l->tick, TICK_MS);
	h2o_timeout_init(loop, &l->watch, WATCH_MS);
	h2o_timeout_link(loop, &l->tick, &l->tick_entry);
	l->due_ms = clock_monotonic_ms() + options->delay_ms;
	if (options->delay_ms == 0)
		open_connection(l);
	return l;
}

void db_listen_close(struct db_listen *l)
{
	disconnect(l);
	h2o_timeout_unlink(&l->tick_entry);
	h2o_timeout_dispose(l->loop, &l->tick);
	h2o_timeout_dispose(l->loop, &l->watch);
	/* May hold a password. */
	h2o_mem_set_secure((char *)l->options.conninfo, 0, strlen(l->options.conninfo));
	free((char *)l->options.conninfo);
	free((char *)l->options.channel);
	free((char *)l->options.name);
	free(l);
}

bool db_listen_live(const struct db_listen *l)
{
	return l->state == STATE_LIVE && !l->doubtful && clock_monotonic_ms() <= l->watched_ms + LATE_MS;
}
