/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "mcp/backend/upstream/upstream_client_internal.h"

/* ---- messages ---- */

json_t *upstream_capabilities(unsigned asks)
{
	json_t *capabilities = json_object();

	if ((asks & UPSTREAM_ASKS_ELICITATION) != 0)
		json_object_set_new(capabilities, "elicitation", json_object());
	if ((asks & UPSTREAM_ASKS_SAMPLING) != 0)
		json_object_set_new(capabilities, "sampling", json_object());
	if ((asks & UPSTREAM_ASKS_ROOTS) != 0)
		json_object_set_new(capabilities, "roots", json_object());
	return capabilities;
}

static void set_meta(struct upstream_exchange *e, json_t *params)
{
	struct upstream_client *c = e->client;
	json_t *meta = json_object();

	if (e->wants_progress)
		json_object_set_new(meta, "progressToken", json_integer((json_int_t)e->id));
	if (c->era == UPSTREAM_MODERN) {
		json_object_set_new(meta, "io.modelcontextprotocol/protocolVersion", json_string(c->version));
		json_object_set_new(meta, "io.modelcontextprotocol/clientInfo",
		                    json_pack("{s:s, s:s}", "name", "sallyport-mcp", "version", PACKAGE_VERSION));
		json_object_set_new(meta, "io.modelcontextprotocol/clientCapabilities",
		                    e->capabilities != NULL ? json_incref(e->capabilities) : json_object());
		if (e->log_level != NULL)
			json_object_set_new(meta, "io.modelcontextprotocol/logLevel", json_string(e->log_level));
	}
	if (json_object_size(meta) > 0)
		json_object_set(params, "_meta", meta);
	json_decref(meta);
}

static h2o_iovec_t message_text(h2o_mem_pool_t *pool, uint64_t id, const char *method, json_t *params)
{
	json_t *message = json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params", params);

	if (id != 0)
		json_object_set_new(message, "id", json_integer((json_int_t)id));
	h2o_iovec_t text = json_text(pool, message);
	json_decref(message);
	return text;
}

static bool send_exchange(struct upstream_exchange *e)
{
	struct upstream_client *c = e->client;
	bool modern = c->era == UPSTREAM_MODERN;
	struct upstream_message message = {
	    .id = e->id,
	    .version = c->version[0] != '\0' ? c->version : NULL,
	    .method = modern ? e->method : NULL,
	    .name = modern ? e->name : NULL,
	    .headers = modern ? (const char *const *)e->headers : NULL,
	    .timeout_ms = e->timeout_ms,
	    .listens = e->method == NULL,
	};
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	if (e->method != NULL) {
		json_t *params = json_copy(e->params);
		set_meta(e, params);
		message.json = message_text(&pool, e->id, e->method, params);
	}
	e->sent = c->wire->kind->send(c->wire, &message);
	h2o_mem_clear_pool(&pool);
	return e->sent;
}

void exchange_notify(struct upstream_client *c, const char *method, json_t *params)
{
	struct upstream_message message = {.version = c->version[0] != '\0' ? c->version : NULL,
	                                   .method = c->era == UPSTREAM_MODERN ? method : NULL,
	                                   .timeout_ms = UPSTREAM_HANDSHAKE_MS};
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	message.json = message_text(&pool, 0, method, params);
	c->wire->kind->send(c->wire, &message);
	h2o_mem_clear_pool(&pool);
}

void exchange_reply(struct upstream_client *c, const json_t *id, const char *member, json_t *value)
{
	json_t *answer = json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", (json_t *)id, member, value);
	struct upstream_message message = {.version = c->version[0] != '\0' ? c->version : NULL,
	                                   .timeout_ms = UPSTREAM_HANDSHAKE_MS};
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	message.json = json_text(&pool, json_keep(&pool, answer));
	if (c->wire != NULL)
		c->wire->kind->send(c->wire, &message);
	h2o_mem_clear_pool(&pool);
}

void upstream_exchange_reply(struct upstream_exchange *e, const json_t *id, const json_t *result)
{
	exchange_reply(e->client, id, "result", json_incref((json_t *)result));
}

void upstream_exchange_refuse(struct upstream_exchange *e, const json_t *id, int code, const char *text)
{
	exchange_reply(e->client, id, "error", json_pack("{s:i, s:s}", "code", code, "message", text));
}

/* ---- exchanges ---- */

static struct upstream_exchange *make(struct upstream_client *c, const char *method, json_t *params,
                                      const struct upstream_call_events *events, void *data, int64_t timeout_ms)
{
	struct upstream_exchange *e = h2o_mem_alloc(sizeof(*e));

	*e =
	    (struct upstream_exchange){.client = c, .method = method, .params = params, .events = events, .data = data};
	h2o_mem_init_pool(&e->pool);
	e->id = ++c->last_id;
	e->timeout_ms = timeout_ms;
	e->deadline_ms = timeout_ms > 0 ? clock_monotonic_ms() + timeout_ms : 0;
	h2o_linklist_insert(&c->exchanges, &e->link);
	return e;
}

