/* SPDX-License-Identifier: Apache-2.0 */
/* Tools of other MCP servers. The arguments are checked before the upstream hears of the call, and of its caller it
 * hears nothing. */
#include <math.h>
#include <string.h>

#include "common/encoding.h"
#include "common/log.h"
#include "mcp/call/answer.h"
#include "mcp/backend/backends.h"
#include "mcp/call/conversation.h"
#include "mcp/protocol/jsonrpc.h"
#include "mcp/guard/untrusted.h"
#include "mcp/backend/upstream/upstream_result.h"
#include "mcp/backend/upstream/upstream_work.h"
#include "mcp/backend/upstream/upstreams.h"
#include "mcp/policy/view.h"

enum { LOGS_MAX = 100, LOG_SIZE_MAX = 16 * 1024, MESSAGE_MAX = 1000 };

static struct upstream_client *client_of(struct request *r)
{
	const struct upstream_plan *plan = upstream_plan_of(r);
	struct upstreams *upstreams = mcp_of(r)->upstreams;

	return upstreams != NULL ? upstreams_find(upstreams, plan->upstream, plan->reached) : NULL;
}

/* ---- ends ---- */

#define AWAY_TEXT "The server behind this tool is not reachable at the moment. Try again in a minute, or do without it."

static const char *failure_text(const struct upstream_work *work)
{
	switch (work->answer.outcome) {
	case UPSTREAM_AWAY: return AWAY_TEXT;
	case UPSTREAM_BUSY: return "Too many calls of this server's tools are under way. Try again shortly.";
	case UPSTREAM_WITHDRAWN:
		return "What this tool says of itself has changed since it was approved. It can be used again once its "
		       "operator has approved it.";
	case UPSTREAM_TOO_LARGE: return "The result is too large. Ask for less.";
	case UPSTREAM_ERROR:
		return work->answer.code == RPC_INVALID_PARAMS
		           ? "The server behind this tool does not take these arguments."
		           : "The server behind this tool refused the call.";
	case UPSTREAM_TIMED_OUT: return "The tool took longer than it may and was stopped.";
	case UPSTREAM_LOST: return "The server behind this tool broke off.";
	default: return "The server behind this tool gave no valid answer. Its operator has to look into it.";
	}
}

/* What it says itself that it will not do, it has not done; any other end may have come in the middle of a change. */
static bool has_refused(const struct upstream_answer *answer)
{
	switch (answer->outcome) {
	case UPSTREAM_AWAY:
	case UPSTREAM_BUSY:
	case UPSTREAM_WITHDRAWN: return true;
	case UPSTREAM_ERROR:
		return answer->code == RPC_INVALID_PARAMS || answer->code == RPC_METHOD_NOT_FOUND ||
		       answer->code == RPC_INVALID_REQUEST;
	case UPSTREAM_REFUSED: return answer->code >= 400 && answer->code < 500;
	default: return false;
	}
}

static enum call_effect effect_of_failure(const struct upstream_work *work)
{
	bool reads = call_of(work->r)->item->tier == TIER_READ;

	return reads || !work->was_sent || has_refused(&work->answer) ? EFFECT_NONE : EFFECT_UNKNOWN;
}

step_result upstream_work_fail(struct upstream_work *work, const char *text)
{
	bool reads = call_of(work->r)->item->tier == TIER_READ;

	return answer_problem_after(work->r, text, reads || !work->was_sent ? EFFECT_NONE : EFFECT_UNKNOWN);
}

step_result upstream_work_conclude(struct upstream_work *work)
{
	struct request *r = work->r;
	struct outcome outcome;

	if (work->answer.outcome == UPSTREAM_RESULT &&
	    text_is(json_get_text(work->answer.result, "resultType"), "input_required"))
		return upstream_ask_inputs(work, work->answer.result);
	if (work->answer.outcome == UPSTREAM_RESULT &&
	    !upstream_result_outcome(&r->pool, work->answer.result, upstream_plan_of(r)->untrusted, &outcome))
		work->answer.outcome = UPSTREAM_GARBAGE;
	if (work->answer.outcome == UPSTREAM_RESULT)
		return answer_outcome(r, &outcome);
	/* its words may quote anything: the log gets a number */
	log_event(LOG_WARNING, "an upstream's tool failed", "request", r->id, "tool", call_of(r)->item->name, "outcome",
	          text_printf(&r->pool, "%d", (int)work->answer.outcome), "code",
	          text_printf(&r->pool, "%lld", (long long)work->answer.code), NULL);
	return answer_problem_after(r, failure_text(work), effect_of_failure(work));
}

