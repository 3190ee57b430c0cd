/* SPDX-License-Identifier: Apache-2.0 */
/* What the `file` backend does on the disk, in a thread of worker.h. */
#ifndef SALLYPORT_MCP_FILE_WORK_H
#define SALLYPORT_MCP_FILE_WORK_H

#include <stdatomic.h>

#include "mcp/backend/file/file_open.h"
#include "mcp/backend/file/file_plan.h"

struct file_work {
	h2o_mem_pool_t pool; /* of who works at it: the thread, and then the loop */
	const struct file_plan *plan;
	const char *path;
	int64_t first_line, lines; /* `lines` 0: all */
	h2o_iovec_t text;          /* that is written */
	int64_t until_ms;          /* clock_monotonic_ms */
	atomic_bool stopped;       /* set by the loop: nobody wants it any more */
	/* what came of it */
	enum file_problem problem;
	bool unsure;             /* with a problem: something may have been written all the same */
	struct stat status;      /* of the file */
	struct text_buffer read; /* its bytes; of a folder, JSON: an array of {"name", "kind", "size", "modified"} */
	bool truncated;          /* there is more */
	size_t entries;
};

/* `data`: the work. */
void file_work_run(void *data);
/* Between two steps of it: true if it has to end. */
bool file_work_is_over(struct file_work *work);

void file_read(struct file_work *work);  /* file_read.c */
void file_list(struct file_work *work);  /* file_list.c */
void file_write(struct file_work *work); /* file_write.c */

#endif
