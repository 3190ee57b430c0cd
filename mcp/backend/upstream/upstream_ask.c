/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream asks while a call is under way goes to the client whose call it is, if the upstream's file allows it
 * and the client can: requests of the legacy era on its wire, input_required of the modern one. Four ways, for either
 * side is of either era. Texts are shown as the upstream's. */
#include <string.h>

#include "common/schema/schema.h"
#include "common/secret.h"
#include "mcp/call/answer.h"
#include "mcp/caller/bearer.h"
#include "mcp/call/conversation.h"
#include "mcp/protocol/jsonrpc.h"
#include "mcp/mcp.h"
#include "mcp/guard/untrusted.h"
#include "mcp/backend/upstream/upstream_parked.h"
#include "mcp/backend/upstream/upstream_work.h"
#include "mcp/backend/upstream/upstreams.h"
#include "mcp/policy/view.h"

enum { ROUNDS_MAX = 8, QUESTIONS_MAX = 8, FIELDS_MAX = 50, PATIENCE_MS = 5 * 60 * 1000 + 1000 };

static const struct {
	const char *method, *capability;
	unsigned bit;
} KINDS[] = {
    {"elicitation/create", "elicitation", UPSTREAM_ASKS_ELICITATION},
    {"sampling/createMessage", "sampling", UPSTREAM_ASKS_SAMPLING},
    {"roots/list", "roots", UPSTREAM_ASKS_ROOTS},
};
enum { KIND_COUNT = sizeof(KINDS) / sizeof(KINDS[0]) };

/* ---- what may be asked ---- */

static const struct upstream_file *file_of(struct request *r)
{
	return upstream_file_find(view_of(r)->catalogue, upstream_plan_of(r)->upstream);
}

/* KIND_COUNT: it may not be asked of this client. */
static size_t kind_of(struct request *r, h2o_iovec_t method)
{
	const struct upstream_file *file = file_of(r);

	for (size_t i = 0; file != NULL && i < KIND_COUNT; i++)
		if (text_is(method, KINDS[i].method) && (file->asks & KINDS[i].bit) != 0 &&
		    client_can(r, KINDS[i].capability))
			return i;
	return KIND_COUNT;
}

json_t *upstream_ask_capabilities(struct upstream_work *work)
{
	unsigned asks = 0;

	for (size_t i = 0; i < KIND_COUNT; i++)
		if (kind_of(work->r, text_of(KINDS[i].method)) == i)
			asks |= KINDS[i].bit;
	return upstream_capabilities(asks);
}

/* A form has plain fields, and its schema is one that the answer can be held to. */
static bool is_form(h2o_mem_pool_t *pool, const json_t *schema)
{
	static const char *const PLAIN[] = {"string", "number", "integer", "boolean", "array"};
	struct schema_options options = {.assert_formats = true, .allow_unknown_keywords = true};
	const json_t *properties = json_object_get(schema, "properties");
	const char *name, *error;
	json_t *field;

	if (!text_is(json_get_text(schema, "type"), "object") || !json_is_object(properties) ||
	    json_object_size(properties) > FIELDS_MAX)
		return false;
	json_object_foreach ((json_t *)properties, name, field) {
		h2o_iovec_t type = json_get_text(field, "type");
		bool plain = false;
		for (size_t i = 0; i < sizeof(PLAIN) / sizeof(PLAIN[0]); i++)
			plain = plain || text_is(type, PLAIN[i]);
		if (!plain || json_object_get(field, "properties") != NULL)
			return false;
	}
	return schema_compile(pool, schema, &options, &error) != NULL;
}

