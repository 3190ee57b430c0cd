/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/methods.h"

#include "mcp/protocol/completion.h"
#include "mcp/protocol/prompts.h"
#include "mcp/protocol/resources.h"
#include "mcp/call/tasks.h"
#include "mcp/protocol/tools.h"

static const struct method METHODS[] = {
    {"initialize", ERA_LEGACY, NULL, lifecycle_initialize},
    {"ping", ERA_LEGACY, NULL, lifecycle_ping},
    {"logging/setLevel", ERA_LEGACY, NULL, say_set_level},
    {"resources/subscribe", ERA_LEGACY, NULL, listen_subscribe},
    {"resources/unsubscribe", ERA_LEGACY, NULL, listen_unsubscribe},
    {"subscriptions/listen", ERA_MODERN, NULL, listen_open},
    {"server/discover", ERA_MODERN, NULL, lifecycle_discover},
    {"tools/list", ERA_LEGACY | ERA_MODERN, NULL, tools_list},
    {"tools/call", ERA_LEGACY | ERA_MODERN, "name", tools_call},
    {"resources/list", ERA_LEGACY | ERA_MODERN, NULL, resources_list},
    {"resources/templates/list", ERA_LEGACY | ERA_MODERN, NULL, resources_templates_list},
    {"resources/read", ERA_LEGACY | ERA_MODERN, "uri", resources_read},
    {"prompts/list", ERA_LEGACY | ERA_MODERN, NULL, prompts_list},
    {"prompts/get", ERA_LEGACY | ERA_MODERN, "name", prompts_get},
    {"tasks/get", ERA_MODERN, "taskId", tasks_get},
    {"tasks/update", ERA_MODERN, "taskId", tasks_update},
    {"tasks/cancel", ERA_MODERN, "taskId", tasks_cancel},
    {"completion/complete", ERA_LEGACY | ERA_MODERN, NULL, completion_complete},
};

const struct method *method_find(h2o_iovec_t name)
{
	for (size_t i = 0; i < sizeof(METHODS) / sizeof(METHODS[0]); i++)
		if (text_is(name, METHODS[i].name))
			return &METHODS[i];
	return NULL;
}

static step_result refuse(struct request *r, int status, enum rpc_code code, const char *text)
{
	return rpc_reply_error(r, status, call_of(r)->message.id, (struct rpc_problem){code, text}, NULL);
}

/* The other notifications tell this server nothing that it must act on. In the modern era a client cancels by closing
 * the stream. */
static step_result take_notification(struct request *r)
{
	const struct call *call = call_of(r);

	if (!text_starts(call->message.method, "notifications/"))
		return rpc_reply_error(r, 400, (h2o_iovec_t){NULL, 0},
		                       (struct rpc_problem){RPC_INVALID_REQUEST, "A request must have an id"}, NULL);
	if (call->era == ERA_LEGACY && text_is(call->message.method, "notifications/cancelled"))
		running_cancel(r, json_object_get(call->message.params, "requestId"));
	return rpc_accept(r);
}

step_result method_run(struct request *r, const struct method *method)
{
	const struct call *call = call_of(r);

	if (call->message.is_notification)
		return take_notification(r);
	if (text_starts(call->message.method, "notifications/"))
		return refuse(r, 400, RPC_INVALID_REQUEST, "A notification must not have an id");
	/* 2026-07-28, basic/transports: a method that does not exist is 404; before, the error travels with 200 */
	if (method == NULL || (method->eras & call->era) == 0)
		return refuse(r, call->era == ERA_MODERN ? 404 : 200, RPC_METHOD_NOT_FOUND, "Method not found");
	return method->run(r);
}