static enum call_effect effect_of(const struct upstream_work *work)
{
	if (call_of(work->r)->item->tier == TIER_READ || !work->was_sent)
		return EFFECT_NONE;
	return work->has_answer && work->answer.outcome == UPSTREAM_RESULT ? EFFECT_COMMITTED : EFFECT_UNKNOWN;
}

static step_result go_on(struct request *r)
{
	struct upstream_work *work = call_of(r)->work;

	if (call_of(r)->running.end != RUNNING_ON)
		return answer_cancelled(r, effect_of(work));
	if (work->has_answer)
		return upstream_work_conclude(work);
	return upstream_ask(work);
}

static step_fn *const GO_ON[] = {go_on, NULL};

step_result upstream_work_wait(struct upstream_work *work)
{
	run_steps(work->r, GO_ON);
	return STEP_WAIT;
}

/* ---- what the upstream says ---- */

void upstream_work_note_sent(struct upstream_work *work, bool was_sent)
{
	work->was_sent = work->was_sent || was_sent;
	work->r->was_sent = work->was_sent;
}

static void on_answer(void *data, const struct upstream_answer *answer)
{
	struct upstream_work *work = data;

	upstream_work_note_sent(work, answer->outcome != UPSTREAM_AWAY && answer->outcome != UPSTREAM_BUSY &&
	                                  answer->outcome != UPSTREAM_WITHDRAWN);
	work->exchange = NULL;
	work->has_answer = true;
	work->answer = *answer;
	work->answer.error = NULL;
	work->answer.result = json_keep(&work->r->pool, json_deep_copy(answer->result));
	if (!work->is_asking)
		request_resume(work->r);
}

static void on_progress(void *data, double progress, double total, const char *message)
{
	struct upstream_work *work = data;
	h2o_iovec_t text = text_of(message);
	h2o_mem_pool_t pool; /* what is not said leaves nothing behind */

	if (!say_takes_progress(work->r, progress))
		return;
	h2o_mem_init_pool(&pool);
	if (text.len > MESSAGE_MAX || upstream_plan_of(work->r)->untrusted)
		text = (h2o_iovec_t){NULL, 0};
	if (text.base != NULL)
		text = untrusted_visible_text(&pool, text);
	say_progress(work->r, progress, total, text.base != NULL ? text_copy(&pool, text) : NULL);
	h2o_mem_clear_pool(&pool);
}

static bool is_small(const json_t *value)
{
	return json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) <= LOG_SIZE_MAX;
}

static void on_log(void *data, const json_t *params)
{
	struct upstream_work *work = data;
	h2o_mem_pool_t pool; /* as above */
	enum severity severity = severity_of(json_get_text(params, "level"));
	const json_t *value = json_object_get(params, "data");

	if (upstream_plan_of(work->r)->untrusted || severity == SEVERITIES || value == NULL ||
	    !say_takes_log(work->r, severity) || work->logs >= LOGS_MAX)
		return;
	work->logs++;
	if (!is_small(value))
		return;
	h2o_mem_init_pool(&pool);
	h2o_iovec_t text = json_text(&pool, json_keep(&pool, untrusted_visible_value(&pool, value)));
	if (text.len <= LOG_SIZE_MAX)
		say_log(work->r, severity, upstream_plan_of(work->r)->upstream, text);
	h2o_mem_clear_pool(&pool);
}

static void on_ask(void *data, const struct upstream_question *question)
{
	struct upstream_work *work = data;

	if (upstream_ask_take(work, question))
		request_resume(work->r);
}

/* ---- the call ---- */

static bool is_same(const struct request *r)
{
	const struct upstream_plan *plan = upstream_plan_of(r);
	struct upstream_live *live = upstreams_live(mcp_of(r)->upstreams);

	switch (upstream_live_compare(live, plan->upstream, plan->reached, plan->tool, plan->digest)) {
	case LIVE_CHANGED:
	case LIVE_GONE: return false;
	default: return true; /* what nobody knows yet is compared before the call goes out */
	}
}

static bool may_send(void *data)
{
	const struct upstream_work *work = data;

	return is_same(work->r);
}

const struct upstream_call_events UPSTREAM_WORK_EVENTS = {
    .may_send = may_send,
    .on_answer = on_answer,
    .on_progress = on_progress,
    .on_log = on_log,
    .on_ask = on_ask,
};

static const json_t *argument_at(const json_t *arguments, const char *const *path)
{
	for (; arguments != NULL && *path != NULL; path++)
		arguments = json_object_get(arguments, *path);
	return arguments;
}

