/* SPDX-License-Identifier: Apache-2.0 */
/* What the `file` backend does on the disk, in a thread of file_pool.h. */
#ifndef SALLYPORT_MCP_FILE_WORK_H
#define SALLYPORT_MCP_FILE_WORK_H

#include <stdatomic.h>

#include "common/worker.h"
#include "mcp/backend/file/file_open.h"
#include "mcp/backend/file/file_plan.h"

enum file_state { FILE_NEW, FILE_WAITS, FILE_RUNS, FILE_ENDED };

struct file_work {           /* outlives its request where a disk hangs */
	h2o_mem_pool_t pool; /* of who works at it: the thread, and then the loop */
	const struct file_plan *plan;
	const char *path;
	int64_t first_line, lines; /* `lines` 0: all */
	h2o_iovec_t text;          /* that is written */
	int64_t until_ms;          /* clock_monotonic_ms */
	atomic_bool stopped;       /* set by the loop: nobody wants it any more */
	/* the pool's own (file_pool.c) */
	enum file_state state;
	struct file_pool *owner;
	struct request *r;           /* NULL: nobody waits for it any more */
	struct held_work *held;      /* of the request */
	struct catalogue *catalogue; /* a reference: the plan lives in it */
	uint64_t who, root;
	h2o_linklist_t link;
	struct worker_job job;
	h2o_timeout_entry_t soon;
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
