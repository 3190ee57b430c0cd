/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/prompts.h"

#include "mcp/call/invoke.h"
#include "mcp/protocol/lists.h"
#include "mcp/call/text_arguments.h"
#include "mcp/policy/view.h"

step_result prompts_list(struct request *r)
{
	return lists_answer(r, ITEM_PROMPT);
}

step_result prompts_get(struct request *r)
{
	struct call *call = call_of(r);
	const json_t *arguments = json_object_get(call->message.params, "arguments");

	call->kind = ITEM_PROMPT;
	call->name = json_get_text(call->message.params, "name");
	call->arguments = arguments != NULL ? arguments : json_keep(&r->pool, json_object());
	if (call->name.base == NULL || !json_is_object(call->arguments))
		return invoke_malformed(r,
		                        "params must have the name of a prompt, and its arguments must be an object");
	const char *problem = text_arguments_problem(&r->pool, call->arguments);
	if (problem != NULL)
		return invoke_malformed(r, problem);
	return invoke(r, catalogue_find(view_of(r)->catalogue, ITEM_PROMPT, call->name));
}
