/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

enum { TAIL_BYTES = 256 * 1024 };

static const off_t FIRST_PLACE = (off_t)1 << 61;

/* A folder with the set-group-ID bit gives the file its group: then the operator wants that group
 * to read. Files that exist keep their mode. */
int audit_file_open(const char *path)
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

bool audit_file_was_exchanged(int fd, const char *path)
{
	struct stat open_one, named;

	return fstat(fd, &open_one) != 0 || stat(path, &named) != 0 || open_one.st_dev != named.st_dev ||
	       open_one.st_ino != named.st_ino;
}

static void note_newest(struct audit_tail *tail, const struct audit_line *line)
{
	for (size_t i = 0; i < tail->count; i++)
		if (memcmp(tail->chains[i].id, line->chain.base, AUDIT_CHAIN_SIZE - 1) == 0)
			return;
	if (tail->count == AUDIT_TAIL_CHAINS)
		return;
	struct audit_chain *chain = &tail->chains[tail->count++];
	memcpy(chain->id, line->chain.base, AUDIT_CHAIN_SIZE - 1);
	chain->seq = line->seq;
	audit_digest(line->text, chain->head);
}

/* From its end on; what stands behind the last line that is one is not. */
static void read_tail(const char *bytes, size_t len, struct audit_tail *ret)
{
	struct audit_line line;
	h2o_iovec_t piece;
	size_t end = len;

	ret->is_open = len > 0 && bytes[len - 1] != '\n';
	while (end > 0) {
		size_t start = bytes[end - 1] == '\n' ? end - 1 : end, stop = start;
		while (start > 0 && bytes[start - 1] != '\n')
			start--;
		bool is_line = audit_line_find(h2o_iovec_init(bytes + start, stop - start), &line, &piece);
		if (is_line)
			note_newest(ret, &line);
		else if (end == len && ret->is_open) {
			ret->piece.bytes = piece.len;
			audit_digest(piece, ret->piece.digest);
		}
		end = start;
	}
}

void audit_file_tail(const char *path, int of, struct audit_tail *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	*ret = (struct audit_tail){.count = 0};
	if (fd < 0)
		return;
	if (!audit_file_was_exchanged(of, path) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		off_t start = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
		char *bytes = h2o_mem_alloc(TAIL_BYTES);
		ssize_t len = pread(fd, bytes, TAIL_BYTES, start);
		if (len > 0)
			read_tail(bytes, (size_t)len, ret);
		free(bytes);
	}
	close(fd);
}

/* A lock on one byte that no file is long enough to have: it is gone with the process that has it. */
static struct flock place_of(const char *chain)
{
	uint64_t number = 0;

	for (size_t i = 0; i < 15 && chain[i] != '\0'; i++)
		number = number << 4 | (uint64_t)(chain[i] <= '9' ? chain[i] - '0' : chain[i] - 'a' + 10);
	return (struct flock){
	    .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)number | FIRST_PLACE, .l_len = 1};
}

bool audit_file_hold(int fd, const char *chain)
{
	struct flock lock = place_of(chain);

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool audit_file_is_held(int fd, const char *chain)
{
	struct flock lock = place_of(chain);

	lock.l_type = F_RDLCK;
	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool audit_file_is_in_use(int fd)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = FIRST_PLACE};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool audit_reader_open(struct audit_reader *reader, const char *path)
{
	*reader = (struct audit_reader){.file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re")};
	return reader->file != NULL;
}

bool audit_reader_next(struct audit_reader *reader, h2o_iovec_t *line, bool *ret_ended)
{
	ssize_t len = getline(&reader->buffer, &reader->capacity, reader->file);

	if (len <= 0)
		return false;
	bool ended = reader->buffer[len - 1] == '\n';
	if (ret_ended != NULL)
		*ret_ended = ended;
	reader->offset += len;
	reader->number++;
	*line = h2o_iovec_init(reader->buffer, (size_t)(ended ? len - 1 : len));
	return true;
}

void audit_reader_close(struct audit_reader *reader)
{
	if (reader->file != NULL && reader->file != stdin)
		fclose(reader->file);
	free(reader->buffer);
	*reader = (struct audit_reader){0};
}
