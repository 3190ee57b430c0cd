/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from an upstream: answers to what was asked, requests of its own, notices. Nothing in it is believed: an
 * answer must name a request that is under way, and over HTTP it must have come with that request's own. */
#include <math.h>

#include "common/clock.h"
#include "common/log.h"
#include "mcp/protocol/jsonrpc.h"
#include "mcp/backend/upstream/upstream_client_internal.h"

static void take_answer(struct upstream_client *c, uint64_t of, const json_t *message)
{
	const json_t *id = json_object_get(message, "id"), *result = json_object_get(message, "result"),
		     *error = json_object_get(message, "error");
	json_int_t number = json_integer_value(id);
	struct upstream_exchange *e = json_is_integer(id) && number > 0 ? exchange_find(c, (uint64_t)number) : NULL;

	if (e == NULL || (of != 0 && of != e->id))
		return; /* too late, or nobody's */
	struct upstream_answer answer = {.outcome = UPSTREAM_GARBAGE};
	if (json_is_object(result) && error == NULL)
		answer = (struct upstream_answer){.outcome = UPSTREAM_RESULT, .result = result};
	else if (json_is_object(error) && result == NULL)
		answer = (struct upstream_answer){.outcome = UPSTREAM_ERROR,
		                                  .error = error,
		                                  .code = json_integer_value(json_object_get(error, "code"))};
	exchange_finish(e, &answer);
}

/* ---- its requests ---- */

static void take_request(struct upstream_client *c, uint64_t of, const json_t *message)
{
	const json_t *id = json_object_get(message, "id");
	struct upstream_question question = {
	    .id = id, .method = json_get_text(message, "method"), .params = json_object_get(message, "params")};
	struct upstream_exchange *e = of != 0 ? exchange_find(c, of) : exchange_only(c);

	if (!json_is_string(id) && !json_is_integer(id))
		return;
	if (text_is(question.method, "ping"))
		exchange_reply(c, id, "result", json_object());
	else if (e == NULL || e->internal || e->abandoned || e->events->on_ask == NULL ||
	         (question.params != NULL && !json_is_object(question.params)))
		exchange_reply(c, id, "error",
		               json_pack("{s:i, s:s}", "code", (int)RPC_METHOD_NOT_FOUND, "message",
		                         "Nobody is there who could answer that"));
	else
		e->events->on_ask(e->data, &question);
}

/* ---- its notices ---- */

static void take_progress(struct upstream_client *c, uint64_t of, const json_t *params)
{
	const json_t *token = json_object_get(params, "progressToken"), *total = json_object_get(params, "total");
	json_int_t number = json_integer_value(token);
	struct upstream_exchange *e = json_is_integer(token) && number > 0 ? exchange_find(c, (uint64_t)number) : NULL;

	if (e == NULL || e->internal || e->abandoned || !e->wants_progress || (of != 0 && of != e->id) ||
	    e->events->on_progress == NULL)
		return;
	e->events->on_progress(e->data, json_number_value(json_object_get(params, "progress")),
	                       json_is_number(total) ? json_number_value(total) : -1,
	                       json_get_text(params, "message").base);
}

/* Where answers do not come apart, nobody knows whose call a message is about: it goes to nobody. */
static void take_log(struct upstream_client *c, uint64_t of, const json_t *params)
{
	struct upstream_exchange *e = of != 0 ? exchange_find(c, of) : NULL;

	if (e != NULL && !e->internal && !e->abandoned && e->events->on_log != NULL)
		e->events->on_log(e->data, params);
}

/* 2026-07-28, stdio: the stream of notices has ended. */
static void take_cancelled(struct upstream_client *c, const json_t *params)
{
	const struct upstream_answer answer = {.outcome = UPSTREAM_LOST};
	json_int_t id = json_integer_value(json_object_get(params, "requestId"));

	if (c->listening != NULL && id > 0 && (uint64_t)id == c->listening->id)
		exchange_finish(c->listening, &answer);
}

static void take_notice(struct upstream_client *c, uint64_t of, const json_t *message)
{
	h2o_iovec_t method = json_get_text(message, "method");
	const json_t *params = json_object_get(message, "params");

	if (text_is(method, "notifications/progress"))
		take_progress(c, of, params);
	else if (text_is(method, "notifications/message"))
		take_log(c, of, params);
	else if (text_is(method, "notifications/cancelled"))
		take_cancelled(c, params);
	else if (text_is(method, "notifications/tools/list_changed"))
		c->is_stale = c->is_listing || c->state == UPSTREAM_READY; /* calls wait for the new list */
}

/* ---- from the wire ---- */

/* False: it has sent so much in this second that the connection has ended. */
static bool is_bearable(struct upstream_client *c)
{
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms - c->second_ms >= 1000) {
		c->second_ms = now_ms;
		c->messages = 0;
	}
	if (++c->messages <= UPSTREAM_MESSAGES_PER_SECOND)
		return true;
	client_fail(c, "it sends more messages than anybody can read");
	return false;
}

