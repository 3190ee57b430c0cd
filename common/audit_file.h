/* SPDX-License-Identifier: Apache-2.0 */
/* The file of an audit log: how it ends, and which of the chains in it a living process writes. */
#ifndef SALLYPORT_AUDIT_FILE_H
#define SALLYPORT_AUDIT_FILE_H

#include "audit_line.h"

/* For appending; as audit_open says. -1 with errno. */
int audit_file_open(const char *path);
/* True if what is open is no longer what stands at the path. */
bool audit_file_was_exchanged(int fd, const char *path);

enum { AUDIT_TAIL_CHAINS = 16 };

struct audit_tail {
	struct audit_chain chains[AUDIT_TAIL_CHAINS]; /* whose lines stand near the end, with the newest one first */
	size_t count;                                 /* 0: there is no line */
	bool is_open;                                 /* the file does not end with a line feed */
	struct audit_piece piece; /* if what stands behind the last one is no line; bytes 0: there is none */
};
/* Of the file that is open as `fd`. Of one that is no file (a pipe, a device), or does not stand at the path: nothing.
 */
void audit_file_tail(const char *path, int fd, struct audit_tail *ret);

/* Says to others that the chain is alive, as long as the file is open here. False: somebody else does. */
bool audit_file_hold(int fd, const char *chain);
bool audit_file_is_held(int fd, const char *chain);
/* Whether anybody's chain in it is alive. */
bool audit_file_is_in_use(int fd);

/* Line by line. */
struct audit_reader {
	FILE *file;
	char *buffer;
	size_t capacity;
	int64_t offset;  /* behind the line */
	uint64_t number; /* of the line, from 1 */
};
/* False with errno. */
bool audit_reader_open(struct audit_reader *reader, const char *path);
/* False at the end. *ret_ended (may be NULL): the line has its line feed, which is no part of it. */
bool audit_reader_next(struct audit_reader *reader, h2o_iovec_t *line, bool *ret_ended);
void audit_reader_close(struct audit_reader *reader);

#endif
