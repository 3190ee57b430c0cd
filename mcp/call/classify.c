/* SPDX-License-Identifier: Apache-2.0 */
/* Both eras stand behind one URL. Precedence: MCP 2026-07-28, basic/versioning and basic/transports/streamable-http. */
#include <string.h>

#include "mcp/call/conversation.h"
#include "mcp/protocol/header_value.h"
#include "mcp/protocol/transport.h"

#define META_VERSION "io.modelcontextprotocol/protocolVersion"
#define META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"
#define META_CLIENT "io.modelcontextprotocol/clientInfo"
#define META_LOG_LEVEL "io.modelcontextprotocol/logLevel"

bool transport_speaks_legacy(h2o_iovec_t version)
{
	return text_is(version, "2025-11-25") || text_is(version, "2025-06-18") || text_is(version, "2025-03-26");
}

/* A date from the first modern revision on. */
bool transport_names_modern(h2o_iovec_t version)
{
	static const char SHAPE[] = "dddd-dd-dd";

	if (version.base == NULL || version.len != sizeof(SHAPE) - 1)
		return false;
	for (size_t i = 0; i < version.len; i++) {
		bool digit = version.base[i] >= '0' && version.base[i] <= '9';
		if (SHAPE[i] == 'd' ? !digit : version.base[i] != '-')
			return false;
	}
	return memcmp(version.base, MCP_VERSION_MODERN, version.len) >= 0;
}

static struct verdict refuse(enum rpc_code code, const char *text)
{
	return (struct verdict){.status = 400, .problem = {code, text}};
}

static struct verdict speak(enum era era)
{
	return (struct verdict){.fine = true, .era = era};
}

static const char *name_problem(h2o_mem_pool_t *pool, h2o_iovec_t header, h2o_iovec_t name)
{
	if (header.base == NULL)
		return "The header Mcp-Name is missing";
	h2o_iovec_t decoded = header_value_decode(pool, header);
	if (decoded.base == NULL)
		return "The header Mcp-Name is not well formed";
	return text_equal(decoded, name) ? NULL : "The header Mcp-Name differs from the body";
}

static struct verdict check_envelope(const json_t *meta)
{
	const json_t *client = json_object_get(meta, META_CLIENT), *level = json_object_get(meta, META_LOG_LEVEL);

	if (!json_is_string(json_object_get(meta, META_VERSION)))
		return refuse(RPC_INVALID_PARAMS, "params._meta must have " META_VERSION);
	if (!json_is_object(json_object_get(meta, META_CAPABILITIES)))
		return refuse(RPC_INVALID_PARAMS, "params._meta must have " META_CAPABILITIES);
	if (client != NULL && !json_is_object(client))
		return refuse(RPC_INVALID_PARAMS, META_CLIENT " must be an object");
	if (level != NULL && severity_of(json_get_text(meta, META_LOG_LEVEL)) == SEVERITIES)
		return refuse(RPC_INVALID_PARAMS, META_LOG_LEVEL " must be one of the levels of RFC 5424");
	return speak(ERA_MODERN);
}

static struct verdict check_modern(h2o_mem_pool_t *pool, const struct transport_headers *headers,
                                   const struct rpc_message *message, const json_t *meta, const char *named_by)
{
	struct verdict verdict = check_envelope(meta);
	h2o_iovec_t version = json_get_text(meta, META_VERSION);

	if (!verdict.fine)
		return verdict;
	if (headers->repeats)
		return refuse(RPC_HEADER_MISMATCH, "A header of the protocol stands twice");
	if (headers->version.base == NULL || !text_equal(headers->version, version))
		return refuse(RPC_HEADER_MISMATCH,
		              "The header MCP-Protocol-Version is missing or differs from the body");
	if (headers->method.base == NULL || !text_equal(headers->method, message->method))
		return refuse(RPC_HEADER_MISMATCH, "The header Mcp-Method is missing or differs from the body");
	if (named_by != NULL) {
		h2o_iovec_t name = json_get_text(message->params, named_by);
		if (name.base == NULL)
			return refuse(RPC_INVALID_PARAMS, "params has no name");
		const char *problem = name_problem(pool, headers->name, name);
		if (problem != NULL)
			return refuse(RPC_HEADER_MISMATCH, problem);
	}
	if (text_is(version, MCP_VERSION_MODERN))
		return speak(ERA_MODERN);
	verdict = refuse(RPC_UNSUPPORTED_VERSION, "This protocol version is not supported");
	verdict.requested = version;
	return verdict;
}

static struct verdict check_legacy(const struct transport_headers *headers, const struct rpc_message *message)
{
	if (text_is(message->method, "initialize")) {
		if (transport_names_modern(headers->version))
			return refuse(RPC_HEADER_MISMATCH,
			              "initialize does not exist in the version that the header names");
		return speak(ERA_LEGACY);
	}
	if (transport_names_modern(headers->version))
		return refuse(RPC_INVALID_PARAMS, "params._meta must have " META_VERSION " and " META_CAPABILITIES);
	if (headers->repeats)
		return refuse(RPC_INVALID_REQUEST, "A header of the protocol stands twice");
	if (headers->version.base != NULL && !transport_speaks_legacy(headers->version))
		return refuse(RPC_INVALID_REQUEST,
		              "The header MCP-Protocol-Version names no version that is supported");
	return speak(ERA_LEGACY);
}

struct verdict transport_classify(h2o_mem_pool_t *pool, const struct transport_headers *headers,
                                  const struct rpc_message *message, const char *named_by)
{
	const json_t *meta = json_object_get(message->params, "_meta");

	if (json_object_get(meta, META_VERSION) != NULL || json_object_get(meta, META_CAPABILITIES) != NULL)
		return check_modern(pool, headers, message, meta, named_by);
	return check_legacy(headers, message);
}
