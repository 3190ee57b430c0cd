/* SPDX-License-Identifier: Apache-2.0 */
/* tasks/get, tasks/update, tasks/cancel. */
#include "mcp/call/ask.h"
#include "mcp/call/tasks.h"

static step_result refuse(struct request *r, const char *text)
{
	return rpc_reply_error(r, 200, call_of(r)->message.id, (struct rpc_problem){RPC_INVALID_PARAMS, text}, NULL);
}

/* NULL: the request has its answer. */
static struct task *named_task(struct request *r)
{
	const struct call *call = call_of(r);

	if (!client_can(r, "tasks")) {
		rpc_reply_error(r, 400, call->message.id,
		                (struct rpc_problem){RPC_MISSING_CAPABILITY, "The client lacks a capability"},
		                "{\"requiredCapabilities\":{\"extensions\":{\"" TASKS_EXTENSION "\":{}}}}");
		return NULL;
	}
	struct task *task = task_find(r, json_get_text(call->message.params, "taskId"));
	if (task == NULL)
		refuse(r, "There is no such task");
	return task;
}

static void append_meta(struct text_buffer *b, struct request *r)
{
	text_append_printf(b, ",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":%s}}", mcp_of(r)->server_info);
}

static step_result acknowledge(struct request *r)
{
	struct text_buffer b = {.pool = &r->pool};

	text_append_str(&b, "{\"resultType\":\"complete\"");
	append_meta(&b, r);
	return rpc_reply(r, call_of(r)->message.id, h2o_iovec_init(b.base, b.len));
}

step_result tasks_get(struct request *r)
{
	struct task *task = named_task(r);
	struct text_buffer b = {.pool = &r->pool};

	if (task == NULL)
		return STEP_DONE;
	text_append_str(&b, "{\"resultType\":\"complete\",");
	task_append(&b, r, task);
	if (task->r != NULL && ask_is_waiting(call_of(task->r))) {
		text_append_str(&b, ",\"inputRequests\":");
		text_append_iovec(&b, json_text(&r->pool, json_keep(&r->pool, ask_questions(task->r))));
	}
	if (task->outcome.base != NULL) {
		text_append_str(&b, task->end == TASK_COMPLETED ? ",\"result\":" : ",\"error\":");
		text_append_iovec(&b, task->outcome);
	}
	append_meta(&b, r);
	return rpc_reply(r, call_of(r)->message.id, h2o_iovec_init(b.base, b.len));
}

step_result tasks_update(struct request *r)
{
	const json_t *responses = json_object_get(call_of(r)->message.params, "inputResponses");
	struct task *task = named_task(r);
	const char *problem = NULL;

	if (task == NULL)
		return STEP_DONE;
	if (!json_is_object(responses))
		return refuse(r, "inputResponses must be an object");
	if (task->r != NULL && ask_is_waiting(call_of(task->r)))
		problem = ask_take_inputs(task->r, responses, &r->pool);
	return problem != NULL ? refuse(r, problem) : acknowledge(r);
}

/* It ends when its backend has stopped; one that has ended stays what it is. */
step_result tasks_cancel(struct request *r)
{
	struct task *task = named_task(r);

	if (task == NULL)
		return STEP_DONE;
	if (task->r != NULL)
		running_stop(task->r, RUNNING_CANCELLED, "the client has cancelled it");
	return acknowledge(r);
}
