/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/approval/step_up.h"

#include <string.h>

#include "common/encoding.h"
#include "common/secret.h"
#include "mcp/approval/approval_file.h"
#include "mcp/approval/store_approval.h"
#include "mcp/backend/backend.h"
#include "mcp/call/answer.h"
#include "mcp/call/ask.h"
#include "mcp/call/audit_record.h"
#include "mcp/call/invoke.h"
#include "mcp/caller/challenge.h"

/* ---- what is refused ---- */

static step_result refuse(struct request *r, const char *how, const char *text)
{
	call_of(r)->approval = how;
	return answer_refused(r, text);
}

/* What the client has to ask its person for: it can be sent on as it is. */
static json_t *wanted_details(struct request *r)
{
	const struct call *call = call_of(r);

	return json_pack("[{s:s, s:[s], s:s, s:O}]", "type", STEP_UP_DETAIL_TYPE, "locations",
	                 mcp_of(r)->settings.resource, "tool", call->item->key, "arguments", (json_t *)call->arguments);
}

/* `how` and `words` say why: its client can ask again for what is missing. */
static step_result challenge(struct request *r, const char *how, const char *words)
{
	struct call *call = call_of(r);

	if (json_canonical(&r->pool, call->arguments).len > STEP_UP_ARGUMENTS_MAX)
		return refuse(
		    r, "impossible",
		    "This tool runs only when a person has approved the call, and the arguments are more than "
		    "a person can read.");
	call->approval = how;
	if (!audit_record_call(r, "denied", 0))
		return answer_without_record(r);
	struct scopes scopes = invoke_challenge_scopes(r);
	return challenge_details(r, words, wanted_details(r), &scopes);
}

static step_result challenge_first(struct request *r)
{
	return challenge(r, "demanded", "The person has to approve this call at the authorization server");
}

/* ---- the approval of a token ---- */

static bool list_has(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *member = json_string_value(json_array_get(list, i));
		if (member != NULL && strcmp(member, text) == 0)
			return true;
	}
	return false;
}

static bool covers(struct request *r, const json_t *detail)
{
	const struct call *call = call_of(r);

	return text_is(json_get_text(detail, "type"), STEP_UP_DETAIL_TYPE) &&
	       list_has(json_object_get(detail, "locations"), mcp_of(r)->settings.resource) &&
	       text_is(json_get_text(detail, "tool"), call->item->key) &&
	       text_is(json_get_text(detail, "arguments_digest"),
	               sha256_base64url(&r->pool, json_canonical(&r->pool, call->arguments)));
}

/* The id of the approval of this call: that of the one token that has it. False if the token has none, or another
 * issuer says so, who has shown nobody anything. */
static bool find_approval(struct request *r, uint8_t id[APPROVAL_ID_SIZE])
{
	const struct bearer *bearer = bearer_of(r);
	const json_t *claims = bearer_claims(bearer), *detail;
	size_t i;

	if (!text_is(json_get_text(claims, "iss"), mcp_of(r)->settings.issuer) ||
	    !base64url_decode_exact(text_of(bearer->jti), id, APPROVAL_ID_SIZE))
		return false;
	json_array_foreach (json_object_get(claims, "authorization_details"), i, detail)
		if (covers(r, detail))
			return true;
	return false;
}

/* ---- once ---- */

static step_result read_spent(struct request *r)
{
	struct call *call = call_of(r);

	if (call->running.end != RUNNING_ON)
		return answer_cancelled(r, EFFECT_NONE);
	bool is_first = store_read_approval(r) == APPROVAL_FIRST;
	call->is_running = false;
	running_remove(r);
	if (!is_first)
		return challenge(r, "used", "The approval of this call has been used");
	call->approval = "accepted";
	return invoke_approved(r);
}

static step_fn *const SPENT[] = {read_spent, NULL};

/* A retry of a call that asked its client something has a ticket, which only an approved call gets: it counts in the
 * place of the token's approval, which is spent. */
static bool find_ticket(struct request *r, uint8_t id[APPROVAL_ID_SIZE])
{
	const struct asking *asking = call_of(r)->asking;
	const json_t *ticket = asking != NULL ? asking->ticket : NULL;

	return ticket != NULL && text_is(json_get_text(ticket, "how"), approval_name(APPROVAL_STEP_UP)) &&
	       text_is(json_get_text(ticket, "tool"), call_of(r)->item->digest) &&
	       base64url_decode_exact(json_get_text(ticket, "id"), id, APPROVAL_ID_SIZE);
}

static step_result run(struct request *r)
{
	uint8_t *id = h2o_mem_alloc_pool(&r->pool, APPROVAL_ID_SIZE); /* the question outlives this step */

	if (!find_ticket(r, id))
		find_approval(r, id); /* one of them is there (step_up_demand) */
	run_steps(r, SPENT);
	return store_spend_approval(r, id);
}

static const struct backend STEPPING_UP = {.name = "step_up", .kinds = 1 << ITEM_TOOL, .run = run};

step_result step_up_demand(struct request *r)
{
	uint8_t id[APPROVAL_ID_SIZE];

	if (!find_ticket(r, id) && !find_approval(r, id))
		return challenge_first(r);
	if (invoke_take_turn(r) == STEP_DONE)
		return STEP_DONE;
	return invoke_run(r, &STEPPING_UP, NULL);
}
