/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/tools.h"

#include "mcp/call/invoke.h"
#include "mcp/protocol/lists.h"
#include "mcp/protocol/tool_headers.h"
#include "mcp/policy/view.h"

step_result tools_list(struct request *r)
{
	return lists_answer(r, ITEM_TOOL);
}

step_result tools_call(struct request *r)
{
	struct call *call = call_of(r);
	const json_t *arguments = json_object_get(call->message.params, "arguments");

	call->kind = ITEM_TOOL;
	call->name = json_get_text(call->message.params, "name");
	call->arguments = arguments != NULL ? arguments : json_keep(&r->pool, json_object());
	if (call->name.base == NULL || !json_is_object(call->arguments))
		return invoke_malformed(r, "A call must have a name, and its arguments must be an object");
	if (invoke_admit(r, catalogue_find(view_of(r)->catalogue, ITEM_TOOL, call->name)) == STEP_DONE)
		return STEP_DONE;
	/* behind the decision, so that a header tells nothing of a tool that is hidden */
	const struct tool_headers *headers = call->era == ERA_MODERN ? call->tool->headers : NULL;
	const char *problem = headers != NULL ? tool_headers_problem(r, headers, call->arguments) : NULL;
	return problem != NULL ? invoke_mismatch(r, problem) : invoke_admitted(r);
}
