/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/methods.h"
#include "mcp/transport.h"

/* Tools only, and their list does not change while the process lives. */
#define CAPABILITIES "{\"tools\":{\"listChanged\":false}}"

enum { DISCOVER_TTL_MS = 60 * 60 * 1000 };

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
	text_append_printf(&b, "{\"protocolVersion\":\"%s\",\"capabilities\":" CAPABILITIES ",\"serverInfo\":%s}",
	                   version, mcp_of(r)->server_info);
	return rpc_reply(r, call->message.id, h2o_iovec_init(b.base, b.len));
}

step_result lifecycle_ping(struct request *r)
{
	return rpc_reply(r, call_of(r)->message.id, h2o_iovec_init("{}", 2));
}

step_result lifecycle_discover(struct request *r)
{
	struct text_buffer b = {.pool = &r->pool};

	text_append_printf(&b,
	                   "{\"resultType\":\"complete\",\"supportedVersions\":" MCP_VERSIONS_JSON
	                   ",\"capabilities\":" CAPABILITIES ",\"ttlMs\":%d,\"cacheScope\":\"private\","
	                   "\"_meta\":{\"io.modelcontextprotocol/serverInfo\":%s}}",
	                   DISCOVER_TTL_MS, mcp_of(r)->server_info);
	return rpc_reply(r, call_of(r)->message.id, h2o_iovec_init(b.base, b.len));
}
