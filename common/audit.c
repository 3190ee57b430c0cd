/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

struct audit {
	h2o_mem_pool_t pool; /* of this object's texts */
	const char *program, *path;
	int fd;
	bool torn; /* the last line was not written to its end */
};

/* A folder with the set-group-ID bit gives the file its group: then the operator wants that group
 * to read. Files that exist keep their mode. */
static int open_file(const char *path)
{
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
	struct stat st;
	int fd = open(path, flags | O_EXCL, 0600);
	if (fd < 0)
		return errno == EEXIST ? open(path, flags, 0600) : -1;
	if (fstat(fd, &st) == 0 && st.st_gid != getegid() && fchmod(fd, 0640) != 0)
		log_event(LOG_WARNING, "the audit log's group cannot be let in", "reason", strerror(errno), NULL);
	return fd;
}

struct audit *audit_open(const char *program, const char *path)
{
	int fd = open_file(path);
	if (fd < 0)
		return NULL;
	struct audit *audit = h2o_mem_alloc(sizeof(*audit));
	*audit = (struct audit){.fd = fd};
	h2o_mem_init_pool(&audit->pool);
	audit->program = text_copy(&audit->pool, text_of(program));
	audit->path = text_copy(&audit->pool, text_of(path));
	return audit;
}

void audit_reopen(struct audit *audit)
{
	int fd = open_file(audit->path);
	if (fd < 0) { /* the old file is still open and goes on */
		log_event(LOG_ERROR, "the audit log cannot be opened again", "reason", strerror(errno), NULL);
		return;
	}
	close(audit->fd);
	audit->fd = fd;
	audit->torn = false;
}

static h2o_iovec_t format_line(struct audit *audit, h2o_mem_pool_t *pool, h2o_iovec_t members)
{
	char time[CLOCK_TEXT_SIZE];
	struct text_buffer line = {.pool = pool};
	clock_format_now(time);
	/* What was torn becomes a line of its own, so that it cannot spoil this one. */
	text_append_str(&line, audit->torn ? "\n{\"time\":\"" : "{\"time\":\"");
	text_append_str(&line, time);
	text_append_str(&line, "\",\"program\":");
	text_append_json(&line, text_of(audit->program));
	if (members.len > 0)
		text_append_str(&line, ",");
	text_append_iovec(&line, members);
	text_append_str(&line, "}\n");
	return h2o_iovec_init(line.base, line.len);
}

/* One write(2) per line, so that lines of several processes never mix; what a full disk or a signal
 * left out is tried again. */
static bool write_line(struct audit *audit, h2o_iovec_t line)
{
	size_t done = 0;
	while (done < line.len) {
		ssize_t n = write(audit->fd, line.base + done, line.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			audit->torn = audit->torn || done != 0;
			return false;
		}
		done += (size_t)n;
	}
	audit->torn = false;
	return true;
}

/* EINVAL: what is written to is no file but a pipe or a device, which has nothing to wait for. */
static bool make_durable(struct audit *audit)
{
	return fdatasync(audit->fd) == 0 || errno == EINVAL;
}

static bool write_members(struct audit *audit, h2o_mem_pool_t *pool, h2o_iovec_t members, bool durable)
{
	bool written = write_line(audit, format_line(audit, pool, members)) && (!durable || make_durable(audit));
	int saved = errno;
	h2o_mem_clear_pool(pool);
	errno = saved;
	return written;
}

bool audit_write_members(struct audit *audit, h2o_iovec_t members, bool durable)
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	return write_members(audit, &pool, members, durable);
}

bool audit_write(struct audit *audit, json_t *record, bool durable)
{
	h2o_mem_pool_t pool;
	if (!json_is_object(record)) {
		json_decref(record);
		errno = EINVAL;
		return false;
	}
	h2o_mem_init_pool(&pool);
	h2o_iovec_t text = json_text(&pool, record);
	json_decref(record);
	return write_members(audit, &pool, h2o_iovec_init(text.base + 1, text.len - 2), durable);
}

void audit_close(struct audit *audit)
{
	if (audit == NULL)
		return;
	close(audit->fd);
	h2o_mem_clear_pool(&audit->pool);
	free(audit);
}
