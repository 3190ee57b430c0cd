/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON-RPC message under way: the state of the MCP endpoint. */
#ifndef SALLYPORT_MCP_CALL_H
#define SALLYPORT_MCP_CALL_H

#include "mcp/caller/bearer.h"
#include "mcp/protocol/jsonrpc.h"
#include "mcp/redact/redact.h"
#include "mcp/call/running.h"
#include "mcp/protocol/session.h"

enum era {
	ERA_LEGACY = 1, /* initialize and the revisions 2025-03-26 to 2025-11-25 */
	ERA_MODERN = 2  /* 2026-07-28: every request describes itself in _meta */
};

/* What a call that was cancelled, or failed, has changed. */
enum call_effect { EFFECT_NONE, EFFECT_COMMITTED, EFFECT_UNKNOWN };

struct call {
	struct rpc_message message;
	enum era era;
	struct session session; /* of the legacy era */
	struct stream *stream;  /* stream.h: NULL until something is said before the answer */
	struct asking *asking;  /* ask.c: NULL until the client is asked */
	struct saying *saying;  /* say.c */
	struct batch *batch;    /* batch.c: of a request that is one */
	struct task *task;      /* tasks.c: of a request that is one */
	struct view_hold *view; /* view_of */
	/* a method that uses an item (invoke.h) */
	enum item_kind kind;
	h2o_iovec_t name;              /* as asked: of a tool or prompt; the URI of a resource; base NULL before */
	const char *template;          /* that the URI is of, whether the caller may have it or not; NULL: of none */
	const struct item *item;       /* NULL if there is none for the caller */
	const struct tool *tool;       /* the same if it is a tool, else NULL */
	const json_t *arguments;       /* an object */
	const char *rule;              /* that refused the call, for the record; NULL if none did */
	const char *approval;          /* what became of it, for the record; NULL: none was asked for (approval.h) */
	bool completes;                /* completion/complete: asks for values of an argument of the item */
	const struct backend *backend; /* that runs: the item's, or what brings values */
	const void *plan;              /* for that */
	void *work;                    /* the backend's own, of this request; NULL at first */
	bool is_intended;              /* that it will run is on record (invoke.c) */
	bool is_running;               /* the backend works: whatever ends the request is audited */
	struct running running;
	enum call_effect effect;       /* once it was cancelled or has failed */
	struct redact_counts redacted; /* of what has left */
	h2o_iovec_t result;            /* what leaves, for the record; base NULL before */
};

static inline struct call *call_of(const struct request *r)
{
	return r->state;
}

#endif