/* What the client is asked, built anew. NULL: it is not in the form that it must have. */
static json_t *question_params(struct request *r, size_t kind, const json_t *said)
{
	static const char *const SAMPLING[] = {"messages",    "systemPrompt",  "maxTokens",
	                                       "temperature", "stopSequences", "modelPreferences"};
	h2o_mem_pool_t *pool = &r->pool;
	json_t *visible =
	    json_keep(pool, untrusted_visible_value(pool, said != NULL ? said : json_keep(pool, json_object())));
	json_t *params = json_object();

	if (kind == 0) {
		h2o_iovec_t mode = json_get_text(visible, "mode"), message = json_get_text(visible, "message");
		json_t *schema = json_object_get(visible, "requestedSchema");
		if ((mode.base != NULL && !text_is(mode, "form")) || message.base == NULL || !is_form(pool, schema)) {
			json_decref(params);
			return NULL;
		}
		json_object_set_new(
		    params, "message",
		    json_string(text_printf(pool, "%s asks: %s", upstream_plan_of(r)->upstream, message.base)));
		json_object_set(params, "requestedSchema", schema);
	} else if (kind == 1) {
		if (!json_is_array(json_object_get(visible, "messages")) ||
		    !json_is_integer(json_object_get(visible, "maxTokens"))) {
			json_decref(params);
			return NULL;
		}
		for (size_t i = 0; i < sizeof(SAMPLING) / sizeof(SAMPLING[0]); i++)
			if (json_object_get(visible, SAMPLING[i]) != NULL)
				json_object_set(params, SAMPLING[i], json_object_get(visible, SAMPLING[i]));
	}
	return params;
}

/* ---- the upstream is of the legacy era: it waits ---- */

bool upstream_ask_take(struct upstream_work *work, const struct upstream_question *question)
{
	struct request *r = work->r;
	size_t kind = kind_of(r, question->method);
	json_t *params;

	if (kind == KIND_COUNT || work->has_question || work->rounds >= ROUNDS_MAX) {
		upstream_exchange_refuse(work->exchange, question->id, RPC_METHOD_NOT_FOUND,
		                         "The client of this call cannot be asked that");
		return false;
	}
	params = question_params(r, kind, question->params);
	if (params == NULL) {
		upstream_exchange_refuse(work->exchange, question->id, RPC_INVALID_PARAMS,
		                         "The client of this call cannot be asked in this form");
		return false;
	}
	work->rounds++;
	work->has_question = true;
	work->id = json_keep(&r->pool, json_deep_copy(question->id));
	work->key = random_token(&r->pool, "ask-");
	work->method = KINDS[kind].method;
	work->params = json_text(&r->pool, json_keep(&r->pool, params));
	return true;
}

/* The request ends, and its retry has to find the call again. */
static step_result park(struct upstream_work *work)
{
	struct request *r = work->r;
	const struct input_request ask = {.key = work->key, .method = work->method, .params = work->params};
	struct parked_call *parked =
	    parked_add(upstreams_parked(mcp_of(r)->upstreams), work->exchange, bearer_of(r), work->id, work->key);

	if (parked == NULL)
		return upstream_work_fail(work, "Too many calls wait for answers of their clients. Try again shortly.");
	work->exchange = NULL;
	step_result result =
	    ask_client(r, &ask, 1, text_of(text_printf(&r->pool, "{\"parked\":\"%s\"}", parked->name)));
	if (!ask_was_asked(call_of(r)))
		parked_end(parked); /* nobody has its name */
	return result;
}

step_result upstream_ask(struct upstream_work *work)
{
	struct request *r = work->r;
	const struct input_request ask = {.key = work->key, .method = work->method, .params = work->params};

	upstream_work_note_sent(work, true);
	if (call_of(r)->era == ERA_MODERN && !task_runs(r))
		return park(work);
	work->is_asking = true;
	upstream_exchange_adopt(work->exchange, &UPSTREAM_WORK_EVENTS, work, PATIENCE_MS);
	return ask_client(r, &ask, 1, (h2o_iovec_t){NULL, 0});
}

static step_result reply(struct upstream_work *work, const json_t *id, const json_t *answer)
{
	const struct upstream_file *file = file_of(work->r);

	work->is_asking = work->has_question = false;
	if (work->has_answer)
		return upstream_work_conclude(work);
	upstream_exchange_adopt(work->exchange, &UPSTREAM_WORK_EVENTS, work,
	                        file != NULL ? file->timeout_ms : PATIENCE_MS);
	upstream_exchange_reply(work->exchange, id, answer);
	return upstream_work_wait(work);
}

