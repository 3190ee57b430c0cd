/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/jsonrpc.h"

#include <stdlib.h>
#include <string.h>

#include "common/reply.h"
#include "mcp/call/call.h"
#include "mcp/protocol/stream.h"

/* ---- the id's own bytes ----
 * A client compares ids as it wrote them, and a re-encoded one may differ (-0, escapes). The body has been read as JSON
 * before, so this scan only has to find its way through well-formed text. */

static size_t skip_blanks(h2o_iovec_t text, size_t at)
{
	while (at < text.len && strchr(" \t\r\n", text.base[at]) != NULL && text.base[at] != '\0')
		at++;
	return at;
}

static size_t skip_string(h2o_iovec_t text, size_t at)
{
	for (at++; at < text.len && text.base[at] != '"'; at++)
		if (text.base[at] == '\\')
			at++;
	return at < text.len ? at + 1 : text.len;
}

static bool ends_scalar(char c)
{
	return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_value(h2o_iovec_t text, size_t at)
{
	size_t depth = 0;

	do {
		char c = at < text.len ? text.base[at] : '}';
		if (at >= text.len)
			return text.len;
		if (c == '"') {
			at = skip_string(text, at);
		} else if (c == '{' || c == '[') {
			depth++, at++;
		} else if (c == '}' || c == ']') {
			depth--, at++;
		} else if (depth > 0) {
			at++;
		} else {
			while (at < text.len && !ends_scalar(text.base[at]))
				at++;
		}
	} while (depth > 0);
	return at;
}

/* The text of a member of an object, {NULL, 0} if it has none that is spelled plainly. The text may be no JSON at all:
 * what is found then means nothing, but lies within. */
static h2o_iovec_t find_member_text(h2o_iovec_t object, h2o_iovec_t name)
{
	size_t at = skip_blanks(object, 0) + 1;

	while ((at = skip_blanks(object, at)) < object.len && object.base[at] == '"') {
		size_t start = at + 1, name_end = skip_string(object, at);
		size_t value = skip_blanks(object, skip_blanks(object, name_end) + 1);
		if (value >= object.len)
			break;
		size_t end = skip_value(object, value);
		if (name_end - start == name.len + 1 && memcmp(object.base + start, name.base, name.len) == 0)
			return h2o_iovec_init(object.base + value, end - value);
		at = skip_blanks(object, end) + 1;
	}
	return (h2o_iovec_t){NULL, 0};
}

/* ---- the envelope of 2026-07-28 ----
 * A client sends the same _meta with every request, half of a usual one's bytes, and reading it is most of what the
 * protocol costs. So what the last ones were read as is kept by their bytes, and a message that has one of them is read
 * with {} in its place. */

#define ENVELOPE "io.modelcontextprotocol/"
enum { ENVELOPES_MAX = 64, ENVELOPE_SIZE_MAX = 1024 };

static struct envelope {
	h2o_iovec_t text;
	json_t *value; /* nobody changes it */
} envelopes[ENVELOPES_MAX];
static size_t next_envelope;

static h2o_iovec_t find_envelope_text(h2o_iovec_t body)
{
	h2o_iovec_t params = find_member_text(body, h2o_iovec_init(H2O_STRLIT("params")));
	h2o_iovec_t meta = {NULL, 0};

	if (params.len > 0 && params.base[0] == '{')
		meta = find_member_text(params, h2o_iovec_init(H2O_STRLIT("_meta")));
	return meta.len > 0 && meta.len <= ENVELOPE_SIZE_MAX && meta.base[0] == '{' ? meta : (h2o_iovec_t){NULL, 0};
}

static json_t *find_envelope(h2o_iovec_t text)
{
	for (size_t i = 0; text.len > 0 && i < ENVELOPES_MAX; i++)
		if (text_equal(envelopes[i].text, text))
			return envelopes[i].value;
	return NULL;
}

/* Other members (a progress token, a trace) are new with every request. */
static bool is_envelope(const json_t *meta)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)meta, name, value)
		if (strncmp(name, ENVELOPE, sizeof(ENVELOPE) - 1) != 0)
			return false;
	return json_object_size(meta) > 0;
}

static void keep_envelope(h2o_iovec_t text, json_t *meta)
{
	struct envelope *e = &envelopes[next_envelope++ % ENVELOPES_MAX];

	free(e->text.base);
	json_decref(e->value);
	*e = (struct envelope){h2o_strdup(NULL, text.base, text.len), json_incref(meta)};
}

