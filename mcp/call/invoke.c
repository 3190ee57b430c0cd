/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/call/invoke.h"

#include "common/reply.h"
#include "mcp/approval/approval.h"
#include "mcp/approval/authentication.h"
#include "mcp/call/answer.h"
#include "mcp/call/audit_record.h"
#include "mcp/backend/backend.h"
#include "mcp/caller/challenge.h"
#include "mcp/call/conversation.h"
#include "mcp/guard/input_text.h"
#include "mcp/policy/view.h"
#include "mcp/quota/quota.h"

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

struct scopes invoke_challenge_scopes(struct request *r)
{
	struct scopes granted;

	if (!scopes_parse(&r->pool, text_of(bearer_of(r)->scope), &granted))
		granted = (struct scopes){NULL, 0};
	return policy_challenge_scopes(&r->pool, view_of(r)->catalogue, call_of(r)->item, &granted);
}

static step_result ask_for_scope(struct request *r)
{
	if (!audit_record_call(r, "acquirable", 0))
		return answer_without_record(r);
	struct scopes wanted = invoke_challenge_scopes(r);
	return challenge_scope(r, &wanted);
}

/* What the model can mend. A URI that is refused is none of the template's resources. */
static step_result refuse_call(struct request *r, const char *outcome, const char *text)
{
	const struct call *call = call_of(r);

	if (!audit_record_call(r, outcome, 0))
		return answer_without_record(r);
	if (call->kind == ITEM_TEMPLATE)
		return answer_not_found(r, text_printf(&r->pool, ANSWER_NOT_FOUND ". %s", text));
	if (call->kind != ITEM_TOOL)
		return refuse_params(r, text);
	return rpc_reply(r, call->message.id, answer_tool_error(r, text));
}

static step_result refuse_arguments(struct request *r, const struct schema_problems *problems)
{
	bool is_uri = call_of(r)->kind == ITEM_TEMPLATE;
	const char *words = schema_problems_text(&r->pool, problems, is_uri ? "uri" : "arguments");

	return refuse_call(r, "invalid",
	                   is_uri ? words : text_printf(&r->pool, "The arguments are not valid. %s", words));
}

static step_result refuse_retry(struct request *r, const char *text)
{
	if (!audit_record_call(r, "invalid", 0))
		return answer_without_record(r);
	return refuse_params(r, text);
}

/* Calls are what a person can have many of at a time: whoever has her share has to wait for one of them to end. */
step_result invoke_take_turn(struct request *r)
{
	static const char TEXT[] = "Too many calls of yours are under way. Try again when one of them has ended.",
			  TOOL_TEXT[] = "Too many calls of this are under way. Try again in a moment.";
	const struct call *call = call_of(r);
	bool is_full = running_is_full(r);

	if (!is_full && !quota_is_busy(r))
		return STEP_NEXT;
	if (!audit_record_call(r, "busy", 0))
		return answer_without_record(r);
	const char *text = is_full ? TEXT : TOOL_TEXT;
	reply_header(r, "retry-after", "1");
	if (call->kind == ITEM_TOOL)
		return rpc_reply(r, call->message.id, answer_tool_error(r, text));
	return rpc_reply_error(r, 200, call->message.id, (struct rpc_problem){RPC_INTERNAL_ERROR, text},
	                       "{\"retryAfterMs\":1000}");
}

static step_result start_item(struct request *r)
{
	const struct call *call = call_of(r);

	if (call->tool != NULL && call->tool->task != TASK_NEVER && client_can(r, "tasks"))
		return task_become(r);
	return invoke_run(r, call->item->backend, call->item->plan);
}

static step_result wait_for_disk(struct request *r)
{
	return audit_wait(mcp_of(r)->audit, r);
}

/* Meanwhile the token may have died, or the client may have left: then nothing has happened. */
static step_result start_intended(struct request *r)
{
	struct call *call = call_of(r);

	if (call->running.end != RUNNING_ON)
		return answer_cancelled(r, EFFECT_NONE);
	running_remove(r);
	call->is_running = false;
	return start_item(r);
}

/* What changes something is on the disk before it happens. The call counts as one that runs from here on. */
static step_result intend_item(struct request *r)
{
	static step_fn *const INTENDED[] = {wait_for_disk, start_intended, NULL};
	struct call *call = call_of(r);

	if (!audit_record_call(r, "started", 0))
		return answer_without_record(r);
	call->is_intended = true;
	call->backend = call->item->backend;
	call->is_running = true;
	running_add(&mcp_of(r)->running, r);
	return run_steps(r, INTENDED);
}

/* Whatever ends the request from here on, the call is on record; what changes something, before it happens. */
step_result invoke_approved(struct request *r)
{
	if (invoke_take_turn(r) == STEP_DONE)
		return STEP_DONE;
	return call_of(r)->item->tier != TIER_READ ? intend_item(r) : start_item(r);
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
	case ACQUIRABLE: return ask_for_scope(r);
	case ALLOWED: break;
	}
	return STEP_NEXT;
}

struct limited { /* what the limits of the caller say of the call */
	struct request *r;
	const char *rule, *words;  /* of the first that refuses; NULL: none does */
	struct text_buffer shadow; /* names of the rules in shadow mode that would have */
};

static void note_finding(void *data, const struct policy_finding *finding)
{
	struct limited *limited = data;
	struct request *r = limited->r;
	const struct rule *rule = finding->rule;

	if (finding->holds)
		return;
	if (rule != NULL && rule->shadow) {
		(*rule->shadowed)++;
		text_append_printf(&limited->shadow, "%s%s", limited->shadow.len > 0 ? " " : "", rule->name);
		return;
	}
	if (limited->words != NULL)
		return;
	limited->words = policy_words(&r->pool, call_of(r)->item, finding);
	limited->rule = rule != NULL ? rule->name : "authorization_details";
}

/* NULL, or why the caller may not call it like this. */
static const char *limits_refusal(struct request *r)
{
	struct call *call = call_of(r);
	struct limited limited = {.r = r, .shadow = {.pool = &r->pool}};
	bool allows = policy_allows(&r->pool, call->item, limits_of(r), call->arguments, note_finding, &limited);

	if (limited.shadow.len > 0)
		audit_record_shadow(r, limited.shadow.base);
	if (allows)
		return NULL;
	call->rule = limited.rule;
	return limited.words;
}

step_result invoke_admitted(struct request *r)
{
	const struct call *call = call_of(r);
	const struct item *item = call->item;
	struct schema_problems problems;
	const char *problem = NULL;

	if (item->arguments != NULL && !schema_check(&r->pool, item->arguments, call->arguments, &problems))
		return refuse_arguments(r, &problems);
	if (call->tool != NULL)
		problem = input_text_problem(&r->pool, call->arguments, call->tool->characters);
	if (problem != NULL)
		return refuse_call(r, "invalid", text_printf(&r->pool, "The arguments are not valid. %s", problem));
	problem = limits_refusal(r);
	if (problem != NULL)
		return refuse_call(r, "denied", problem);
	if (authentication_demand(r) == STEP_DONE)
		return STEP_DONE;
	if (quota_take(r) == STEP_DONE)
		return STEP_DONE;
	problem = ask_retry_problem(r);
	if (problem != NULL)
		return refuse_retry(r, problem);
	/* before a person is asked about it */
	if (call->tool != NULL && call->tool->task == TASK_REQUIRED && !client_can(r, "tasks"))
		return ask_refuse(r, "tasks");
	return approval_demand(r);
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

bool invoke_refused(struct request *r, const char *outcome)
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
		return audit_record_call(r, outcome, 0);
	}
	return true;
}
