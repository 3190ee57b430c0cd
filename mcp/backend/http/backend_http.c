/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the service that the tool's file names. The way there is the guarded door (common/egress.h) with the
 * operator's list of hosts; the caller's token never goes along. */
#include <string.h>

#include "common/clock.h"
#include "common/secret.h"
#include "mcp/call/answer.h"
#include "mcp/backend/backends.h"
#include "mcp/backend/http/http_plan.h"

struct work { /* of one request */
	struct request *r;
	struct http_message message;
	struct http_answer answer;
	int64_t until_ms;
	struct credential_wait *wait;
	struct egress_flight *flight;
	bool was_sent, was_repeated;
	bool was_lost; /* the first try, on its way or in the service */
	bool stopped;  /* its end comes in the next turn of the loop */
	h2o_timeout_entry_t turn;
};

static struct work *work_of(struct request *r)
{
	return call_of(r)->work;
}

/* ---- the end ---- */

/* A change that was asked for may have been made unless the service says otherwise. A second try that it refuses says
 * nothing of the first. */
static enum call_effect effect_of(const struct request *r)
{
	const struct work *work = call_of(r)->work;
	int status = work->answer.status;

	if (call_of(r)->item->tier == TIER_READ || !work->was_sent)
		return EFFECT_NONE;
	if (status >= 200 && status < 300)
		return EFFECT_COMMITTED;
	return status >= 400 && status < 500 && !work->was_lost ? EFFECT_NONE : EFFECT_UNKNOWN;
}

static step_result answer(struct request *r)
{
	const struct http_plan *plan = call_of(r)->plan;

	if (call_of(r)->running.end != RUNNING_ON)
		return answer_cancelled(r, effect_of(r));
	if (work_of(r)->answer.status == 401)
		credential_refused(r, plan->credential);
	work_of(r)->answer.effect = effect_of(r);
	return http_answer_take(r, plan, &work_of(r)->answer);
}

static step_fn *const ANSWER_STEPS[] = {answer, NULL};

static void on_turn(h2o_timeout_entry_t *entry)
{
	request_resume(H2O_STRUCT_FROM_MEMBER(struct work, turn, entry)->r);
}

static void cancel(struct request *r)
{
	struct work *work = work_of(r);
	h2o_context_t *context = server_context(mcp_of(r)->server);

	if (work == NULL || work->stopped)
		return;
	work->stopped = true;
	if (work->wait != NULL)
		credential_cancel(work->wait);
	if (work->flight != NULL) {
		work->was_sent = work->was_sent || egress_was_sent(work->flight);
		egress_cancel(work->flight);
	}
	work->wait = NULL;
	work->flight = NULL;
	work->turn.cb = on_turn;
	h2o_timeout_link(context->loop, &context->zero_timeout, &work->turn);
}

/* ---- the request ---- */

static void send_message(struct work *work);

static h2o_iovec_t kept(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	return text.base != NULL ? h2o_iovec_init(text_copy(pool, text), text.len) : text;
}

/* Once, and only where nobody minds that it comes twice. */
static bool is_worth_repeating(const struct work *work, enum egress_failure failure)
{
	const struct http_plan *plan = call_of(work->r)->plan;

	return plan->idempotent && !work->was_repeated && (failure == EGRESS_UNSENT || failure == EGRESS_LOST) &&
	       clock_monotonic_ms() < work->until_ms;
}

static void on_answer(void *data, const struct egress_answer *answer)
{
	struct work *work = data;
	struct request *r = work->r;
	struct egress_flight *flight = work->flight;

	work->flight = NULL;
	work->was_sent = work->was_sent || egress_was_sent(flight);
	if (is_worth_repeating(work, answer->failure)) {
		work->was_repeated = true;
		work->was_lost = work->was_sent;
		send_message(work);
		return;
	}
	work->answer = (struct http_answer){
	    .status = answer->status,
	    .failure = answer->failure,
	    .problem = answer->problem,
	    .type = kept(&r->pool, answer->content_type),
	    .retry_after = kept(&r->pool, egress_field(flight, "Retry-After")),
	    .body = kept(&r->pool, answer->body),
	};
	r->was_sent = work->was_sent;
	request_resume(r);
}

static void send_message(struct work *work)
{
	const struct http_plan *plan = call_of(work->r)->plan;
	int64_t left_ms = work->until_ms - clock_monotonic_ms();
	struct egress_request request = {
	    .method = plan->method,
	    .url = work->message.url,
	    .content_type = plan->content_type,
	    .accept = plan->answers.accept,
	    .authorization = work->message.authorization,
	    .headers = work->message.headers,
	    .body = work->message.body,
	    .timeout_ms = left_ms > 0 ? (long)left_ms : 1,
	    .answer_limit = plan->limit,
	    .decodes = true,
	    .once = true,
	    .who = work->r->share,
	    .places = &mcp_of(work->r)->settings.outbound,
	};

	work->flight = egress_fetch(mcp_of(work->r)->outbound, &request, on_answer, work);
	work->r->was_sent = true; /* it may be, until its end says that it was not */
}

static void take_credential(struct work *work, const struct credential_header *header)
{
	struct http_message *message = &work->message;
	size_t count = 0;

	while (message->headers[count] != NULL)
		count++;
	message->headers[count] = header->line;
	if (header->authorization == NULL)
		return;
	/* what was exchanged is gone before a second try */
	size_t size = strlen(header->authorization) + 1;
	char *copy = secret_alloc(&work->r->pool, size);
	memcpy(copy, header->authorization, size);
	message->authorization = copy;
}

static void on_credential(void *data, const struct credential_header *header)
{
	struct work *work = data;

	work->wait = NULL;
	if (header == NULL) {
		work->answer = (struct http_answer){.failure = EGRESS_UNSENT, .problem = "there is no credential"};
		request_resume(work->r);
		return;
	}
	take_credential(work, header);
	send_message(work);
}

static step_result run(struct request *r)
{
	const struct http_plan *plan = call_of(r)->plan;
	struct work *work = h2o_mem_alloc_pool(&r->pool, sizeof(*work));
	struct credential_header header;
	const char *problem;

	*work = (struct work){.r = r, .until_ms = clock_monotonic_ms() + plan->timeout_ms};
	problem = http_message_make(&r->pool, plan, call_of(r)->arguments, &work->message);
	if (problem != NULL)
		return answer_problem(r, problem);
	call_of(r)->work = work;
	run_steps(r, ANSWER_STEPS); /* when the answer is there */
	work->wait = credential_get(r, plan->credential, plan->timeout_ms, &header, on_credential, work);
	if (work->wait != NULL)
		return STEP_WAIT;
	take_credential(work, &header);
	send_message(work);
	return STEP_WAIT;
}

const struct backend BACKEND_HTTP = {
    .name = "http",
    .schema = HTTP_PLAN_SCHEMA,
    .kinds = 1 << ITEM_TOOL,
    .load = http_plan_load,
    .run = run,
    .cancel = cancel,
};