static void free_exchange(struct upstream_exchange *e)
{
	json_decref(e->params);
	json_decref(e->capabilities);
	h2o_mem_clear_pool(&e->pool);
	free(e);
}

static void leave(struct upstream_exchange *e)
{
	struct upstream_client *c = e->client;

	if (!e->internal && !e->abandoned)
		shares_give_back(e->sent ? &c->under_way : &c->waiting, e->who);
	if (c->listening == e)
		c->listening = NULL;
}

void exchange_finish(struct upstream_exchange *e, const struct upstream_answer *answer)
{
	h2o_linklist_unlink(&e->link);
	leave(e);
	if (!e->abandoned)
		e->events->on_answer(e->data, answer);
	free_exchange(e);
}

struct upstream_exchange *exchange_send_internal(struct upstream_client *c, const char *method, json_t *params,
                                                 const struct upstream_call_events *events, int64_t timeout_ms)
{
	struct upstream_exchange *e = make(c, method, params, events, c, timeout_ms);

	e->internal = true;
	if (c->era == UPSTREAM_MODERN)
		e->capabilities = upstream_capabilities(0);
	send_exchange(e); /* what takes nothing any more says soon that it is down; else it times out */
	client_look_again(c);
	return e;
}

static json_t *call_params(const struct upstream_call *call)
{
	json_t *params = json_pack("{s:s, s:o}", "name", call->tool, "arguments", json_deep_copy(call->arguments));

	if (call->input_responses != NULL)
		json_object_set_new(params, "inputResponses", json_deep_copy(call->input_responses));
	if (call->request_state != NULL)
		json_object_set_new(params, "requestState", json_string(call->request_state));
	return params;
}

static const char **copy_headers(h2o_mem_pool_t *pool, const char *const *headers)
{
	size_t count = 0;

	while (headers != NULL && headers[count] != NULL)
		count++;
	const char **copy = h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*copy));
	for (size_t i = 0; i < count; i++)
		copy[i] = text_copy(pool, text_of(headers[i]));
	copy[count] = NULL;
	return copy;
}

/* Who has waited longest of those who may have a place. */
static struct upstream_exchange *next_waiting(struct upstream_client *c)
{
	for (h2o_linklist_t *link = c->exchanges.next; link != &c->exchanges; link = link->next) {
		struct upstream_exchange *e = H2O_STRUCT_FROM_MEMBER(struct upstream_exchange, link, link);
		if (!e->internal && !e->sent && !e->abandoned &&
		    shares_may_take(&c->under_way, e->who, c->reach->file->calls))
			return e;
	}
	return NULL;
}

/* Calls go out on a connection whose tools are known. */
static bool may_go(const struct upstream_client *c)
{
	return c->state == UPSTREAM_READY && !c->is_stale && !c->holds;
}

static bool send_call(struct upstream_exchange *e)
{
	if (!send_exchange(e))
		return false; /* its input is full: it is tried again */
	shares_give_back(&e->client->waiting, e->who);
	shares_take(&e->client->under_way, e->who);
	return true;
}

struct upstream_exchange *upstream_client_call(struct upstream_client *c, const struct upstream_call *call,
                                               enum upstream_outcome *refused)
{
	unsigned most = c->reach->file->calls * 2; /* that wait: one alone has half of the places */

	*refused = c->state == UPSTREAM_DOWN ? UPSTREAM_AWAY : UPSTREAM_BUSY;
	if (c->state == UPSTREAM_DOWN || !shares_may_take(&c->waiting, call->who, most))
		return NULL;
	struct upstream_exchange *e =
	    make(c, "tools/call", call_params(call), call->events, call->data, c->reach->file->timeout_ms);
	e->name = text_copy(&e->pool, text_of(call->tool));
	e->capabilities = json_deep_copy(call->capabilities);
	e->log_level = call->log_level != NULL ? text_copy(&e->pool, text_of(call->log_level)) : NULL;
	e->wants_progress = call->wants_progress;
	e->headers = copy_headers(&e->pool, call->headers);
	e->who = call->who;
	shares_take(&c->waiting, e->who);
	if (may_go(c) && next_waiting(c) == e)
		send_call(e);
	client_look_again(c);
	return e;
}

void exchange_pump(struct upstream_client *c)
{
	static const struct upstream_answer WITHDRAWN = {.outcome = UPSTREAM_WITHDRAWN};
	struct upstream_exchange *e;

	while (c->waiting.taken > 0 && may_go(c) && (e = next_waiting(c)) != NULL) {
		if (e->events->may_send != NULL && !e->events->may_send(e->data))
			exchange_finish(e, &WITHDRAWN);
		else if (!send_call(e))
			return;
	}
}

