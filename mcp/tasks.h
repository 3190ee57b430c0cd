/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: the extension io.modelcontextprotocol/tasks of the modern era. A call of a tool that takes long is answered
 * with a handle and goes on as a request of its own; the client asks for its end with tasks/get, answers its questions
 * with tasks/update, and gives it up with tasks/cancel.
 *
 * A task belongs to the person and the client that began it; to others it does not exist. It ends with the token, grant
 * or client that it was begun with, as every call does. Their number and what they keep is bounded, each has an hour,
 * and they live in the process that began them: the header Mcp-Name lets a proxy find it. */
#ifndef SALLYPORT_MCP_TASKS_H
#define SALLYPORT_MCP_TASKS_H

#include "common/clock.h"
#include "common/handle.h"
#include "mcp/call.h"

#define TASKS_EXTENSION "io.modelcontextprotocol/tasks"

enum task_end { TASK_ON, TASK_COMPLETED, TASK_FAILED, TASK_CANCELLED };

struct task {
	h2o_linklist_t link; /* oldest first */
	struct tasks *tasks;
	struct request *r; /* NULL: it has ended */
	enum task_end end;
	uint8_t id[16], caller[SESSION_OWNER_SIZE];
	char created_at[CLOCK_TEXT_SIZE], updated_at[CLOCK_TEXT_SIZE];
	int64_t begun_ms;
	h2o_iovec_t outcome; /* malloc'ed JSON: the result, or the error */
};

void tasks_open(struct tasks *tasks);
void tasks_close(struct tasks *tasks);
/* The server goes down: nobody could ask for their ends. */
void tasks_end_all(struct tasks *tasks);
/* Once a second: what has had its time. */
void tasks_tick(void *tasks);

/* Of the caller of r; NULL for anything else. */
struct task *task_find(struct request *r, h2o_iovec_t text);
/* Its members in JSON, as CreateTaskResult has them. */
void task_append(struct text_buffer *b, const struct request *r, const struct task *task);

/* task_methods.c */
step_result tasks_get(struct request *r);
step_result tasks_update(struct request *r);
step_result tasks_cancel(struct request *r);

#endif
