/* SPDX-License-Identifier: Apache-2.0 */
/* A call of an upstream's tool under way. Between backend_upstream.c and upstream_ask.c. */
#ifndef SALLYPORT_MCP_UPSTREAM_WORK_H
#define SALLYPORT_MCP_UPSTREAM_WORK_H

#include "mcp/call/call.h"
#include "mcp/backend/upstream/upstream_client.h"
#include "mcp/backend/upstream/upstream_items.h"

struct parked_calls;

struct upstream_work { /* of one request; in its pool */
	struct request *r;
	struct upstream_exchange *exchange; /* NULL: none is under way */
	bool has_answer;
	struct upstream_answer answer; /* its JSON is kept by the pool */
	/* what the upstream has asked meanwhile (legacy era) */
	bool has_question;
	const json_t *id; /* of its request */
	const char *key, *method;
	h2o_iovec_t params;
	bool is_asking; /* the client is being asked: what comes is looked at when it has answered */
	unsigned rounds;
	unsigned logs;
	bool was_sent; /* and so r->was_sent: answer_failed and ask_legacy.c go by that */
	h2o_timeout_entry_t soon;
};

static inline const struct upstream_plan *upstream_plan_of(const struct request *r)
{
	return call_of(r)->plan;
}

extern const struct upstream_call_events UPSTREAM_WORK_EVENTS; /* backend_upstream.c; data: the work */
/* Once sent, always sent. */
void upstream_work_note_sent(struct upstream_work *work, bool was_sent);
/* Goes on when the upstream has answered, or asked. */
step_result upstream_work_wait(struct upstream_work *work);
/* Calls the tool; `responses` NULL: for the first time. */
step_result upstream_work_call(struct upstream_work *work, const json_t *responses, const char *state);
/* Ends the call with what came. */
step_result upstream_work_conclude(struct upstream_work *work);
/* Ends it with a problem of ours; the upstream may have changed something before. */
step_result upstream_work_fail(struct upstream_work *work, const char *text);

/* ---- upstream_ask.c ---- */

/* Takes a question while the call is under way. False: it has been refused. */
bool upstream_ask_take(struct upstream_work *work, const struct upstream_question *question);
/* Passes the question on to the client, and ends the step. */
step_result upstream_ask(struct upstream_work *work);
/* The client's answer is there: goes on with the upstream. */
step_result upstream_ask_answered(struct upstream_work *work);
/* A request that goes on with what an earlier one, or an earlier run of this one, has asked. */
step_result upstream_ask_resume(struct upstream_work *work, const json_t *state);
/* The result is an InputRequiredResult (2026-07-28): passes it on, and ends the step. */
step_result upstream_ask_inputs(struct upstream_work *work, const json_t *result);
/* Modern era: the capabilities of the client whose call it is, as far as the upstream's file lets it ask; a new
 * reference. */
json_t *upstream_ask_capabilities(struct upstream_work *work);

#endif
