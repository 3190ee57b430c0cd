/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/encoding.h"
#include "common/secret.h"
#include "mcp/backend/file/file_work.h"

enum { PRIVATE = 0600, KEPT = 0664, NAME_RANDOM = 12 };

static enum file_problem write_all(struct file_work *work, int fd, size_t *written)
{
	h2o_iovec_t rest = work->text;

	while (rest.len > 0) {
		ssize_t n = write(fd, rest.base, rest.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_problem_of(errno);
		rest = h2o_iovec_init(rest.base + n, rest.len - (size_t)n);
		*written += (size_t)n;
	}
	if (fsync(fd) != 0)
		return file_problem_of(errno);
	return fstat(fd, &work->status) == 0 ? FILE_FINE : FILE_FAILED;
}

/* What is to be replaced. Its rights are kept, but for those to run it and of everybody to write it. */
static enum file_problem look_at_old(int folder, const char *name, mode_t *mode)
{
	struct stat old;

	if (fstatat(folder, name, &old, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? FILE_FINE : file_problem_of(errno);
	if (!S_ISREG(old.st_mode))
		return FILE_OTHER_KIND;
	*mode = old.st_mode & KEPT;
	return old.st_nlink == 1 ? FILE_FINE : FILE_SHARED;
}

/* The file is there with all that it shall hold, or it is not there. */
static enum file_problem give_name(struct file_work *work, int folder, const char *made, const char *name)
{
	unsigned flags = work->plan->writing == FILE_CREATE ? RENAME_NOREPLACE : 0;

	if (file_work_is_over(work))
		return FILE_STOPPED;
	if (renameat2(folder, made, folder, name, flags) != 0)
		return file_problem_of(errno);
	work->unsure = fsync(folder) != 0; /* it is there, but a crash could undo it */
	return work->unsure ? FILE_FAILED : FILE_FINE;
}

static enum file_problem write_new(struct file_work *work, int folder, const char *name)
{
	uint8_t random[NAME_RANDOM];
	size_t written = 0;
	mode_t mode = PRIVATE;
	enum file_problem problem = FILE_FINE;

	if (work->plan->writing == FILE_REPLACE)
		problem = look_at_old(folder, name, &mode);
	if (problem != FILE_FINE)
		return problem;
	random_bytes(random, sizeof(random));
	const char *made = text_printf(&work->pool, ".%s.new", hex_encode(&work->pool, random, sizeof(random)));
	int fd = openat(folder, made, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, PRIVATE);
	if (fd < 0)
		return file_problem_of(errno);
	problem = write_all(work, fd, &written);
	if (problem == FILE_FINE && fchmod(fd, mode) != 0)
		problem = FILE_FAILED;
	close(fd);
	if (problem == FILE_FINE)
		problem = give_name(work, folder, made, name);
	if (problem != FILE_FINE)
		unlinkat(folder, made, 0);
	return problem;
}

/* A part of a text is no text: what was appended goes, unless somebody else has appended meanwhile. True if nothing is
 * left of it. */
static bool take_back(int fd, off_t before, off_t appended)
{
	struct stat now;

	return appended == 0 || (fstat(fd, &now) == 0 && now.st_size == before + appended &&
	                         ftruncate(fd, before) == 0 && fsync(fd) == 0);
}

static enum file_problem append(struct file_work *work)
{
	enum file_problem problem;
	size_t appended = 0;
	int fd = file_open_below(work->plan->root, work->path, O_WRONLY | O_APPEND, &work->status, &problem);

	if (fd < 0)
		return problem;
	if (work->status.st_nlink != 1)
		problem = FILE_SHARED;
	else if ((size_t)work->status.st_size + work->text.len > work->plan->bytes)
		problem = FILE_TOO_LARGE;
	else {
		off_t before = work->status.st_size;
		problem = write_all(work, fd, &appended);
		work->unsure = problem != FILE_FINE && !take_back(fd, before, (off_t)appended);
	}
	close(fd);
	return problem;
}

void file_write(struct file_work *work)
{
	const char *name;

	if (work->text.len > work->plan->bytes) {
		work->problem = FILE_TOO_LARGE;
		return;
	}
	if (work->plan->writing == FILE_APPEND) {
		work->problem = append(work);
		return;
	}
	int folder = file_open_parent(&work->pool, work->plan->root, work->path, &name, &work->problem);
	if (folder < 0)
		return;
	work->problem = write_new(work, folder, name);
	close(folder);
}
