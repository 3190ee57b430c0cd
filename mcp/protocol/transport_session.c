/* SPDX-License-Identifier: Apache-2.0 */
/* GET and DELETE of the MCP endpoint: the legacy era only. */
#include "common/reply.h"
#include "mcp/protocol/stream.h"
#include "mcp/protocol/transport.h"
#include "mcp/protocol/watch.h"

static step_result refuse_method(struct request *r, const char *text)
{
	reply_header(r, "allow", "POST");
	return fail(r, &METHOD_NOT_ALLOWED, text);
}

/* The headers that both have. */
static step_result read_session(struct request *r)
{
	struct call *call = call_of(r);
	bool repeats;
	h2o_iovec_t version = request_header(r, "mcp-protocol-version", &repeats);

	if (transport_names_modern(version))
		return refuse_method(r, "2026-07-28 has POST only");
	if (repeats || (version.base != NULL && !transport_speaks_legacy(version)))
		return transport_refuse(r, 400, RPC_INVALID_REQUEST,
		                        "The header MCP-Protocol-Version names no version that is supported");
	call->era = ERA_LEGACY;
	if (!session_read(r, &call->session))
		return transport_refuse(r, 404, RPC_INVALID_REQUEST, "There is no such session");
	return STEP_NEXT;
}

static step_result open_stream(struct request *r)
{
	struct watch_options options = {.kinds = WATCH_ALL};

	if (text_is(r->method, "HEAD"))
		return refuse_method(r, "a stream has no head of its own");
	if (!stream_accepted(r))
		return transport_refuse(r, 406, RPC_INVALID_REQUEST,
		                        "The answer is text/event-stream, which Accept does not list");
	h2o_iovec_t last_event_id = request_header(r, "last-event-id", NULL);
	if (last_event_id.len > 0)
		return stream_resume(r, last_event_id);
	return watch_may_open(r) ? watch_open(r, &options) : STEP_DONE;
}

step_fn *const transport_listen_steps[] = {read_session, open_stream, NULL};

static step_result end_session(struct request *r)
{
	const struct call *call = call_of(r);

	if (!call->session.is_open)
		return transport_refuse(r, 400, RPC_INVALID_REQUEST, "The header Mcp-Session-Id is missing");
	session_end(r, &call->session);
	watch_end_session(mcp_of(r), call->session.owner);
	return reply_body(r, 204, NULL, (h2o_iovec_t){NULL, 0});
}

step_fn *const transport_end_steps[] = {read_session, end_session, NULL};
