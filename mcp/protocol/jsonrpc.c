/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/jsonrpc.h"

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

/* The text of the member `id` of the outermost object; {NULL, 0} if it is not spelled plainly. */
static h2o_iovec_t find_id_text(h2o_iovec_t body)
{
	static const char NAME[] = "\"id\"";
	size_t at = skip_blanks(body, 0) + 1;

	while ((at = skip_blanks(body, at)) < body.len && body.base[at] == '"') {
		size_t name = at, name_end = skip_string(body, at);
		size_t value = skip_blanks(body, skip_blanks(body, name_end) + 1);
		size_t end = skip_value(body, value);
		if (name_end - name == sizeof(NAME) - 1 && memcmp(body.base + name, NAME, sizeof(NAME) - 1) == 0)
			return h2o_iovec_init(body.base + value, end - value);
		at = skip_blanks(body, end) + 1;
	}
	return (h2o_iovec_t){NULL, 0};
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
	ret->id = find_id_text(body);
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
	const json_t *message = json_read(pool, body, &json);

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