struct upstream_exchange *exchange_find(struct upstream_client *c, uint64_t id)
{
	for (h2o_linklist_t *link = c->exchanges.next; link != &c->exchanges; link = link->next) {
		struct upstream_exchange *e = H2O_STRUCT_FROM_MEMBER(struct upstream_exchange, link, link);
		if (e->id == id && e->sent)
			return e;
	}
	return NULL;
}

struct upstream_exchange *exchange_only(struct upstream_client *c)
{
	struct upstream_exchange *only = NULL;

	for (h2o_linklist_t *link = c->exchanges.next; link != &c->exchanges; link = link->next) {
		struct upstream_exchange *e = H2O_STRUCT_FROM_MEMBER(struct upstream_exchange, link, link);
		if (e->internal || !e->sent)
			continue;
		if (e->abandoned || only != NULL)
			return NULL; /* it may be the other one's */
		only = e;
	}
	return only;
}

bool upstream_exchange_is_sent(const struct upstream_exchange *e)
{
	return e->sent;
}

void upstream_exchange_adopt(struct upstream_exchange *e, const struct upstream_call_events *events, void *data,
                             int64_t timeout_ms)
{
	e->events = events;
	e->data = data;
	e->deadline_ms = clock_monotonic_ms() + timeout_ms;
}

/* ---- ends ---- */

/* 2025-11-25 and stdio of both eras: by a notification; HTTP of the modern era: the stream closes. */
static void tell_upstream(struct upstream_exchange *e)
{
	struct upstream_client *c = e->client;

	if (c->wire == NULL)
		return;
	if (!e->internal && (c->era == UPSTREAM_LEGACY || !c->wire->kind->tells_requests_apart))
		exchange_notify(
		    c, "notifications/cancelled",
		    json_pack("{s:I, s:s}", "requestId", (json_int_t)e->id, "reason", "nobody waits for it"));
	c->wire->kind->abandon(c->wire, e->id);
}

/* Where answers do not come apart, a late one must be known as such. */
static void abandon(struct upstream_exchange *e)
{
	struct upstream_client *c = e->client;

	leave(e);
	tell_upstream(e);
	e->abandoned = true;
	e->deadline_ms = clock_monotonic_ms() + UPSTREAM_ABANDONED_MS;
	if (c->wire != NULL && !c->wire->kind->tells_requests_apart)
		return;
	h2o_linklist_unlink(&e->link);
	free_exchange(e);
}

void upstream_exchange_cancel(struct upstream_exchange *e)
{
	struct upstream_client *c = e->client;

	if (e->sent) {
		abandon(e);
	} else {
		h2o_linklist_unlink(&e->link);
		leave(e);
		free_exchange(e);
	}
	exchange_pump(c);
}

void exchange_give_up(struct upstream_exchange *e, enum upstream_outcome outcome)
{
	const struct upstream_answer answer = {.outcome = outcome};
	const struct upstream_call_events *events = e->events;
	void *data = e->data;

	abandon(e);
	events->on_answer(data, &answer);
}

static void time_out(struct upstream_exchange *e)
{
	enum upstream_outcome unsent = e->sent                              ? UPSTREAM_TIMED_OUT
	                               : e->client->state == UPSTREAM_READY ? UPSTREAM_BUSY
	                                                                    : UPSTREAM_AWAY;
	const struct upstream_answer answer = {.outcome = unsent};

	if (e->abandoned || !e->sent)
		exchange_finish(e, &answer);
	else
		exchange_give_up(e, unsent);
}

void exchange_look_at_deadlines(struct upstream_client *c, int64_t now_ms)
{
	for (h2o_linklist_t *link = c->exchanges.next, *next; link != &c->exchanges; link = next) {
		struct upstream_exchange *e = H2O_STRUCT_FROM_MEMBER(struct upstream_exchange, link, link);
		next = link->next;
		if (e->deadline_ms == 0 || now_ms < e->deadline_ms)
			continue;
		time_out(e);
		next = c->exchanges.next; /* others may have gone with it */
	}
	exchange_pump(c);
}

static struct upstream_exchange *first_of(struct upstream_client *c, bool unsent_too)
{
	for (h2o_linklist_t *link = c->exchanges.next; link != &c->exchanges; link = link->next) {
		struct upstream_exchange *e = H2O_STRUCT_FROM_MEMBER(struct upstream_exchange, link, link);
		if (e->sent || e->internal || unsent_too)
			return e;
	}
	return NULL;
}

void exchange_fail_all(struct upstream_client *c, bool unsent_too)
{
	struct upstream_exchange *e;

	while ((e = first_of(c, unsent_too)) != NULL) {
		const struct upstream_answer answer = {.outcome = e->sent ? UPSTREAM_LOST : UPSTREAM_AWAY};
		if (e->internal)
			e->abandoned = true; /* whoever ends the connection knows */
		exchange_finish(e, &answer);
	}
}
