/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "text.h"

enum {
	VALUE_SIZE_MAX = 2048, /* bytes of a value before escaping; more is cut */
	BUFFER_SIZE = 65536,
	PATIENCE_MS = 100, /* how long a reader of the log may hold up the daemon */
};

/* Workers may log too. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	char *program, *path;
	int fd;
	enum log_level least;
	bool ends_at_exit;
	size_t len;
	char buffer[BUFFER_SIZE];
} sink = {.fd = STDERR_FILENO, .least = LOG_INFO};

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

/* A log that cannot be written (disk full, reader gone or stuck) loses lines, never requests. */
static void write_out(const char *bytes, size_t len)
{
	while (len != 0) {
		ssize_t n = write(sink.fd, bytes, len);
		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		struct pollfd writable = {.fd = sink.fd, .events = POLLOUT};
		if (errno != EAGAIN || poll(&writable, 1, PATIENCE_MS) != 1)
			return;
	}
}

static void flush_locked(void)
{
	write_out(sink.buffer, sink.len);
	sink.len = 0;
}

void log_flush(void)
{
	int saved = errno;
	pthread_mutex_lock(&lock);
	flush_locked();
	pthread_mutex_unlock(&lock);
	errno = saved;
}

static char *duplicate(const char *s)
{
	char *copy = strdup(s);
	if (copy == NULL)
		h2o_fatal("no memory");
	return copy;
}

/* Into the place of the old file. */
static void use_file(int fd)
{
	if (sink.fd != STDERR_FILENO)
		close(sink.fd);
	sink.fd = fd;
}

bool log_open(const char *program, const char *path, enum log_level least)
{
	int fd = path == NULL ? STDERR_FILENO : open_file(path);
	if (fd < 0)
		return false;
	pthread_mutex_lock(&lock);
	flush_locked();
	free(sink.program);
	free(sink.path);
	sink.program = duplicate(program);
	sink.path = path == NULL ? NULL : duplicate(path);
	sink.least = least;
	use_file(fd);
	if (!sink.ends_at_exit)
		sink.ends_at_exit = atexit(log_flush) == 0;
	pthread_mutex_unlock(&lock);
	return true;
}

void log_reopen(void)
{
	if (sink.path == NULL)
		return;
	int fd = open_file(sink.path);
	if (fd < 0) { /* goes to the old file, which is still open */
		log_event(LOG_ERROR, "the log cannot be opened again", "reason", strerror(errno), NULL);
		return;
	}
	pthread_mutex_lock(&lock);
	flush_locked();
	use_file(fd);
	pthread_mutex_unlock(&lock);
}

static void append_pair(struct text_buffer *line, const char *key, const char *value)
{
	text_append_str(line, line->len == 0 ? "{" : ",");
	text_append_json(line, text_of(key));
	text_append_str(line, ":");
	h2o_iovec_t text = {(char *)value, strnlen(value, VALUE_SIZE_MAX + 1)};
	text_append_json(line, text_beginning(text, VALUE_SIZE_MAX));
}

static void append_head(struct text_buffer *line, enum log_level level, const char *message)
{
	static const char *const names[] = {"debug", "info", "warning", "error"};
	char time[CLOCK_TEXT_SIZE];
	clock_format_now(time);
	append_pair(line, "time", time);
	append_pair(line, "level", names[level]);
	append_pair(line, "program", sink.program == NULL ? "sallyport" : sink.program);
	append_pair(line, "message", message);
}

static void take_line(const struct text_buffer *line, bool at_once)
{
	if (line->len > BUFFER_SIZE - sink.len)
		flush_locked();
	if (line->len > BUFFER_SIZE) {
		write_out(line->base, line->len);
		return;
	}
	memcpy(sink.buffer + sink.len, line->base, line->len);
	sink.len += line->len;
	if (at_once)
		flush_locked();
}

void log_event(enum log_level level, const char *message, ...)
{
	int saved = errno;
	va_list pairs;
	h2o_mem_pool_t pool;
	if (level < sink.least)
		return;
	h2o_mem_init_pool(&pool);
	struct text_buffer line = {.pool = &pool};
	pthread_mutex_lock(&lock);
	append_head(&line, level, message);
	va_start(pairs, message);
	for (const char *key; (key = va_arg(pairs, const char *)) != NULL;) {
		const char *value = va_arg(pairs, const char *);
		if (value != NULL)
			append_pair(&line, key, value);
	}
	va_end(pairs);
	text_append_str(&line, "}\n");
	take_line(&line, level >= LOG_ERROR);
	pthread_mutex_unlock(&lock);
	h2o_mem_clear_pool(&pool);
	errno = saved;
}
