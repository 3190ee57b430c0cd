/* SPDX-License-Identifier: Apache-2.0 */
/* The files of an import. Each becomes what it is in one step, none takes the place of another unless the operator says
 * so, and where one would, none is written. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/encoding.h"
#include "common/secret.h"
#include "mcp/import/import.h"

enum { FILE_MAX = 1024 * 1024, MODE = 0644 };

static const char *file_name(h2o_mem_pool_t *pool, const struct import_operation *op)
{
	return text_printf(pool, "%s.yaml", op->name);
}

static bool is_made(const struct import_operation *op)
{
	return op->is_chosen && op->problem == NULL;
}

/* ---- what is there ---- */

/* What is no file of that size, or cannot be read, differs. */
static bool is_same(int fd, h2o_iovec_t text)
{
	char buffer[8192];
	size_t at = 0;
	struct stat status;
	ssize_t len;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || (size_t)status.st_size != text.len)
		return false;
	while ((len = read(fd, buffer, sizeof(buffer))) > 0) {
		if (text.len - at < (size_t)len || memcmp(buffer, text.base + at, (size_t)len) != 0)
			return false;
		at += (size_t)len;
	}
	return len == 0 && at == text.len;
}

static enum import_state state_of(int folder, const char *name, h2o_iovec_t text)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	enum import_state state;

	if (fd == -1)
		return errno == ENOENT ? IMPORT_MADE : IMPORT_DIFFERS;
	state = is_same(fd, text) ? IMPORT_UNCHANGED : IMPORT_DIFFERS;
	close(fd);
	return state;
}

/* ---- writing ---- */

static bool write_all(int fd, h2o_iovec_t text)
{
	while (text.len > 0) {
		ssize_t len = write(fd, text.base, text.len);
		if (len == -1 && errno == EINTR)
			continue;
		if (len <= 0)
			return false;
		text = h2o_iovec_init(text.base + len, text.len - (size_t)len);
	}
	return fsync(fd) == 0;
}

/* A name that is free may be taken since: then it is left alone. */
static bool give_name(int folder, const char *from, const char *to, bool is_free)
{
	if (!is_free)
		return renameat(folder, from, folder, to) == 0;
	if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS) /* not every file system knows it; all know links */
		return false;
	return linkat(folder, from, folder, to, 0) == 0 && unlinkat(folder, from, 0) == 0;
}

/* The server reads no file whose name begins with a dot. */
static bool write_file(h2o_mem_pool_t *pool, int folder, struct import_operation *op)
{
	uint8_t random[8];
	const char *name = file_name(pool, op), *passing;
	bool fine;
	int fd;

	random_bytes(random, sizeof(random));
	passing = text_printf(pool, ".%s.%s", name, hex_encode(pool, random, sizeof(random)));
	fd = openat(folder, passing, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
	if (fd == -1)
		return false;
	/* Whoever imports is often not the server, which has to read it; no secret is in it. The program's umask is
	 * 077. */
	fine = fchmod(fd, MODE) == 0 && write_all(fd, op->text);
	fine = close(fd) == 0 && fine;
	fine = fine && give_name(folder, passing, name, op->state == IMPORT_MADE);
	if (!fine) {
		int why = errno;
		unlinkat(folder, passing, 0);
		errno = why;
		return false;
	}
	op->state = IMPORT_WRITTEN;
	return true;
}

static bool write_files(struct import_run *run, int folder, const char **error)
{
	for (size_t i = 0; i < run->count; i++) {
		struct import_operation *op = &run->operations[i];
		if (!is_made(op) || op->state == IMPORT_UNCHANGED)
			continue;
		if (!write_file(run->pool, folder, op)) {
			*error = text_printf(run->pool, "%s/%s.yaml: %s", run->options.into, op->name, strerror(errno));
			return false;
		}
	}
	fsync(folder);
	return true;
}

static size_t compare_files(struct import_run *run, int folder)
{
	size_t different = 0;

	for (size_t i = 0; i < run->count; i++) {
		struct import_operation *op = &run->operations[i];
		if (!is_made(op))
			continue;
		op->state = state_of(folder, file_name(run->pool, op), op->text);
		different += op->state == IMPORT_DIFFERS;
	}
	return different;
}

bool import_write(struct import_run *run, const char **error)
{
	int folder = open(run->options.into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool fine = true;

	*error = NULL;
	if (folder == -1) {
		*error = text_printf(run->pool, "%s: %s", run->options.into, strerror(errno));
		return false;
	}
	size_t different = compare_files(run, folder);
	if (different > 0 && !run->options.force) {
		*error = text_printf(
		    run->pool, "%zu file%s there and differ%s: nothing was written; --force writes over %s", different,
		    different == 1 ? " is" : "s are", different == 1 ? "s" : "", different == 1 ? "it" : "them");
		fine = false;
	} else if (!run->options.dry_run) {
		fine = write_files(run, folder, error);
	}
	close(folder);
	return fine;
}
