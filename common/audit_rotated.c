/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_rotated.h"

#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

static int open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* The log and what has its name with something behind it, without what we put there ourselves. */
static bool find_files(h2o_mem_pool_t *pool, const char *log, glob_t *files)
{
	struct text_buffer pattern = {.pool = pool};

	for (; *log != '\0'; log++) {
		text_append_str(&pattern, strchr("*?[\\", *log) != NULL ? "\\" : "");
		text_append(&pattern, log, 1);
	}
	text_append_str(&pattern, "*");
	return glob(pattern.base, GLOB_NOSORT, NULL, files) == 0;
}

static bool is_log(const char *path, struct stat *st)
{
	size_t len = strlen(path), own = sizeof(".delivered") - 1;

	return (len < own || strcmp(path + len - own, ".delivered") != 0) && stat(path, st) == 0 &&
	       S_ISREG(st->st_mode);
}

int audit_rotated_open(const char *log, uint64_t inode)
{
	h2o_mem_pool_t pool;
	struct stat st;
	glob_t files;
	int fd = -1;

	h2o_mem_init_pool(&pool);
	if (find_files(&pool, log, &files)) {
		for (size_t i = 0; i < files.gl_pathc && fd < 0; i++)
			if (is_log(files.gl_pathv[i], &st) && st.st_ino == inode)
				fd = open_file(files.gl_pathv[i]);
		globfree(&files);
	}
	h2o_mem_clear_pool(&pool);
	return fd;
}

static bool is_before(const struct stat *a, const struct stat *b)
{
	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
		return a->st_mtim.tv_sec < b->st_mtim.tv_sec;
	if (a->st_mtim.tv_nsec != b->st_mtim.tv_nsec)
		return a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
	return a->st_ino < b->st_ino; /* copies that keep the time: any order, but one */
}

/* Each was written to until the next one came: so they follow each other by when they were last written to. */
int audit_rotated_next(const char *log, int fd)
{
	struct stat now, st, best;
	h2o_mem_pool_t pool;
	const char *next = NULL;
	glob_t files;

	if (fd < 0)
		return open_file(log);
	if (fstat(fd, &now) != 0 || stat(log, &st) != 0 || (st.st_ino == now.st_ino && st.st_dev == now.st_dev))
		return -1;
	h2o_mem_init_pool(&pool);
	int found = -1;
	if (find_files(&pool, log, &files)) {
		for (size_t i = 0; i < files.gl_pathc; i++) {
			if (!is_log(files.gl_pathv[i], &st) || st.st_ino == now.st_ino || is_before(&st, &now) ||
			    (next != NULL && !is_before(&st, &best)))
				continue;
			next = files.gl_pathv[i];
			best = st;
		}
		found = open_file(next != NULL ? next : log);
		globfree(&files);
	}
	h2o_mem_clear_pool(&pool);
	return found;
}
