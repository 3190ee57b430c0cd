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

#include "audit_batch.h"
#include "audit_file.h"
#include "audit_rotated.h"
#include "clock.h"
#include "log.h"

enum {
	LOOK_MS = 500,
	RETRY_MS = 2000,
	BATCH_BYTES = 512 * 1024,
	LONGEST = 4 * 1024 * 1024, /* what is longer and has no end is no line */
	EXCHANGED_MS = 60 * 1000,
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
	int64_t exchanged_ms; /* since when another file stands in its place; 0: none does */
	bool is_warned;       /* that it is written to all the same */
	int64_t expired_ms;   /* 0: not yet */
	char *buffer;
	size_t capacity;
	struct audit_batch batch;
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
	    sscanf(text, "%" SCNu64 " %" SCNd64, &inode, &offset) == 2) {
		d->fd = audit_rotated_open(d->log, inode);
		if (d->fd < 0)
			log_event(
			    LOG_ERROR,
			    "the audit log whose lines were delivered last is gone: what was not, is lost, and all "
			    "that is left is delivered once more",
			    "file", d->log, NULL);
	}
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

static enum answer ask(struct audit_delivery *d, const char *sql, int count, const char *const *values,
                       const int *lengths, const int *formats)
{
	PGresult *result = PQexecParams(d->connection, sql, count, NULL, values, lengths, formats, 0);
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

/* Whole lines of the bytes; where they end. One of them if a batch was refused. */
static size_t read_batch(const struct audit_delivery *d, size_t len, struct audit_batch *batch)
{
	size_t taken = 0;
	const char *feed;

	while (taken < len && (feed = memchr(d->buffer + taken, '\n', len - taken)) != NULL) {
		const char *start = d->buffer + taken;
		taken = (size_t)(feed - d->buffer) + 1;
		audit_batch_add(batch, h2o_iovec_init(start, (size_t)(feed - start)));
		if (d->offset < d->singly_until && batch->count > 0)
			break;
	}
	audit_batch_end(batch);
	return taken;
}

static enum answer put(struct audit_delivery *d, const struct audit_batch *batch)
{
	const char *values[AUDIT_COLUMNS];
	int lengths[AUDIT_COLUMNS], formats[AUDIT_COLUMNS];

	for (size_t i = 0; i < AUDIT_COLUMNS; i++) {
		values[i] = batch->columns[i].base;
		lengths[i] = (int)batch->columns[i].len;
		formats[i] = 1;
	}
	return ask(d, "SELECT mcp.audit_put($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", AUDIT_COLUMNS, values,
	           lengths, formats);
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
	size_t len = read_on(d);
	struct audit_batch *batch = &d->batch;

	if (len == 0)
		return false;
	audit_batch_begin(batch);
	size_t taken = read_batch(d, len, batch);
	enum answer answer = batch->count > 0 ? put(d, batch) : ANSWER_DONE;
	if (answer == ANSWER_NONE)
		return false;
	if (answer == ANSWER_REFUSED && batch->count > 1) {
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

/* A process that has not heard yet that the log was exchanged goes on in the old one. */
static bool is_written_still(struct audit_delivery *d)
{
	int64_t now = clock_monotonic_ms();

	if (!audit_file_is_in_use(d->fd))
		return false;
	if (d->exchanged_ms == 0)
		d->exchanged_ms = now;
	if (!d->is_warned && now - d->exchanged_ms >= EXCHANGED_MS) {
		d->is_warned = true;
		log_event(LOG_WARNING, "an exchanged audit log is still written to: its process was not told (SIGHUP)",
		          "file", d->log, NULL);
	}
	return true;
}

/* The file that was read was exchanged, nobody writes to it any more, and it is at its end: the next one. */
static bool next_file(struct audit_delivery *d)
{
	int next = audit_rotated_next(d->log, d->fd);

	if (next < 0)
		return false;
	/* what came since it was read last is read before it is left */
	if (d->fd >= 0 && (is_written_still(d) || deliver_batch(d) || d->connection == NULL)) {
		close(next);
		return false;
	}
	if (d->fd >= 0)
		close(d->fd);
	d->fd = next;
	d->offset = d->exchanged_ms = 0;
	d->is_warned = false;
	return true;
}

static void expire(struct audit_delivery *d)
{
	int64_t now = clock_monotonic_ms();

	if (d->expires && (d->expired_ms == 0 || now - d->expired_ms >= EXPIRE_MS) &&
	    ask(d, "SELECT mcp.audit_expire()", 0, NULL, NULL, NULL) == ANSWER_DONE)
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
	audit_batch_open(&d->batch, &d->pool);
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