/* 2026-07-28, basic/transports/streamable-http, Value Encoding. */
static const char *header_text(h2o_mem_pool_t *pool, const json_t *argument)
{
	h2o_iovec_t text = json_scalar_text(pool, argument);
	bool plain = text.len > 0 && text.base[0] != ' ' && text.base[text.len - 1] != ' ' && !text_starts(text, "=?");

	if (!json_is_string(argument))
		return text.base;
	for (size_t i = 0; i < text.len; i++)
		plain = plain && text.base[i] >= ' ' && text.base[i] < 0x7f;
	return plain ? text.base : text_printf(pool, "=?base64?%s?=", base64_encode(pool, text.base, text.len).base);
}

static const char *const *headers_of(struct request *r)
{
	const struct tool_headers *headers = upstream_plan_of(r)->headers;
	const char **list;
	size_t count = 0;

	if (headers == NULL)
		return NULL;
	list = h2o_mem_alloc_pool(&r->pool, (headers->count + 1) * sizeof(*list));
	for (size_t i = 0; i < headers->count; i++) {
		const json_t *argument =
		    argument_at(call_of(r)->arguments, (const char *const *)headers->items[i].path);
		const char *text = header_text(&r->pool, argument);
		if (text != NULL)
			list[count++] = text_printf(&r->pool, "%s: %s", headers->items[i].name, text);
	}
	list[count] = NULL;
	return list;
}

static const json_t *meta_of(const struct request *r)
{
	return json_object_get(call_of(r)->message.params, "_meta");
}

static step_result refuse(struct upstream_work *work, enum upstream_outcome outcome)
{
	work->answer = (struct upstream_answer){.outcome = outcome};
	return upstream_work_conclude(work);
}

step_result upstream_work_call(struct upstream_work *work, const json_t *responses, const char *state)
{
	struct request *r = work->r;
	struct upstream_client *client = client_of(r);
	enum upstream_outcome refused;

	if (client == NULL)
		return refuse(work, UPSTREAM_AWAY);
	if (!is_same(r))
		return refuse(work, UPSTREAM_WITHDRAWN);
	const struct upstream_call call = {
	    .tool = upstream_plan_of(r)->tool,
	    .who = r->share,
	    .arguments = call_of(r)->arguments,
	    .input_responses = responses,
	    .request_state = state,
	    .capabilities = json_keep(&r->pool, upstream_ask_capabilities(work)),
	    .log_level = json_get_text(meta_of(r), "io.modelcontextprotocol/logLevel").base,
	    .wants_progress = json_object_get(meta_of(r), "progressToken") != NULL,
	    .headers = headers_of(r),
	    .events = &UPSTREAM_WORK_EVENTS,
	    .data = work,
	};
	work->has_answer = false;
	work->exchange = upstream_client_call(client, &call, &refused);
	return work->exchange != NULL ? upstream_work_wait(work) : refuse(work, refused);
}

/* Whatever ends the request, nothing of it comes back. */
static void dispose(void *data)
{
	struct upstream_work *work = data;

	h2o_timeout_unlink(&work->soon);
	if (work->exchange != NULL)
		upstream_exchange_cancel(work->exchange);
}

static void on_soon(h2o_timeout_entry_t *entry)
{
	request_resume(H2O_STRUCT_FROM_MEMBER(struct upstream_work, soon, entry)->r);
}

static struct upstream_work *make_work(struct request *r)
{
	struct upstream_work *work = h2o_mem_alloc_shared(&r->pool, sizeof(*work), dispose);

	*work = (struct upstream_work){.r = r, .soon.cb = on_soon};
	return work;
}

static step_result run(struct request *r)
{
	struct call *call = call_of(r);
	struct upstream_work *work = call->work;
	struct secret state = ask_state(r);

	if (work == NULL)
		work = call->work = make_work(r);
	if (work->has_question)
		return upstream_ask_answered(work);
	if (state.len > 0)
		return upstream_ask_resume(work, json_read(&r->pool, h2o_iovec_init(state.bytes, state.len), NULL));
	return upstream_work_call(work, NULL, NULL);
}

/* The answer comes in the next turn of the loop: whoever cancels still has the request in hand. */
static void cancel(struct request *r)
{
	struct upstream_work *work = call_of(r)->work;

	if (work == NULL || h2o_timeout_is_linked(&work->soon))
		return;
	upstream_work_note_sent(work, work->exchange != NULL && upstream_exchange_is_sent(work->exchange));
	if (work->exchange != NULL)
		upstream_exchange_cancel(work->exchange);
	work->exchange = NULL;
	h2o_timeout_link(upstreams_loop(mcp_of(r)->upstreams), upstreams_soon(mcp_of(r)->upstreams), &work->soon);
}

const struct backend BACKEND_UPSTREAM = {
    .name = "upstream",
    .schema = "",
    .kinds = 1 << ITEM_TOOL,
    .run = run,
    .cancel = cancel,
};