step_result upstream_ask_answered(struct upstream_work *work)
{
	return reply(work, work->id, ask_answer(work->r, work->key));
}

/* ---- going on ---- */

static step_result unpark(struct upstream_work *work, const char *name)
{
	struct request *r = work->r;
	struct parked_call *parked = parked_take(upstreams_parked(mcp_of(r)->upstreams), name);
	const json_t *answer = parked != NULL ? ask_answer(r, parked->key) : NULL;

	upstream_work_note_sent(work, true);
	if (answer == NULL) {
		if (parked != NULL && parked->exchange != NULL)
			upstream_exchange_cancel(parked->exchange);
		if (parked != NULL)
			parked_free(parked);
		return upstream_work_fail(
		    work, "The server behind this tool does not wait for this answer any more. Call the "
			  "tool again.");
	}
	work->exchange = parked->exchange;
	work->has_answer = parked->exchange == NULL;
	work->answer = (struct upstream_answer){.outcome = parked->outcome,
	                                        .result = json_keep(&r->pool, json_incref(parked->result))};
	const json_t *id = json_keep(&r->pool, json_incref(parked->id));
	parked_free(parked);
	return reply(work, id, answer);
}

step_result upstream_ask_resume(struct upstream_work *work, const json_t *state)
{
	struct request *r = work->r;
	const char *parked = json_get_text(state, "parked").base, *key;
	json_t *responses = json_keep(&r->pool, json_object()), *ours;

	if (parked != NULL)
		return unpark(work, parked);
	work->rounds = (unsigned)json_integer_value(json_object_get(state, "round"));
	json_object_foreach (json_object_get(state, "keys"), key, ours) {
		const json_t *answer = ask_answer(r, json_string_value(ours));
		if (answer != NULL)
			json_object_set(responses, key, (json_t *)answer);
	}
	return upstream_work_call(work, responses, json_get_text(state, "state").base);
}

/* ---- the upstream is of the modern era: it wants to be called again ---- */

/* KEY of the upstream -> the one under which our client is asked: of each round another. */
static size_t collect(struct upstream_work *work, const json_t *requests, struct input_request *asks, json_t *keys)
{
	struct request *r = work->r;
	size_t count = 0;
	const char *key;
	json_t *request;

	json_object_foreach ((json_t *)requests, key, request) {
		size_t kind = kind_of(r, json_get_text(request, "method"));
		json_t *params = kind < KIND_COUNT && count < QUESTIONS_MAX
		                     ? question_params(r, kind, json_object_get(request, "params"))
		                     : NULL;
		if (params == NULL)
			return 0;
		asks[count] = (struct input_request){
		    .key = text_printf(&r->pool, "ask-%u-%zu", work->rounds, count),
		    .method = KINDS[kind].method,
		    .params = json_text(&r->pool, json_keep(&r->pool, params)),
		};
		json_object_set_new(keys, key, json_string(asks[count].key));
		count++;
	}
	return count;
}

step_result upstream_ask_inputs(struct upstream_work *work, const json_t *result)
{
	struct request *r = work->r;
	const json_t *requests = json_object_get(result, "inputRequests"),
		     *theirs = json_object_get(result, "requestState");
	struct input_request asks[QUESTIONS_MAX];
	json_t *keys = json_keep(&r->pool, json_object());

	if (++work->rounds > ROUNDS_MAX)
		return upstream_work_fail(work, "The server behind this tool asks and asks.");
	if (json_object_size(requests) == 0 && json_is_string(theirs)) /* it only wants to be called again */
		return upstream_work_call(work, json_keep(&r->pool, json_object()), json_string_value(theirs));
	size_t count = collect(work, requests, asks, keys);
	if (count == 0)
		return upstream_work_fail(
		    work, "The server behind this tool wants to know what this client cannot be asked.");
	json_t *state = json_pack("{s:i, s:O}", "round", (int)work->rounds, "keys", keys);
	if (json_is_string(theirs))
		json_object_set(state, "state", (json_t *)theirs);
	return ask_client(r, asks, count, json_text(&r->pool, json_keep(&r->pool, state)));
}
