/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/invoke.h"

#include "mcp/answer.h"
#include "mcp/audit_record.h"
#include "mcp/backend.h"
#include "mcp/challenge.h"
#include "mcp/conversation.h"
#include "mcp/view.h"

static step_result refuse_params(struct request *r, const char *text)
{
	return rpc_reply_error(r, 200, call_of(r)->message.id, (struct rpc_problem){RPC_INVALID_PARAMS, text}, NULL);
}

static step_result refuse_unknown(struct request *r)
{
	const struct call *call = call_of(r);

	if (!audit_record_call(r, "denied", 0))
		return answer_without_record(r);
	if (call->kind == ITEM_TOOL)
		return refuse_params(r, "Unknown tool");
	return call->kind == ITEM_PROMPT ? refuse_params(r, "Unknown prompt") : answer_not_found(r, ANSWER_NOT_FOUND);
}

static step_result ask_for_scope(struct request *r, const struct item *item)
{
	struct scopes granted;

	if (!audit_record_call(r, "acquirable", 0))
		return answer_without_record(r);
	if (!scopes_parse(&r->pool, text_of(bearer_of(r)->scope), &granted))
		granted = (struct scopes){NULL, 0};
	struct scopes wanted = policy_challenge_scopes(&r->pool, view_of(r)->catalogue, item, &granted);
	return challenge_scope(r, &wanted);
}

static step_result refuse_arguments(struct request *r, const struct schema_problems *problems)
{
	const struct call *call = call_of(r);
	bool is_uri = call->kind == ITEM_TEMPLATE;
	const char *words = schema_problems_text(&r->pool, problems, is_uri ? "uri" : "arguments");
	const char *text = is_uri ? text_printf(&r->pool, ANSWER_NOT_FOUND ". %s", words)
	                          : text_printf(&r->pool, "The arguments are not valid. %s", words);

	if (!audit_record_call(r, "invalid", 0))
		return answer_without_record(r);
	if (is_uri) /* a URI that the template's schema does not take is none of its resources */
		return answer_not_found(r, text);
	if (call->kind != ITEM_TOOL)
		return refuse_params(r, text);
	return rpc_reply(r, call->message.id, answer_tool_error(r, text));
}

static step_result refuse_retry(struct request *r, const char *text)
{
	if (!audit_record_call(r, "invalid", 0))
		return answer_without_record(r);
	return refuse_params(r, text);
}

/* Whatever ends the request from here on, the call is on record; what changes something, before it happens. */
static step_result run_item(struct request *r)
{
	struct call *call = call_of(r);

	enum tool_task task = call->tool != NULL ? call->tool->task : TASK_NEVER;

	if (task == TASK_REQUIRED && !client_can(r, "tasks"))
		return ask_refuse(r, "tasks");
	if (call->item->tier != TIER_READ && !audit_record_call(r, "started", 0))
		return answer_without_record(r);
	if (task != TASK_NEVER && client_can(r, "tasks"))
		return task_become(r);
	return invoke_run(r, call->item->backend, call->item->plan);
}

step_result invoke_run(struct request *r, const struct backend *backend, const void *plan)
{
	struct call *call = call_of(r);

	call->backend = backend;
	call->plan = plan;
	call->is_running = true;
	running_add(&mcp_of(r)->running, r);
	return backend->run(r);
}

step_result invoke_admit(struct request *r, const struct item *item)
{
	struct call *call = call_of(r);

	if (item == NULL)
		return refuse_unknown(r);
	call->item = item;
	call->tool = tool_of(item);
	/* decided once for the token, by policy.c: the lists were made of the same decisions */
	switch ((enum decision)view_of(r)->decisions[item->index]) {
	case HIDDEN: return refuse_unknown(r);
	case ACQUIRABLE: return ask_for_scope(r, item);
	case ALLOWED: break;
	}
	return STEP_NEXT;
}

step_result invoke_admitted(struct request *r)
{
	const struct call *call = call_of(r);
	const struct item *item = call->item;
	struct schema_problems problems;
	const char *problem;

	if (item->arguments != NULL && !schema_check(&r->pool, item->arguments, call->arguments, &problems))
		return refuse_arguments(r, &problems);
	problem = ask_retry_problem(r);
	if (problem != NULL)
		return refuse_retry(r, problem);
	return run_item(r);
}

step_result invoke(struct request *r, const struct item *item)
{
	return invoke_admit(r, item) == STEP_DONE ? STEP_DONE : invoke_admitted(r);
}

step_result invoke_mismatch(struct request *r, const char *text)
{
	if (!audit_record_call(r, "invalid", 0))
		return answer_without_record(r);
	return rpc_reply_error(r, 400, call_of(r)->message.id, (struct rpc_problem){RPC_HEADER_MISMATCH, text}, NULL);
}

step_result invoke_malformed(struct request *r, const char *text)
{
	call_of(r)->arguments = NULL;
	if (!audit_record_call(r, "invalid", 0))
		return answer_without_record(r);
	return refuse_params(r, text);
}

bool invoke_refused(struct request *r)
{
	static const struct {
		const char *method, *member;
		enum item_kind kind;
	} ASKING[] = {
	    {"tools/call", "name", ITEM_TOOL},
	    {"resources/read", "uri", ITEM_RESOURCE},
	    {"prompts/get", "name", ITEM_PROMPT},
	};
	struct call *call = call_of(r);

	for (size_t i = 0; i < sizeof(ASKING) / sizeof(ASKING[0]); i++) {
		if (call->message.is_notification || !text_is(call->message.method, ASKING[i].method))
			continue;
		call->kind = ASKING[i].kind;
		call->name = json_get_text(call->message.params, ASKING[i].member);
		return audit_record_call(r, "invalid", 0);
	}
	return true;
}
