/* SPDX-License-Identifier: Apache-2.0 */
#include "common/reply.h"
#include "mcp/protocol/audience.h"
#include "mcp/methods.h"
#include "mcp/call/tasks.h"
#include "mcp/protocol/transport.h"
#include "mcp/protocol/watch.h"

enum { DISCOVER_TTL_MS = 60 * 60 * 1000 };

/* What there is in the catalogue, for everybody the same: capabilities tell what the server is like, not what a caller
 * may see. */
static void append_capabilities(struct text_buffer *b, const struct catalogue *catalogue, enum era era)
{
	unsigned kinds = audience_kinds(catalogue);

	text_append_str(b, "{\"tools\":{\"listChanged\":true},\"logging\":{}");
	if ((kinds & WATCH_RESOURCES) != 0)
		text_append_str(b, ",\"resources\":{\"subscribe\":true,\"listChanged\":true}");
	if ((kinds & WATCH_PROMPTS) != 0)
		text_append_str(b, ",\"prompts\":{\"listChanged\":true}");
	if ((kinds & WATCH_PROMPTS) != 0 || catalogue_count(catalogue, ITEM_TEMPLATE) > 0)
		text_append_str(b, ",\"completions\":{}");
	if (era == ERA_MODERN)
		text_append_str(b, ",\"extensions\":{\"" TASKS_EXTENSION "\":{}}");
	text_append_str(b, "}");
}

/* The version that the client asks for if it is spoken, else the newest of its era. */
step_result lifecycle_initialize(struct request *r)
{
	const struct call *call = call_of(r);
	h2o_iovec_t asked = json_get_text(call->message.params, "protocolVersion");
	struct text_buffer b = {.pool = &r->pool};

	if (asked.base == NULL)
		return rpc_reply_error(r, 200, call->message.id,
		                       (struct rpc_problem){RPC_INVALID_PARAMS, "params must have protocolVersion"},
		                       NULL);
	const char *version = transport_speaks_legacy(asked) ? asked.base : MCP_VERSION_LATEST_LEGACY;
	reply_header(r, "mcp-session-id",
	             session_mint(r, session_version(text_of(version)),
	                          session_abilities(json_object_get(call->message.params, "capabilities"))));
	text_append_printf(&b, "{\"protocolVersion\":\"%s\",\"capabilities\":", version);
	append_capabilities(&b, view_of(r)->catalogue, ERA_LEGACY);
	text_append_printf(&b, ",\"serverInfo\":%s}", mcp_of(r)->server_info);
	return rpc_reply(r, call->message.id, h2o_iovec_init(b.base, b.len));
}

step_result lifecycle_ping(struct request *r)
{
	return rpc_reply(r, call_of(r)->message.id, h2o_iovec_init("{}", 2));
}

step_result lifecycle_discover(struct request *r)
{
	struct text_buffer b = {.pool = &r->pool};

	text_append_str(&b,
	                "{\"resultType\":\"complete\",\"supportedVersions\":" MCP_VERSIONS_JSON ",\"capabilities\":");
	append_capabilities(&b, view_of(r)->catalogue, ERA_MODERN);
	text_append_printf(&b,
	                   ",\"ttlMs\":%d,\"cacheScope\":\"private\","
	                   "\"_meta\":{\"io.modelcontextprotocol/serverInfo\":%s}}",
	                   DISCOVER_TTL_MS, mcp_of(r)->server_info);
	return rpc_reply(r, call_of(r)->message.id, h2o_iovec_init(b.base, b.len));
}
