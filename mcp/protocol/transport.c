/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/transport.h"

#include "common/reply.h"
#include "mcp/call/answer.h"
#include "mcp/protocol/batch.h"
#include "mcp/call/conversation.h"
#include "mcp/call/invoke.h"
#include "mcp/methods.h"
#include "mcp/quota/quota.h"

/* "type/subtype" of a value with parameters. */
static h2o_iovec_t media_type(h2o_iovec_t value)
{
	return text_cut(&value, ';');
}

/* Clients must take both forms of answers; one that names neither cannot be served, one that says nothing can. */
bool transport_accepts_json(h2o_iovec_t accept)
{
	if (accept.base == NULL || text_trim(accept).len == 0)
		return true;
	while (accept.len > 0) {
		h2o_iovec_t type = media_type(text_cut(&accept, ','));
		if (text_is_nocase(type, "application/json") || text_is_nocase(type, "application/*") ||
		    text_is(type, "*/*"))
			return true;
	}
	return false;
}

/* JSON-RPC has null for an id that could not be read; the schemas since 2025-11-25 have no null and leave it out. */
static h2o_iovec_t id_for_error(struct request *r)
{
	const struct call *call = call_of(r);

	if (call != NULL && call->message.id.base != NULL)
		return call->message.id;
	h2o_iovec_t version = request_header(r, "mcp-protocol-version", NULL);
	if (text_is(version, MCP_VERSION_MODERN) || text_is(version, MCP_VERSION_LATEST_LEGACY))
		return (h2o_iovec_t){NULL, 0};
	return h2o_iovec_init("null", 4);
}

step_result transport_refuse(struct request *r, int status, enum rpc_code code, const char *text)
{
	return rpc_reply_error(r, status, id_for_error(r), (struct rpc_problem){code, text}, NULL);
}

step_result transport_show_error(struct request *r, const struct oauth_error *error, const char *text)
{
	enum rpc_code code = error->status >= 500 ? RPC_INTERNAL_ERROR : RPC_INVALID_REQUEST;

	if (call_of(r) != NULL && answer_failed(r) == STEP_DONE)
		return STEP_DONE;
	if (error->status == 503)
		reply_header(r, "retry-after", "1");
	return transport_refuse(r, error->status, code, text);
}

/* A call that does not come to its method is on record all the same. */
static step_result refuse_message(struct request *r, int status, struct rpc_problem problem, const char *data)
{
	if (!invoke_refused(r, "invalid"))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the audit log cannot be written");
	return rpc_reply_error(r, status, id_for_error(r), problem, data);
}

static struct transport_headers read_headers(struct request *r)
{
	struct transport_headers headers;
	bool version, method, name;

	headers.version = request_header(r, "mcp-protocol-version", &version);
	headers.method = request_header(r, "mcp-method", &method);
	headers.name = request_header(r, "mcp-name", &name);
	headers.repeats = version || method || name;
	return headers;
}

static step_result refuse_verdict(struct request *r, const struct verdict *verdict)
{
	if (verdict->problem.code != RPC_UNSUPPORTED_VERSION)
		return refuse_message(r, verdict->status, verdict->problem, NULL);
	struct text_buffer data = {.pool = &r->pool};
	text_append_str(&data, "{\"supported\":" MCP_VERSIONS_JSON ",\"requested\":");
	text_append_json(&data, verdict->requested);
	text_append_str(&data, "}");
	return refuse_message(r, verdict->status, verdict->problem, data.base);
}

/* A session is looked for where there may be one. False if the request names one that it does not have. */
static bool find_session(struct request *r)
{
	struct call *call = call_of(r);

	if (!text_is(call->message.method, "initialize"))
		return session_read(r, &call->session);
	session_read(r, &call->session); /* it is about to begin; what the header says is another one */
	call->session.is_open = false;
	return true;
}

/* 2025-11-25, basic/transports, Session Management: 404 lets a client begin a new session. */
static step_result refuse_session(struct request *r)
{
	return refuse_message(r, 404, (struct rpc_problem){RPC_INVALID_REQUEST, "There is no such session"}, NULL);
}

static step_result take_message(struct request *r, const struct method *method)
{
	struct call *call = call_of(r);

	if (!call->message.is_response)
		return method_run(r, method);
	ask_take_response(r, &call->message);
	return rpc_accept(r);
}

static step_result classify(struct request *r)
{
	struct call *call = call_of(r);
	const struct method *method = method_find(call->message.method);
	struct transport_headers headers = read_headers(r);
	struct verdict verdict =
	    transport_classify(&r->pool, &headers, &call->message, method != NULL ? method->named_by : NULL);

	if (!verdict.fine)
		return refuse_verdict(r, &verdict);
	call->era = verdict.era;
	if (r->whole != NULL && text_is(call->message.method, "initialize"))
		return transport_refuse(r, 400, RPC_INVALID_REQUEST, "initialize cannot be part of a batch");
	if (call->era == ERA_LEGACY && !find_session(r))
		return refuse_session(r);
	return take_message(r, method);
}

step_result transport_run_message(struct request *r, h2o_iovec_t text)
{
	struct call *call = call_of(r);
	struct rpc_problem problem;

	if (!rpc_read(&r->pool, text, &call->message, &problem))
		return refuse_message(r, 400, problem, NULL);
	if (!call->message.is_batch)
		return quota_take_request(r) == STEP_DONE ? STEP_DONE : classify(r);
	if (r->whole != NULL)
		return transport_refuse(r, 400, RPC_INVALID_REQUEST, "The message must be an object");
	return batch_run(r);
}

static step_result read_message(struct request *r)
{
	bool repeats;

	h2o_iovec_t type = request_header(r, "content-type", &repeats);
	if (repeats || !text_is_nocase(media_type(type), "application/json"))
		return transport_refuse(r, 415, RPC_INVALID_REQUEST, "The Content-Type must be application/json");
	if (!transport_accepts_json(request_header(r, "accept", &repeats)) && !repeats)
		return transport_refuse(r, 406, RPC_INVALID_REQUEST,
		                        "The answer is application/json, which Accept does not list");
	return transport_run_message(r, r->body);
}

step_fn *const transport_message_steps[] = {read_message, NULL};
