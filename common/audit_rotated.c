/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_rotated.h"

#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* The log and what has its name with something behind it. */
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

/* Neither what we put there ourselves nor what was compressed. */
static bool is_log(const char *path, struct stat *st)
{
	static const char *const OTHERS[] = {".delivered", ".gz", ".xz", ".zst", ".bz2"};
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
		size_t end = strlen(OTHERS[i]);
		if (len >= end && strcmp(path + len - end, OTHERS[i]) == 0)
			return false;
	}
	return stat(path, st) == 0 && S_ISREG(st->st_mode);
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

enum { TIME_SIZE = 25 };

struct rotated {
	const char *path;
	struct stat st;
	char begun[TIME_SIZE]; /* time of the first line; "" if there is none */
};

static void read_begun(int fd, char begun[TIME_SIZE])
{
	static const char START[] = "{\"time\":\"";
	char text[sizeof(START) - 1 + TIME_SIZE - 1];
	bool is_line = pread(fd, text, sizeof(text), 0) == sizeof(text) && memcmp(text, START, sizeof(START) - 1) == 0;

	memcpy(begun, is_line ? text + sizeof(START) - 1 : "", is_line ? TIME_SIZE - 1 : 1);
	begun[TIME_SIZE - 1] = '\0';
}

/* By when they were begun: an old one may be written to for a while after the next one was. */
static int by_begin(const void *a, const void *b)
{
	const struct rotated *x = a, *y = b;
	int order = strcmp(x->begun, y->begun);

	return order != 0 ? order : (x->st.st_ino > y->st.st_ino) - (x->st.st_ino < y->st.st_ino);
}

/* Those beside the log that have a line, the older one first. */
static size_t list_rotated(h2o_mem_pool_t *pool, const char *log, struct rotated **ret)
{
	struct stat now = {0}, st;
	size_t count = 0;
	glob_t files;

	*ret = NULL;
	if (stat(log, &now) != 0 || !find_files(pool, log, &files))
		return 0;
	*ret = h2o_mem_alloc_pool(pool, files.gl_pathc * sizeof(**ret));
	for (size_t i = 0; i < files.gl_pathc; i++) {
		if (!is_log(files.gl_pathv[i], &st) || (st.st_ino == now.st_ino && st.st_dev == now.st_dev))
			continue;
		struct rotated *one = &(*ret)[count];
		int fd = open_file(files.gl_pathv[i]);
		*one = (struct rotated){.path = text_copy(pool, text_of(files.gl_pathv[i])), .st = st};
		read_begun(fd, one->begun);
		count += one->begun[0] != '\0';
		if (fd >= 0)
			close(fd);
	}
	globfree(&files);
	qsort(*ret, count, sizeof(**ret), by_begin);
	return count;
}

const char *const *audit_rotated_list(h2o_mem_pool_t *pool, const char *log, int64_t bytes)
{
	struct rotated *rotated;
	size_t count = list_rotated(pool, log, &rotated), from = count;

	while (from > 0 && (from == count || rotated[from - 1].st.st_size <= bytes))
		bytes -= rotated[--from].st.st_size;
	const char **ret = h2o_mem_alloc_pool(pool, (count - from + 1) * sizeof(*ret));
	for (size_t i = from; i < count; i++)
		ret[i - from] = rotated[i].path;
	ret[count - from] = NULL;
	return ret;
}

int audit_rotated_next(const char *log, int fd)
{
	struct rotated now = {.path = NULL}, *rotated;
	const char *next = log;
	h2o_mem_pool_t pool;
	struct stat st;

	if (fd >= 0) {
		if (fstat(fd, &now.st) != 0 || stat(log, &st) != 0 ||
		    (st.st_ino == now.st.st_ino && st.st_dev == now.st.st_dev))
			return -1;
		read_begun(fd, now.begun);
	}
	h2o_mem_init_pool(&pool);
	size_t count = list_rotated(&pool, log, &rotated);
	for (size_t i = count; i-- > 0;)
		if (by_begin(&now, &rotated[i]) < 0)
			next = rotated[i].path;
	int found = open_file(next);
	h2o_mem_clear_pool(&pool);
	return found;
}
