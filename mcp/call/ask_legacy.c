/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the client on the stream of the call; each is answered by a POST of its own (2025-11-25,
 * basic/transports). The call waits in this process: the POSTs have to come to the same one.
 * The questions of a task wait in the same way, until its client comes for them. */
#include <string.h>

#include "common/clock.h"
#include "mcp/call/answer.h"
#include "mcp/call/ask.h"
#include "mcp/backend/backend.h"
#include "mcp/call/input_response.h"
#include "mcp/protocol/stream.h"

enum { PATIENCE_MS = 5 * 60 * 1000 }; /* people answer */

bool ask_is_waiting(const struct call *call)
{
	return call->asking != NULL && call->asking->is_waiting;
}

/* The answers are there, or will not come. */
static step_result go_on(struct request *r)
{
	struct call *call = call_of(r);

	if (call->running.end != RUNNING_ON)
		return answer_cancelled(r, r->was_sent && call->is_intended && call->item->tier != TIER_READ
		                               ? EFFECT_UNKNOWN
		                               : EFFECT_NONE);
	if (call->asking->problem != NULL)
		return answer_problem(r, call->asking->problem);
	return call->backend->run(r);
}

static step_fn *const GO_ON[] = {go_on, NULL};

static void stop_waiting(struct request *r)
{
	call_of(r)->asking->is_waiting = false;
	request_resume(r);
}

bool ask_look_after(struct request *r, bool is_cancelled, int64_t now_ms)
{
	struct call *call = call_of(r);

	if (!ask_is_waiting(call) || (!is_cancelled && now_ms < call->asking->until_ms))
		return false;
	if (!is_cancelled)
		call->asking->problem = "The client did not answer in time.";
	stop_waiting(r);
	return true;
}

static void send_question(struct request *r, struct question *question, unsigned number)
{
	/* unique among all that any process asks any client */
	question->id = text_of(text_printf(&r->pool, "\"%s-%u\"", r->id, number));
	stream_send(call_of(r)->stream,
	            rpc_message_text(&r->pool, question->id, question->method, json_text(&r->pool, question->params)));
}

step_result ask_legacy(struct request *r)
{
	struct asking *asking = call_of(r)->asking;
	unsigned number = (unsigned)json_object_size(asking->answers);

	if (!stream_begin(r))
		return answer_problem(r, "The client takes no event stream, so it cannot be asked.");
	for (struct question *q = asking->questions; q != NULL; q = q->next)
		send_question(r, q, ++number);
	return ask_wait(r);
}

step_result ask_wait(struct request *r)
{
	struct asking *asking = call_of(r)->asking;

	asking->is_waiting = true;
	asking->until_ms = clock_monotonic_ms() + PATIENCE_MS;
	run_steps(r, GO_ON);
	return STEP_WAIT;
}

/* ---- what comes back ---- */

static struct question *find_question(struct asking *asking, h2o_iovec_t id, struct question ***ret_at)
{
	struct question **at = &asking->questions;

	while (*at != NULL && !text_equal((*at)->id, id))
		at = &(*at)->next;
	*ret_at = at;
	return *at;
}

/* Only the session that was asked may answer, or without one the same client of the same person. */
static struct request *find_asking(struct request *r, h2o_iovec_t id, struct question ***ret_at)
{
	const struct call *poster = call_of(r);

	for (struct running *n = mcp_of(r)->running.first; n != NULL; n = n->next) {
		struct call *call = call_of(n->r);
		if (call->era == ERA_LEGACY && ask_is_waiting(call) && n->end == RUNNING_ON &&
		    memcmp(call->session.owner, poster->session.owner, SESSION_OWNER_SIZE) == 0 &&
		    find_question(call->asking, id, ret_at) != NULL)
			return n->r;
	}
	return NULL;
}

/* `asked`: whose call it is; what it keeps is copied to its pool. */
static void take_result(struct request *asked, const struct question *question, const struct rpc_message *message)
{
	struct asking *asking = call_of(asked)->asking;

	if (message->result == NULL) {
		asking->problem = "The client answered with an error when it was asked.";
		return;
	}
	json_t *result = json_read(&asked->pool, json_text(&asked->pool, message->result), NULL);
	const char *problem = input_response_problem(&asked->pool, question->method, question->params, result);
	if (problem != NULL)
		asking->problem = text_printf(&asked->pool, "The client's answer is not valid: %s.", problem);
	else
		json_object_set(asking->answers, question->key, result);
}

void ask_take_response(struct request *r, const struct rpc_message *message)
{
	struct question **at;
	struct request *asked = find_asking(r, message->id, &at);

	if (asked == NULL)
		return; /* too late, or nobody's */
	struct question *question = *at;
	*at = question->next;
	take_result(asked, question, message);
	struct asking *asking = call_of(asked)->asking;
	if (asking->questions == NULL || asking->problem != NULL)
		stop_waiting(asked);
}

static const char *inputs_problem(const struct asking *asking, const json_t *responses, h2o_mem_pool_t *pool)
{
	for (const struct question *q = asking->questions; q != NULL; q = q->next) {
		const json_t *response = json_object_get(responses, q->key);
		const char *problem =
		    response != NULL ? input_response_problem(pool, q->method, q->params, response) : NULL;
		if (problem != NULL)
			return text_printf(pool, "inputResponses.%s: %s", q->key, problem);
	}
	return NULL;
}

const char *ask_take_inputs(struct request *asked, const json_t *responses, h2o_mem_pool_t *pool)
{
	struct asking *asking = call_of(asked)->asking;
	const char *problem = inputs_problem(asking, responses, pool);

	for (struct question **at = &asking->questions; problem == NULL && *at != NULL;) {
		const json_t *response = json_object_get(responses, (*at)->key);
		if (response == NULL) {
			at = &(*at)->next;
			continue;
		}
		json_object_set_new(asking->answers, (*at)->key, json_deep_copy(response));
		*at = (*at)->next;
	}
	if (asking->questions == NULL)
		stop_waiting(asked);
	return problem;
}
