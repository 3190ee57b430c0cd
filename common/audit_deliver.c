/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit_command.h"
#include "audit_line.h"
#include "audit_rotated.h"
#include "clock.h"
#include "log.h"

enum {
	LOOK_MS = 500,
	RETRY_MS = 2000,
	BATCH_BYTES = 128 * 1024,
	LONGEST = 4 * 1024 * 1024, /* what is longer and has no end is no line */
	EXPIRE_MS = 24 * 3600 * 1000,
};

struct audit_delivery {
	h2o_mem_pool_t pool;
	const char *log, *conninfo;
	bool expires;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool stopping; /* guarded by the mutex */
	/* of the thread */
	PGconn *connection;
	bool is_down;
	int place;            /* the file that remembers, locked by us; -1: somebody else has it, or nobody can */
	int fd;               /* the file that is read; -1: none yet */
	int64_t offset;       /* in it */
	int64_t singly_until; /* one by one: a batch was refused, and the line is looked for which is why */
	int64_t expired_ms;   /* 0: not yet */
	char *buffer;
	size_t capacity;
};

/* ---- the place ---- */

static bool hold_place(struct audit_delivery *d)
{
	h2o_mem_pool_t pool;
	char text[64] = "";
	uint64_t inode = 0;
	int64_t offset = 0;

	if (d->place >= 0)
		return true;
	h2o_mem_init_pool(&pool);
	const char *path = text_printf(&pool, "%s.delivered", d->log);
	d->place = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	h2o_mem_clear_pool(&pool);
	if (d->place < 0)
		return false;
	if (flock(d->place, LOCK_EX | LOCK_NB) != 0) {
		close(d->place);
		d->place = -1;
		return false;
	}
	if (pread(d->place, text, sizeof(text) - 1, 0) > 0 &&
	    sscanf(text, "%" SCNu64 " %" SCNd64, &inode, &offset) == 2)
		d->fd = audit_rotated_open(d->log, inode);
	d->offset = d->fd >= 0 ? offset : 0;
	return true;
}

static void remember_place(const struct audit_delivery *d)
{
	struct stat st;
	char text[64];

	if (fstat(d->fd, &st) != 0)
		return;
	/* of one length, so that an older one never shines through */
	int len = snprintf(text, sizeof(text), "%20" PRIu64 " %20" PRId64 "\n", (uint64_t)st.st_ino, d->offset);
	if (pwrite(d->place, text, (size_t)len, 0) != len)
		log_event(LOG_WARNING, "the place in the audit log cannot be remembered", "reason", strerror(errno),
		          NULL);
}

/* ---- PostgreSQL ---- */

static bool is_connected(struct audit_delivery *d)
{
	if (d->connection != NULL && PQstatus(d->connection) == CONNECTION_OK)
		return true;
	PQfinish(d->connection);
	const char *const keys[] = {"options",          "keepalives_idle",           "keepalives_interval",
	                            "keepalives_count", "tcp_user_timeout",          "dbname",
	                            "connect_timeout",  "fallback_application_name", NULL};
	const char *const values[] = {
	    "-c statement_timeout=30000", "10", "5", "3", "10000", d->conninfo, "5", "sallyport audit", NULL};
	d->connection = PQconnectdbParams(keys, values, 1);
	bool connected = PQstatus(d->connection) == CONNECTION_OK;
	if (connected == d->is_down)
		log_event(connected ? LOG_INFO : LOG_WARNING,
		          connected ? "audit lines are delivered again"
		                    : "audit lines wait in their file for the database",
		          "file", d->log, NULL);
	d->is_down = !connected;
	return connected;
}

enum answer { ANSWER_DONE, ANSWER_REFUSED, ANSWER_NONE };