/* The text is JSON if it is with {} there: both are objects. A member that stands twice is found in either. */
static json_t *read_with_envelope(h2o_mem_pool_t *pool, h2o_iovec_t body, h2o_iovec_t text, json_t *envelope,
                                  enum json_problem *problem)
{
	struct text_buffer rest = {.pool = pool};
	const char *behind = text.base + text.len;

	text_append(&rest, body.base, (size_t)(text.base - body.base));
	text_append_str(&rest, "{}");
	text_append(&rest, behind, (size_t)(body.base + body.len - behind));
	json_t *message = json_read(pool, h2o_iovec_init(rest.base, rest.len), problem);
	if (message != NULL)
		json_object_set(json_object_get(message, "params"), "_meta", envelope);
	return message;
}

static json_t *read_message(h2o_mem_pool_t *pool, h2o_iovec_t body, enum json_problem *problem)
{
	h2o_iovec_t text = find_envelope_text(body);
	json_t *envelope = find_envelope(text);

	if (envelope != NULL)
		return read_with_envelope(pool, body, text, envelope, problem);
	json_t *message = json_read(pool, body, problem);
	json_t *meta = json_object_get(json_object_get(message, "params"), "_meta");
	if (text.len > 0 && is_envelope(meta))
		keep_envelope(text, meta);
	return message;
}

static bool refuse(struct rpc_problem *problem, enum rpc_code code, const char *text)
{
	*problem = (struct rpc_problem){code, text};
	return false;
}

static bool refuse_json(struct rpc_problem *problem, enum json_problem json)
{
	switch (json) {
	case JSON_DUPLICATE_MEMBER:
		return refuse(problem, RPC_INVALID_REQUEST, "An object has two members of one name");
	case JSON_TOO_DEEP: return refuse(problem, RPC_INVALID_REQUEST, "The message is nested too deeply");
	case JSON_TOO_MANY_MEMBERS: return refuse(problem, RPC_INVALID_REQUEST, "An object has too many members");
	case JSON_NUMBER_RANGE: return refuse(problem, RPC_INVALID_REQUEST, "A number is out of range");
	default: return refuse(problem, RPC_PARSE_ERROR, "The body is not well-formed JSON");
	}
}

static bool read_id(h2o_mem_pool_t *pool, h2o_iovec_t body, const json_t *message, struct rpc_message *ret)
{
	const json_t *id = json_object_get(message, "id");

	ret->is_notification = id == NULL;
	if (id == NULL)
		return true;
	if (!json_is_string(id) && !json_is_integer(id))
		return false;
	ret->id_value = id;
	ret->id = find_member_text(body, h2o_iovec_init(H2O_STRLIT("id")));
	if (ret->id.base == NULL) /* the name is written with escapes */
		ret->id = json_text(pool, id);
	return true;
}

static bool read_response(const json_t *message, struct rpc_message *ret, struct rpc_problem *problem)
{
	ret->is_response = true;
	ret->result = json_object_get(message, "result");
	ret->error = json_object_get(message, "error");
	if ((ret->result == NULL) == (ret->error == NULL))
		return refuse(problem, RPC_INVALID_REQUEST, "A response has either a result or an error");
	if (!json_is_object(ret->result != NULL ? ret->result : ret->error))
		return refuse(problem, RPC_INVALID_REQUEST, "The result or error of a response must be an object");
	if (ret->is_notification)
		return refuse(problem, RPC_INVALID_REQUEST, "A response must have an id");
	return true;
}

static bool read_object(h2o_mem_pool_t *pool, h2o_iovec_t body, const json_t *message, struct rpc_message *ret,
                        struct rpc_problem *problem)
{
	if (!read_id(pool, body, message, ret))
		return refuse(problem, RPC_INVALID_REQUEST, "The id must be a string or an integer");
	if (!text_is(json_get_text(message, "jsonrpc"), "2.0"))
		return refuse(problem, RPC_INVALID_REQUEST, "The member jsonrpc must be \"2.0\"");
	bool answers = json_object_get(message, "result") != NULL || json_object_get(message, "error") != NULL;
	if (answers && json_object_get(message, "method") != NULL)
		return refuse(problem, RPC_INVALID_REQUEST, "A message is either a request or a response");
	if (answers)
		return read_response(message, ret, problem);
	ret->method = json_get_text(message, "method");
	if (ret->method.base == NULL)
		return refuse(problem, RPC_INVALID_REQUEST, "The method must be a string");
	ret->params = json_object_get(message, "params");
	if (ret->params != NULL && !json_is_object(ret->params))
		return refuse(problem, RPC_INVALID_PARAMS, "The params must be an object");
	return true;
}

