/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mcp/backend/file/file_work.h"

enum { NAMES_MAX = 100000, BETWEEN_LOOKS = 256 };

struct names {
	const char **list;
	size_t count, capacity;
};

/* What a reader could not see, or JSON not say, is left out. */
static bool is_wanted(const struct file_work *work, const char *name)
{
	h2o_iovec_t text = text_of(name);

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	if (name[0] == '.' && !work->plan->hidden)
		return false;
	return text_is_utf8(text) && !text_has_invisible(text);
}

static void add_name(h2o_mem_pool_t *pool, struct names *names, const char *name)
{
	if (names->count == names->capacity) {
		size_t capacity = names->capacity * 2 + 64;
		const char **grown = h2o_mem_alloc_pool(pool, capacity * sizeof(*grown));
		if (names->count > 0)
			memcpy(grown, names->list, names->count * sizeof(*grown));
		names->list = grown;
		names->capacity = capacity;
	}
	names->list[names->count++] = text_copy(pool, text_of(name));
}

static void read_names(struct file_work *work, DIR *folder, struct names *names)
{
	const struct dirent *entry;

	errno = 0;
	while ((entry = readdir(folder)) != NULL) {
		if (is_wanted(work, entry->d_name))
			add_name(&work->pool, names, entry->d_name);
		work->truncated = names->count == NAMES_MAX;
		if (work->truncated)
			return;
		if (names->count % BETWEEN_LOOKS == 0 && file_work_is_over(work)) {
			work->problem = FILE_STOPPED;
			return;
		}
		errno = 0;
	}
	if (errno != 0)
		work->problem = FILE_FAILED;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Links, pipes and devices are none of what can be asked for. */
static void append_entry(struct file_work *work, int folder, const char *name)
{
	struct text_buffer *b = &work->read;
	char modified[32];
	struct stat status;
	struct tm time;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return;
	if (gmtime_r(&status.st_mtim.tv_sec, &time) == NULL ||
	    strftime(modified, sizeof(modified), "%Y-%m-%dT%H:%M:%SZ", &time) == 0)
		return;
	text_append_str(b, work->entries++ > 0 ? ",{\"name\":" : "{\"name\":");
	text_append_json(b, text_of(name));
	if (S_ISDIR(status.st_mode))
		text_append_str(b, ",\"kind\":\"folder\"");
	else
		text_append_printf(b, ",\"kind\":\"file\",\"size\":%lld", (long long)status.st_size);
	text_append_printf(b, ",\"modified\":\"%s\"}", modified);
}

static void append_entries(struct file_work *work, int folder, const struct names *names)
{
	text_append_str(&work->read, "[");
	for (size_t i = 0; i < names->count; i++) {
		if (work->entries == work->plan->entries) {
			work->truncated = true;
			break;
		}
		append_entry(work, folder, names->list[i]);
		if (i % BETWEEN_LOOKS != 0 || !file_work_is_over(work))
			continue;
		work->problem = FILE_STOPPED;
		return;
	}
	text_append_str(&work->read, "]");
}

void file_list(struct file_work *work)
{
	struct names names = {.count = 0};
	int fd = file_open_below(work->plan->root, work->path, O_RDONLY | O_DIRECTORY, &work->status, &work->problem);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;

	if (fd < 0)
		return;
	if (folder == NULL) {
		close(fd);
		work->problem = FILE_FAILED;
		return;
	}
	read_names(work, folder, &names);
	qsort(names.list, names.count, sizeof(*names.list), by_name);
	if (work->problem == FILE_FINE)
		append_entries(work, fd, &names);
	closedir(folder);
}