static enum answer ask(struct audit_delivery *d, const char *sql, const char *parameter)
{
	PGresult *result = PQexecParams(d->connection, sql, parameter != NULL, NULL, &parameter, NULL, NULL, 0);
	bool done = PQresultStatus(result) == PGRES_TUPLES_OK;
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	/* 22, 23 and 54: what is in the lines; all else passes by itself, or somebody mends it */
	bool refused = !done && state != NULL &&
	               (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 || strncmp(state, "54", 2) == 0);

	if (!done && !refused && !d->is_down) {
		d->is_down = true;
		log_event(LOG_WARNING, "audit lines wait in their file for the database", "file", d->log, "reason",
		          PQerrorMessage(d->connection), NULL);
	}
	if (!done && !refused) {
		PQfinish(d->connection);
		d->connection = NULL;
	}
	PQclear(result);
	return done ? ANSWER_DONE : refused ? ANSWER_REFUSED : ANSWER_NONE;
}

/* ---- lines ---- */

static void set(json_t *object, const char *member, const char *value)
{
	if (value != NULL)
		json_object_set_new(object, member, json_string(value));
}

static void add_line(h2o_mem_pool_t *pool, json_t *batch, h2o_iovec_t text)
{
	struct audit_line line;
	h2o_iovec_t piece;

	if (!audit_line_find(text, &line, &piece))
		return;
	const json_t *record = json_read(pool, line.text, NULL);
	json_t *row = json_pack("{s:s%, s:I, s:s%, s:s%, s:s%}", "chain", line.chain.base, line.chain.len, "seq",
	                        (json_int_t)line.seq, "program", line.program.base, line.program.len, "time",
	                        line.time.base, line.time.len, "line", line.text.base, line.text.len);
	if (row == NULL) /* it is no UTF-8: nobody of us wrote it */
		return;
	const char *client = json_get_text(record, "client").base;
	set(row, "event", json_get_text(record, "event").base);
	set(row, "username", json_get_text(record, "username").base);
	set(row, "client", client != NULL ? client : json_get_text(record, "client_id").base);
	set(row, "grant", json_get_text(record, "grant").base);
	set(row, "item", audit_item_of(record));
	set(row, "outcome", json_get_text(record, "outcome").base);
	set(row, "request", json_get_text(record, "request").base);
	json_array_append_new(batch, row);
}

/* Whole lines of the bytes, as an array; *taken becomes where they end. One of them if a batch was refused. */
static json_t *batch_of(struct audit_delivery *d, h2o_mem_pool_t *pool, size_t len, size_t *taken)
{
	json_t *batch = json_keep(pool, json_array());
	const char *feed;

	*taken = 0;
	while (*taken < len && (feed = memchr(d->buffer + *taken, '\n', len - *taken)) != NULL) {
		const char *start = d->buffer + *taken;
		*taken = (size_t)(feed - d->buffer) + 1;
		add_line(pool, batch, h2o_iovec_init(start, (size_t)(feed - start)));
		if (d->offset < d->singly_until && json_array_size(batch) > 0)
			break;
	}
	return batch;
}

/* What is in the file behind the place, more of it where a line is longer. */
static size_t read_on(struct audit_delivery *d)
{
	for (;;) {
		struct stat st;
		if (fstat(d->fd, &st) == 0 &&
		    st.st_size < d->offset) { /* lines that came before are known by their numbers */
			log_event(LOG_ERROR, "the audit log has become shorter: it is delivered from its beginning",
			          "file", d->log, NULL);
			d->offset = 0;
		}
		ssize_t n = pread(d->fd, d->buffer, d->capacity, d->offset);
		if (n <= 0)
			return 0;
		if ((size_t)n < d->capacity || memchr(d->buffer, '\n', (size_t)n) != NULL || d->capacity >= LONGEST)
			return (size_t)n;
		d->capacity *= 2;
		d->buffer = h2o_mem_realloc(d->buffer, d->capacity);
	}
}

