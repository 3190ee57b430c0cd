/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: the extension io.modelcontextprotocol/tasks of the modern era. A call of a tool that takes long is answered
 * with a handle and goes on as a request of its own; the client asks for its end with tasks/get, answers its questions
 * with tasks/update, and gives it up with tasks/cancel.
 *
 * A task belongs to the person and the client that began it; to others it does not exist. Whoever asks for it proves
 * herself by today's token, and policy.c decides about the tool anew: whom it is hidden from by now, finds no task.
 *
 * It lives as long as the grant that it was begun under, not as the access token: tokens come and go under a long task.
 * When the feed says that the grant, the client or that very token was revoked, the task is cancelled, and what one
 * that has ended keeps is dropped. After a reset of the feed the rule is that of every call (running_doubt). A token
 * that has no grant is all there is: the task ends when it expires.
 *
 * How many there are and what they keep is bounded, of each person and of all; each has an hour, and they live in the
 * process that began them: the header Mcp-Name lets a proxy find it. */
#ifndef SALLYPORT_MCP_TASKS_H
#define SALLYPORT_MCP_TASKS_H

#include "common/clock.h"
#include "common/handle.h"
#include "mcp/call/call.h"

#define TASKS_EXTENSION "io.modelcontextprotocol/tasks"

enum task_end { TASK_ON, TASK_COMPLETED, TASK_FAILED, TASK_CANCELLED };

struct task {
	h2o_linklist_t link; /* oldest first */
	struct tasks *tasks;
	struct request *r; /* NULL: it has ended */
	enum task_end end;
	struct bearer *bearer; /* it was begun with; a reference */
	char *name;            /* of the tool; malloc'ed */
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

/* Drops those of this grant, token (by jti) or client that have ended; running_revoke ends the others. */
void tasks_revoke(struct tasks *tasks, enum token_key key, h2o_iovec_t value);

/* Of the caller of r, who may still use its tool; NULL for anything else. */
struct task *task_find(struct request *r, h2o_iovec_t text);
/* Its members in JSON, as CreateTaskResult has them. */
void task_append(struct text_buffer *b, const struct request *r, const struct task *task);

/* task_methods.c */
step_result tasks_get(struct request *r);
step_result tasks_update(struct request *r);
step_result tasks_cancel(struct request *r);

#endif
