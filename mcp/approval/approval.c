/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/approval/approval.h"

#include "common/clock.h"
#include "common/encoding.h"
#include "mcp/approval/approval_file.h"
#include "mcp/approval/approval_summary.h"
#include "mcp/approval/step_up.h"
#include "mcp/approval/store_approval.h"
#include "mcp/backend/backend.h"
#include "mcp/call/ask.h"
#include "mcp/call/answer.h"
#include "mcp/call/invoke.h"
#include "mcp/catalogue/catalogue.h"

/* Beside the keys of backends. */
static const char KEY[] = "sallyport_approval";

/* ---- what is refused ---- */

/* The model is told what happened, and not to go round in circles. */
static step_result refuse(struct request *r, const char *how, const char *text)
{
	call_of(r)->approval = how;
	return answer_refused(r, text);
}

static step_result refuse_client(struct request *r)
{
	static const char TEXT[] =
	    "This tool runs only when a person has approved the call, and this client cannot ask "
	    "one (it has not declared elicitation). Use a client that can.";

	call_of(r)->approval = "impossible";
	if (call_of(r)->era == ERA_MODERN)
		return answer_error(r, 400, (struct rpc_problem){RPC_MISSING_CAPABILITY, TEXT},
		                    "{\"requiredCapabilities\":{\"elicitation\":{}}}");
	return answer_refused(r, TEXT);
}

/* ---- the ticket of a requestState ---- */

/* When the approval ends: what the tool itself asks later does not make it last longer. */
static json_int_t ticket_until(const struct request *r)
{
	const struct asking *asking = call_of(r)->asking;
	json_t *until = asking != NULL ? json_object_get(asking->ticket, "until") : NULL;

	return until != NULL && ask_answer(r, KEY) != NULL ? json_integer_value(until)
	                                                   : clock_now() + APPROVAL_LIFETIME_S;
}

/* The rest of what an approval is bound to is the state's own business: person, client, tool, arguments. */
json_t *approval_ticket_make(struct request *r)
{
	const struct call *call = call_of(r);
	uint8_t id[APPROVAL_ID_SIZE];

	if (call->tool == NULL || call->tool->approval == APPROVAL_NONE)
		return NULL;
	random_bytes(id, sizeof(id));
	return json_pack("{s:s, s:s, s:s, s:s, s:I}", "id", base64url_encode(&r->pool, id, sizeof(id)).base, "tool",
	                 call->item->digest, "place", approvals_place(mcp_of(r)), "how",
	                 approval_name(call->tool->approval), "until", ticket_until(r));
}

/* ---- the question ---- */

static step_result ask_person(struct request *r)
{
	const struct call *call = call_of(r);
	struct text_buffer params = {.pool = &r->pool};

	text_append_str(&params, "{\"message\":");
	text_append_json(&params, text_of(approval_summary(&r->pool, call->item, call->arguments)));
	text_append_str(&params, ",\"requestedSchema\":{\"type\":\"object\",\"properties\":{}}}");
	const struct input_request request = {KEY, "elicitation/create", h2o_iovec_init(params.base, params.len), true};
	return ask_client(r, &request, 1, (h2o_iovec_t){NULL, 0});
}

/* ---- the answer ---- */

static bool is_still_defined_so(struct request *r, h2o_iovec_t digest)
{
	const struct item *now = catalogue_find(mcp_of(r)->catalogue, ITEM_TOOL, text_of(call_of(r)->item->key));

	return now != NULL && text_is(digest, now->digest) && text_is(digest, call_of(r)->item->digest);
}

static step_result go_on(struct request *r)
{
	struct call *call = call_of(r);
	const char *action = json_get_text(ask_answer(r, KEY), "action").base;

	if (text_is(text_of(action), "decline"))
		return refuse(r, "declined", "The person has declined this call. Do not ask for it again by yourself.");
	if (!text_is(text_of(action), "accept"))
		return refuse(r, "cancelled", "The person has not decided about this call, so it was not made.");
	call->approval = "accepted";
	call->is_running = false;
	running_remove(r);
	return invoke_approved(r);
}

static step_result read_spent(struct request *r)
{
	if (call_of(r)->running.end != RUNNING_ON)
		return answer_cancelled(r, EFFECT_NONE);
	switch (store_read_approval(r)) {
	case APPROVAL_FIRST: return go_on(r);
	case APPROVAL_AGAIN:
		return refuse(r, "used",
		              "This approval has been used. Call the tool again, and the person is asked again.");
	default: return answer_problem(r, "Too many calls wait for approval.");
	}
}

static step_fn *const SPENT[] = {read_spent, NULL};

/* The retry of a requestState: each counts once, whatever the person said and wherever it comes. */
static step_result take_ticket(struct request *r, const json_t *ticket)
{
	h2o_iovec_t id = base64url_decode(&r->pool, json_get_text(ticket, "id"));

	if (id.len != APPROVAL_ID_SIZE || !is_still_defined_so(r, json_get_text(ticket, "tool")))
		return refuse(r, "changed", "The tool is not what was approved any more. Call it again.");
	/* asked for elsewhere, where alone it is known whether it was used; or too long ago */
	if (!text_is(json_get_text(ticket, "place"), approvals_place(mcp_of(r))) ||
	    json_integer_value(json_object_get(ticket, "until")) <= clock_now()) {
		json_object_del(call_of(r)->asking->answers, KEY);
		return ask_person(r);
	}
	run_steps(r, SPENT);
	return store_spend_approval(r, (const uint8_t *)id.base);
}

static step_result run(struct request *r)
{
	const struct call *call = call_of(r);

	if (ask_answer(r, KEY) == NULL)
		return ask_person(r);
	if (call->era == ERA_MODERN)
		return take_ticket(r, call->asking->ticket);
	if (!is_still_defined_so(r, text_of(call->item->digest)))
		return refuse(r, "changed", "The tool is not what was approved any more. Call it again.");
	return go_on(r);
}

static const struct backend ASKING = {.name = "approval", .kinds = 1 << ITEM_TOOL, .run = run};

step_result approval_demand(struct request *r)
{
	const struct call *call = call_of(r);

	if (call->tool == NULL || call->tool->approval == APPROVAL_NONE)
		return invoke_approved(r);
	if (call->tool->approval == APPROVAL_STEP_UP)
		return step_up_demand(r);
	if (!client_can(r, "elicitation"))
		return refuse_client(r);
	if (invoke_take_turn(r) == STEP_DONE)
		return STEP_DONE;
	return invoke_run(r, &ASKING, NULL);
}
