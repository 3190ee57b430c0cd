/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON-RPC message under way: the state of the MCP endpoint. */
#ifndef SALLYPORT_MCP_CALL_H
#define SALLYPORT_MCP_CALL_H

#include "mcp/bearer.h"
#include "mcp/jsonrpc.h"
#include "mcp/running.h"

enum era {
	ERA_LEGACY = 1, /* initialize and the revisions 2025-03-26 to 2025-11-25 */
	ERA_MODERN = 2  /* 2026-07-28: every request describes itself in _meta */
};

/* What a cancelled call has changed. */
enum call_effect { EFFECT_NONE, EFFECT_COMMITTED, EFFECT_UNKNOWN };

struct call {
	struct rpc_message message;
	enum era era;
	/* tools/call */
	h2o_iovec_t tool_name;   /* as asked */
	const struct tool *tool; /* NULL if there is no such tool for the caller */
	const json_t *arguments; /* an object */
	bool is_running;         /* the backend works: whatever ends the request is audited */
	struct running running;
	enum call_effect effect; /* once it was cancelled */
};

static inline struct call *call_of(const struct request *r)
{
	return r->state;
}

#endif