bool rpc_read(h2o_mem_pool_t *pool, h2o_iovec_t body, struct rpc_message *ret, struct rpc_problem *problem)
{
	enum json_problem json = JSON_FINE;
	const json_t *message = read_message(pool, body, &json);

	*ret = (struct rpc_message){.is_batch = json_is_array(message)};
	if (message == NULL)
		return refuse_json(problem, json);
	if (ret->is_batch)
		return true;
	if (!json_is_object(message))
		return refuse(problem, RPC_INVALID_REQUEST, "The message must be an object");
	return read_object(pool, body, message, ret, problem);
}

bool rpc_batch_next(h2o_iovec_t body, size_t *at, h2o_iovec_t *ret_member)
{
	size_t start = skip_blanks(body, *at);

	/* "[" in front of the first, "," in front of the others, "]" behind the last */
	if (start >= body.len || body.base[start] == ']')
		return false;
	start = skip_blanks(body, start + 1);
	if (start >= body.len || body.base[start] == ']')
		return false;
	*at = skip_value(body, start);
	*ret_member = h2o_iovec_init(body.base + start, *at - start);
	return true;
}

/* ---- answers ---- */

static step_result send_message(struct request *r, int status, h2o_iovec_t body)
{
	struct call *call = r->state;

	if (call != NULL && call->stream != NULL) {
		stream_finish(&call->stream, body);
		return STEP_DONE;
	}
	reply_header(r, "cache-control", "no-store");
	reply_header(r, "x-request-id", r->id);
	return reply_body(r, status, "application/json", body);
}

static char *put(char *at, const char *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

step_result rpc_reply(struct request *r, h2o_iovec_t id, h2o_iovec_t result)
{
	static const char HEAD[] = "{\"jsonrpc\":\"2.0\",\"id\":", MIDDLE[] = ",\"result\":";
	size_t len = sizeof(HEAD) - 1 + id.len + sizeof(MIDDLE) - 1 + result.len + 1;
	char *text = h2o_mem_alloc_pool(&r->pool, len), *at = text;

	at = put(at, HEAD, sizeof(HEAD) - 1);
	at = put(at, id.base, id.len);
	at = put(at, MIDDLE, sizeof(MIDDLE) - 1);
	at = put(at, result.base, result.len);
	*at = '}';
	return send_message(r, 200, h2o_iovec_init(text, len));
}

h2o_iovec_t rpc_error_text(h2o_mem_pool_t *pool, h2o_iovec_t id, struct rpc_problem problem, const char *data)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "{\"jsonrpc\":\"2.0\"");
	if (id.base != NULL) {
		text_append_str(&b, ",\"id\":");
		text_append_iovec(&b, id);
	}
	text_append_printf(&b, ",\"error\":{\"code\":%d,\"message\":", (int)problem.code);
	text_append_json(&b, text_of(problem.text));
	if (data != NULL)
		text_append_printf(&b, ",\"data\":%s", data);
	text_append_str(&b, "}}");
	return h2o_iovec_init(b.base, b.len);
}

step_result rpc_reply_error(struct request *r, int status, h2o_iovec_t id, struct rpc_problem problem, const char *data)
{
	return send_message(r, status, rpc_error_text(&r->pool, id, problem, data));
}

step_result rpc_accept(struct request *r)
{
	return reply_body(r, 202, NULL, (h2o_iovec_t){NULL, 0});
}

step_result rpc_no_reply(struct request *r)
{
	struct call *call = call_of(r);

	if (call->stream == NULL)
		return reply_body(r, 200, "text/event-stream", (h2o_iovec_t){NULL, 0});
	stream_finish(&call->stream, (h2o_iovec_t){NULL, 0});
	return STEP_DONE;
}

h2o_iovec_t rpc_message_text(h2o_mem_pool_t *pool, h2o_iovec_t id, const char *method, h2o_iovec_t params)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "{\"jsonrpc\":\"2.0\"");
	if (id.base != NULL) {
		text_append_str(&b, ",\"id\":");
		text_append_iovec(&b, id);
	}
	text_append_printf(&b, ",\"method\":\"%s\"", method);
	if (params.base != NULL) {
		text_append_str(&b, ",\"params\":");
		text_append_iovec(&b, params);
	}
	text_append_str(&b, "}");
	return h2o_iovec_init(b.base, b.len);
}
