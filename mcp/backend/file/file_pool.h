/* SPDX-License-Identifier: Apache-2.0 */
/* The threads in which files are used, and who waits for one. Disks hang: a work that does not end in its time is left
 * to its thread, its call is answered, and further calls of that root are answered at once until it ends. Of the
 * threads no root has more than a share (common/shares.h), so one that hangs stops no other; and those who wait come in
 * turn by person. */
#ifndef SALLYPORT_MCP_FILE_POOL_H
#define SALLYPORT_MCP_FILE_POOL_H

#include "mcp/backend/file/file_work.h"

struct file_pool;

struct file_pool *file_pool_open(h2o_context_t *context);
/* Calls end. A thread that hangs ends with the process. */
void file_pool_close(struct file_pool *pool);

/* A new work of the request, with a pool and `catalogue` kept; it is freed with the request, or later. What a thread
 * needs of it lives there. *place becomes it, or the one that stands for it when the request goes on without. */
struct file_work *file_work_new(struct request *r, void **place, struct catalogue *catalogue);
/* Runs it, then the request's next step; STEP_WAIT. STEP_NEXT: it cannot be run, `problem` says why. */
step_result file_pool_run(struct file_pool *pool, struct file_work *work);
/* Nobody wants it any more. The request goes on in a later turn of the loop, if the work has not begun; else when it
 * ends. */
void file_pool_cancel(struct file_work *work);
/* The request goes on now, whatever becomes of the work. */
void file_pool_give_up(struct file_work *work);

#endif