/* True if there may be more at once. */
static bool deliver_batch(struct audit_delivery *d)
{
	size_t len = read_on(d), taken;
	h2o_mem_pool_t pool;
	enum answer answer = ANSWER_DONE;

	if (len == 0)
		return false;
	h2o_mem_init_pool(&pool);
	json_t *batch = batch_of(d, &pool, len, &taken);
	if (json_array_size(batch) > 0)
		answer = ask(d, "SELECT mcp.audit_put($1)", json_text(&pool, batch).base);
	bool several = json_array_size(batch) > 1;
	h2o_mem_clear_pool(&pool);
	if (answer == ANSWER_NONE)
		return false;
	if (answer == ANSWER_REFUSED && several) {
		d->singly_until = d->offset + (int64_t)taken;
		return true;
	}
	if (answer == ANSWER_REFUSED)
		log_event(LOG_ERROR, "a line of the audit log is refused by the database", "file", d->log, NULL);
	if (taken == 0 && len >= LONGEST)
		taken = len;
	d->offset += (int64_t)taken;
	if (taken > 0)
		remember_place(d);
	return taken > 0;
}

/* The file that was read was exchanged, and is at its end: the next one. */
static bool next_file(struct audit_delivery *d)
{
	int next = audit_rotated_next(d->log, d->fd);

	if (next < 0)
		return false;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = next;
	d->offset = 0;
	return true;
}

static void expire(struct audit_delivery *d)
{
	int64_t now = clock_monotonic_ms();

	if (d->expires && (d->expired_ms == 0 || now - d->expired_ms >= EXPIRE_MS) &&
	    ask(d, "SELECT mcp.audit_expire()", NULL) == ANSWER_DONE)
		d->expired_ms = now;
}

static void deliver_all(struct audit_delivery *d)
{
	if (!hold_place(d) || (d->fd < 0 && !next_file(d)) || !is_connected(d))
		return;
	do {
		while (deliver_batch(d))
			;
	} while (d->connection != NULL && next_file(d));
	if (d->connection != NULL)
		expire(d);
}

/* ---- the thread ---- */

static bool wait_a_while(struct audit_delivery *d)
{
	struct timespec until;
	int64_t ms = d->is_down ? RETRY_MS : LOOK_MS;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (ms % 1000) * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&d->mutex);
	if (!d->stopping)
		pthread_cond_timedwait(&d->changed, &d->mutex, &until);
	bool stopping = d->stopping;
	pthread_mutex_unlock(&d->mutex);
	return !stopping;
}

static void *deliver(void *data)
{
	struct audit_delivery *d = data;

	do
		deliver_all(d);
	while (wait_a_while(d));
	deliver_all(d);
	return NULL;
}

struct audit_delivery *audit_deliver_start(const char *log, const char *conninfo, bool expires)
{
	struct audit_delivery *d;
	sigset_t all, before;
	struct stat st;

	if (stat(log, &st) != 0 || !S_ISREG(st.st_mode))
		return NULL;
	d = h2o_mem_alloc(sizeof(*d));
	*d = (struct audit_delivery){.expires = expires, .place = -1, .fd = -1, .capacity = BATCH_BYTES};
	h2o_mem_init_pool(&d->pool);
	d->log = text_copy(&d->pool, text_of(log));
	d->conninfo = text_copy(&d->pool, text_of(conninfo));
	d->buffer = h2o_mem_alloc(d->capacity);
	pthread_mutex_init(&d->mutex, NULL);
	pthread_cond_init(&d->changed, NULL);
	sigfillset(&all); /* signals are for the loop's thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&d->thread, NULL, deliver, d) != 0)
		h2o_fatal("a thread for the audit log cannot be started");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return d;
}

void audit_deliver_stop(struct audit_delivery *d)
{
	if (d == NULL)
		return;
	pthread_mutex_lock(&d->mutex);
	d->stopping = true;
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->mutex);
	pthread_join(d->thread, NULL);
	PQfinish(d->connection);
	if (d->fd >= 0)
		close(d->fd);
	if (d->place >= 0)
		close(d->place);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->mutex);
	free(d->buffer);
	h2o_mem_clear_pool(&d->pool);
	free(d);
}
