/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/tools.h"

#include "mcp/audit_record.h"
#include "mcp/challenge.h"
#include "mcp/result.h"

static step_result refuse_params(struct request *r, const char *text)
{
	return rpc_reply_error(r, 200, call_of(r)->message.id, (struct rpc_problem){RPC_INVALID_PARAMS, text}, NULL);
}

step_result tools_list(struct request *r)
{
	const struct call *call = call_of(r);
	const struct tool_list *list = bearer_of(r)->list;

	/* the whole list is one page, so no cursor was ever given out */
	if (json_object_get(call->message.params, "cursor") != NULL)
		return refuse_params(r, "Unknown cursor");
	return rpc_reply(r, call->message.id, call->era == ERA_MODERN ? list->modern : list->legacy);
}

static step_result refuse_without_audit(struct request *r)
{
	return fail(r, &TEMPORARILY_UNAVAILABLE, "the audit log cannot be written");
}

/* A tool that is hidden from the caller and one that does not exist get the same answer, byte for byte. */
static step_result refuse_unknown(struct request *r)
{
	if (!audit_record_call(r, "denied", 0))
		return refuse_without_audit(r);
	return refuse_params(r, "Unknown tool");
}

static step_result ask_for_scope(struct request *r, const struct tool *tool)
{
	struct scopes granted;

	if (!audit_record_call(r, "acquirable", 0))
		return refuse_without_audit(r);
	if (!scopes_parse(&r->pool, text_of(bearer_of(r)->scope), &granted))
		granted = (struct scopes){NULL, 0};
	struct scopes wanted = policy_challenge_scopes(&r->pool, mcp_of(r)->catalogue, tool, &granted);
	return challenge_scope(r, &wanted);
}

static step_result refuse_arguments(struct request *r, const struct schema_problems *problems)
{
	const struct call *call = call_of(r);
	const char *text = text_printf(&r->pool, "The arguments are not valid. %s",
	                               schema_problems_text(&r->pool, problems, "arguments"));

	if (!audit_record_call(r, "invalid", 0))
		return refuse_without_audit(r);
	return rpc_reply(r, call->message.id, result_of_problem(&r->pool, text, result_era_info(r)));
}

/* Whatever ends the request from here on, the call is on record; what changes something, before it happens. */
static step_result run_tool(struct request *r)
{
	struct call *call = call_of(r);

	if (call->tool->tier != TIER_READ && !audit_record_call(r, "started", 0))
		return refuse_without_audit(r);
	call->is_running = true;
	running_add(&mcp_of(r)->running, r);
	return backend_sql_run(r);
}

static void stop_running(struct request *r)
{
	call_of(r)->is_running = false;
	running_remove(r);
}

static step_result end_call(struct request *r, const char *outcome, size_t rows, h2o_iovec_t result)
{
	stop_running(r);
	if (!audit_record_call(r, outcome, rows))
		return refuse_without_audit(r);
	return rpc_reply(r, call_of(r)->message.id, result);
}

step_result tools_answer(struct request *r, h2o_iovec_t result, size_t rows)
{
	return end_call(r, "allowed", rows, result);
}

step_result tools_answer_problem(struct request *r, const char *text)
{
	text = text_printf(&r->pool, "%s (request %s)", text, r->id);
	return end_call(r, "failed", 0, result_of_problem(&r->pool, text, result_era_info(r)));
}

step_result tools_answer_cancelled(struct request *r, enum call_effect effect)
{
	struct call *call = call_of(r);

	stop_running(r);
	call->effect = effect;
	if (!audit_record_call(r, "cancelled", 0))
		return refuse_without_audit(r);
	if (call->running.end == RUNNING_REVOKED)
		return challenge_invalid(r, call->running.reason);
	if (call->running.end == RUNNING_SERVER_ENDS)
		return fail(r, &TEMPORARILY_UNAVAILABLE, call->running.reason);
	return rpc_reply_error(
	    r, 400, call->message.id,
	    (struct rpc_problem){RPC_INVALID_REQUEST, "The client closed its side of the connection"}, NULL);
}

static bool read_params(struct request *r, struct call *call)
{
	const json_t *arguments = json_object_get(call->message.params, "arguments");

	call->tool_name = json_get_text(call->message.params, "name");
	call->arguments = arguments != NULL ? arguments : json_keep(&r->pool, json_object());
	return call->tool_name.base != NULL && json_is_object(call->arguments);
}

step_result tools_call(struct request *r)
{
	struct call *call = call_of(r);
	struct schema_problems problems;

	if (!read_params(r, call)) {
		call->arguments = NULL;
		if (!audit_record_call(r, "invalid", 0))
			return refuse_without_audit(r);
		return refuse_params(r, "A call must have a name, and its arguments must be an object");
	}
	const struct tool *tool = catalogue_find(mcp_of(r)->catalogue, call->tool_name);
	if (tool == NULL)
		return refuse_unknown(r);
	call->tool = tool;
	/* decided once for the token, by policy.c: the list was made of the same decisions */
	switch ((enum decision)bearer_of(r)->decisions[tool->index]) {
	case HIDDEN: return refuse_unknown(r);
	case ACQUIRABLE: return ask_for_scope(r, tool);
	case ALLOWED: break;
	}
	if (!schema_check(&r->pool, tool->arguments, call->arguments, &problems))
		return refuse_arguments(r, &problems);
	return run_tool(r);
}

step_result tools_call_failed(struct request *r)
{
	struct call *call = call_of(r);

	if (!call->is_running)
		return STEP_NEXT;
	/* a connection that breaks under a change does not say whether it was committed */
	bool unknown = r->was_sent && call->tool->tier != TIER_READ;
	if (call->running.end != RUNNING_ON)
		return tools_answer_cancelled(r, unknown ? EFFECT_UNKNOWN : EFFECT_NONE);
	stop_running(r);
	audit_record_call(r, unknown ? "unknown" : "failed", 0);
	return STEP_NEXT;
}

bool tools_refused(struct request *r)
{
	struct call *call = call_of(r);

	if (call->message.is_notification || !text_is(call->message.method, "tools/call"))
		return true;
	call->tool_name = json_get_text(call->message.params, "name");
	return audit_record_call(r, "invalid", 0);
}
