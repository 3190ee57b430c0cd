/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "mcp/backend/file/file_work.h"

enum { CHUNK = 64 * 1024 };

/* Takes as much as may still be read; false if it was not all. */
static bool take(struct file_work *work, const char *bytes, size_t len)
{
	size_t room = work->plan->bytes - work->read.len;

	text_append(&work->read, bytes, len < room ? len : room);
	work->truncated = len > room;
	return !work->truncated;
}

/* The wanted lines of a chunk; *line: the number of the one that it begins in. False if no more is wanted. */
static bool take_lines(struct file_work *work, const char *bytes, size_t len, int64_t *line)
{
	const int64_t first = work->first_line > 1 ? work->first_line : 1;

	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t size = end != NULL ? (size_t)(end - bytes + 1) : len;
		if (work->lines > 0 && *line >= first && *line - first >= work->lines) {
			work->truncated = true;
			return false;
		}
		if (*line >= first && !take(work, bytes, size))
			return false;
		*line += end != NULL ? 1 : 0;
		bytes += size;
		len -= size;
	}
	return true;
}

static void read_all(struct file_work *work, int fd)
{
	char *chunk = h2o_mem_alloc_pool(&work->pool, CHUNK);
	int64_t line = 1;

	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			work->problem = FILE_FAILED;
		if (n <= 0 || !take_lines(work, chunk, (size_t)n, &line))
			return;
		if (file_work_is_over(work)) {
			work->problem = FILE_STOPPED;
			return;
		}
	}
}

/* What was cut in the middle of a character loses its beginning too. */
static void end_on_a_character(struct text_buffer *b)
{
	size_t tail = 0;

	while (tail < 4 && tail < b->len && ((unsigned char)b->base[b->len - 1 - tail] & 0xC0) == 0x80)
		tail++;
	if (tail == b->len)
		return;
	unsigned char first = (unsigned char)b->base[b->len - 1 - tail];
	size_t wanted = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
	if (tail < wanted)
		b->len -= tail + 1;
}

void file_read(struct file_work *work)
{
	int fd = file_open_below(work->plan->root, work->path, O_RDONLY, &work->status, &work->problem);

	if (fd < 0)
		return;
	read_all(work, fd);
	close(fd);
	if (work->truncated)
		end_on_a_character(&work->read);
}
