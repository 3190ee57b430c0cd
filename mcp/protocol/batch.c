/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/batch.h"

#include "common/reply.h"
#include "mcp/protocol/transport.h"

enum { MEMBERS_MAX = 32 };

struct batch {     /* in the whole's pool */
	size_t at; /* of the body: behind the members that were begun */
	struct text_buffer answers;
	struct request *part; /* under way */
	bool is_done;         /* the part has its answer */
	bool is_over;         /* what ended the part ends the rest too: nothing of it is begun */
	bool is_waiting;      /* run_members has returned meanwhile: somebody has to run the rest */
};

static step_result take_answer(struct request *part, int status, h2o_iovec_t body);

/* What ends a member with another status than a message's has words for the client, but no JSON-RPC. */
static h2o_iovec_t answer_text(struct request *part, int status, h2o_iovec_t body)
{
	const struct call *call = call_of(part);

	if (body.len == 0 || (status != 401 && status != 403))
		return body;
	return rpc_error_text(
	    &part->pool, call->message.id,
	    (struct rpc_problem){RPC_INVALID_REQUEST,
	                         status == 403
	                             ? "The access token does not open this, or a person has to "
	                               "approve it first: ask outside of a batch"
	                             : "The access token is not active any more, or its person has to sign in "
	                               "again"},
	    NULL);
}

static step_result run_member(struct request *part)
{
	struct batch *batch = call_of(part->whole)->batch;
	h2o_iovec_t member;

	rpc_batch_next(part->whole->body, &batch->at, &member);
	return transport_run_message(part, member);
}

static step_fn *const MEMBER_STEPS[] = {run_member, NULL};

static bool has_next(struct request *r)
{
	h2o_iovec_t member;
	size_t at = call_of(r)->batch->at;

	return rpc_batch_next(r->body, &at, &member);
}

static step_result send_answers(struct request *r)
{
	struct batch *batch = call_of(r)->batch;

	r->on_departed = NULL;
	if (batch->answers.len == 0)
		return rpc_accept(r);
	text_append_str(&batch->answers, "]");
	reply_header(r, "cache-control", "no-store");
	reply_header(r, "x-request-id", r->id);
	return reply_body(r, 200, "application/json", h2o_iovec_init(batch->answers.base, batch->answers.len));
}

static step_fn *const SEND_STEPS[] = {send_answers, NULL};

/* True if all are done; else the one under way waits. */
static bool run_members(struct request *r)
{
	struct batch *batch = call_of(r)->batch;

	while (!batch->is_over && has_next(r)) {
		batch->is_done = batch->is_waiting = false;
		batch->part = request_part_new(r, sizeof(struct call), MEMBER_STEPS, take_answer);
		request_part_run(batch->part);
		batch->is_waiting = true;
		if (!batch->is_done)
			return false;
	}
	return true;
}

static step_result take_answer(struct request *part, int status, h2o_iovec_t body)
{
	struct request *r = part->whole;
	struct batch *batch = call_of(r)->batch;
	h2o_iovec_t text = answer_text(part, status, body);

	batch->part = NULL;
	batch->is_done = true;
	enum running_end end = call_of(part)->running.end;
	batch->is_over = end == RUNNING_REVOKED || end == RUNNING_CLIENT_LEFT || end == RUNNING_SERVER_ENDS;
	if (text.len > 0) {
		text_append_str(&batch->answers, batch->answers.len > 0 ? "," : "[");
		text_append_iovec(&batch->answers, text);
	}
	if (batch->is_waiting && run_members(r))
		request_resume(r); /* it was waited for, and was the last */
	return STEP_DONE;
}

static void on_departed(struct request *r)
{
	struct request *part = call_of(r)->batch->part;

	if (part != NULL && part->on_departed != NULL)
		part->on_departed(part);
}

static const char *batch_problem(struct request *r)
{
	size_t at = 0, count = 0;
	h2o_iovec_t member;

	if (call_of(r)->session.version != VERSION_2025_03_26)
		return "Batches exist in the protocol version 2025-03-26 only";
	while (rpc_batch_next(r->body, &at, &member))
		count++;
	if (count == 0)
		return "A batch must have a member";
	return count > MEMBERS_MAX ? "A batch must have no more than 32 members" : NULL;
}

step_result batch_run(struct request *r)
{
	struct call *call = call_of(r);

	if (!session_read(r, &call->session))
		return transport_refuse(r, 404, RPC_INVALID_REQUEST, "There is no such session");
	const char *problem = batch_problem(r);
	if (problem != NULL)
		return transport_refuse(r, 400, RPC_INVALID_REQUEST, problem);
	call->batch = h2o_mem_alloc_pool(&r->pool, sizeof(*call->batch));
	*call->batch = (struct batch){.answers.pool = &r->pool};
	r->outlives_client = true;
	if (run_members(r))
		return send_answers(r);
	r->on_departed = on_departed;
	run_steps(r, SEND_STEPS);
	return STEP_WAIT;
}