/* Requests and notices that come with a call: their number is bounded whatever they say. False: the call has ended. */
static bool count_with_call(struct upstream_client *c, uint64_t of, const json_t *message)
{
	json_int_t token = json_integer_value(json_object_get(json_object_get(message, "params"), "progressToken"));
	uint64_t id = of != 0 ? of : token > 0 ? (uint64_t)token : 0;
	struct upstream_exchange *e = id != 0 ? exchange_find(c, id) : NULL;

	if (e == NULL || e->internal || e->abandoned || ++e->messages <= UPSTREAM_MESSAGES_PER_CALL)
		return true;
	log_event(LOG_WARNING, "an upstream sends too many messages for one call", "upstream", c->reach->file->name,
	          NULL);
	exchange_give_up(e, UPSTREAM_GARBAGE);
	return false;
}

static void on_message(void *data, uint64_t of, h2o_iovec_t json)
{
	struct upstream_client *c = data;
	h2o_mem_pool_t pool;

	if (c->wire == NULL || !is_bearable(c))
		return; /* of a connection that has been given up */
	h2o_mem_init_pool(&pool);
	const json_t *message = json_read(&pool, json, NULL);
	bool asks = json_get_text(message, "method").base != NULL, has_id = json_object_get(message, "id") != NULL;
	bool counts = !asks || count_with_call(c, of, message);
	if (asks && counts && has_id)
		take_request(c, of, message);
	else if (asks && counts)
		take_notice(c, of, message);
	else if (!asks && has_id)
		take_answer(c, of, message);
	h2o_mem_clear_pool(&pool);
	if (c->wire != NULL)
		exchange_pump(c);
	client_look_again(c);
}

static void on_too_large(void *data, uint64_t of)
{
	struct upstream_client *c = data;
	struct upstream_exchange *e = of != 0 ? exchange_find(c, of) : NULL;
	const struct upstream_answer answer = {.outcome = UPSTREAM_TOO_LARGE};

	if (e != NULL)
		exchange_finish(e, &answer);
	exchange_pump(c);
}

static enum upstream_outcome outcome_of(const struct upstream_wire_end *end)
{
	switch (end->failure) {
	case EGRESS_FORBIDDEN:
	case EGRESS_UNSENT: return UPSTREAM_AWAY;
	case EGRESS_TIMED_OUT: return UPSTREAM_TIMED_OUT;
	case EGRESS_TOO_LARGE: return UPSTREAM_TOO_LARGE;
	case EGRESS_LOST:
	case EGRESS_ENDED: return UPSTREAM_LOST;
	case EGRESS_FINE: break;
	}
	return end->status >= 200 && end->status < 300 ? UPSTREAM_GARBAGE : UPSTREAM_REFUSED;
}

/* The session is gone (2025-11-25, basic/transports): the call has not been looked at, and goes out again with another
 * session. */
static bool begins_anew(struct upstream_client *c, struct upstream_exchange *e, const struct upstream_wire_end *end)
{
	if (end->status != 404 || c->state != UPSTREAM_READY || e->abandoned || e->tries > 0 ||
	    !upstream_wire_http_has_session(c->wire))
		return false;
	e->tries++;
	if (!e->internal) { /* those end with the connection */
		e->sent = false;
		shares_give_back(&c->under_way, e->who);
		shares_take(&c->waiting, e->who);
	}
	client_restart(c);
	return true;
}

static void on_end(void *data, uint64_t of, const struct upstream_wire_end *end)
{
	struct upstream_client *c = data;
	struct upstream_exchange *e = exchange_find(c, of);

	if (c->wire == NULL || e == NULL)
		return;
	if (end->body.len > 0) {
		on_message(c, of, end->body);
		if (c->wire == NULL || exchange_find(c, of) != e)
			return; /* it was the answer */
	}
	if (end->problem != NULL && !e->abandoned)
		log_event(LOG_WARNING, "an upstream has not answered", "upstream", c->reach->file->name, "problem",
		          end->problem, NULL);
	if (begins_anew(c, e, end))
		return;
	const struct upstream_answer answer = {.outcome = outcome_of(end), .code = end->status};
	bool internal = e->internal;
	exchange_finish(e, &answer);
	if (!internal && answer.outcome == UPSTREAM_AWAY)
		client_fail(c, end->problem != NULL ? end->problem : "it cannot be reached");
	if (c->wire != NULL)
		exchange_pump(c);
	client_look_again(c);
}

static void on_down(void *data, const char *problem)
{
	struct upstream_client *c = data;

	if (c->wire != NULL)
		client_fail(c, problem);
}

const struct upstream_wire_events DISPATCH_EVENTS = {
    .on_message = on_message,
    .on_too_large = on_too_large,
    .on_end = on_end,
    .on_down = on_down,
};
