/* SPDX-License-Identifier: Apache-2.0 */
/* Files below a folder: no link, no mount and no name on the way leads anywhere else, whatever happens to the folder
 * meanwhile (openat2). Blocks: for threads of worker.h. */
#ifndef SALLYPORT_MCP_FILE_OPEN_H
#define SALLYPORT_MCP_FILE_OPEN_H

#include <sys/stat.h>

#include "common/text.h"

enum file_problem {
	FILE_FINE,
	FILE_ABSENT,     /* not there, or behind a link */
	FILE_DENIED,     /* the daemon has no right to it; callers are told what they are told of FILE_ABSENT */
	FILE_OTHER_KIND, /* neither a file nor what else was wanted */
	FILE_EXISTS,
	FILE_SHARED, /* has other names, which may lie outside of the folder */
	FILE_TOO_LARGE,
	FILE_FULL,    /* the disk, or a quota */
	FILE_BUSY,    /* too many are being used */
	FILE_STUCK,   /* the disk does not answer */
	FILE_STOPPED, /* the deadline has passed, or nobody wants it any more */
	FILE_FAILED
};

/* A regular file to be read (O_RDONLY) or appended to (O_WRONLY | O_APPEND); or, with O_DIRECTORY, a folder. -1 and
 * *problem. `root` is an open folder. */
int file_open_below(int root, const char *path, int flags, struct stat *ret, enum file_problem *problem);
/* The folder that the path lies in; *name: the last segment of it, in `path`. */
int file_open_parent(h2o_mem_pool_t *pool, int root, const char *path, const char **name, enum file_problem *problem);
/* What errno says. */
enum file_problem file_problem_of(int error);

#endif
