/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP side of MCP (Streamable HTTP): who may knock, which era speaks, and that the headers say what the body says.
 * Decisions are made on the body only; a header that differs from it is an error, for something between client and
 * server may have believed the header. */
#ifndef SALLYPORT_MCP_TRANSPORT_H
#define SALLYPORT_MCP_TRANSPORT_H

#include "mcp/call/call.h"

#define MCP_VERSION_MODERN "2026-07-28"
#define MCP_VERSION_LATEST_LEGACY "2025-11-25"
/* JSON of all that are spoken, newest first. */
#define MCP_VERSIONS_JSON "[\"2026-07-28\",\"2025-11-25\",\"2025-06-18\",\"2025-03-26\"]"

bool transport_speaks_legacy(h2o_iovec_t version);
/* A version of the modern era, spoken here or not. */
bool transport_names_modern(h2o_iovec_t version);

struct transport_headers {
	h2o_iovec_t version, method, name; /* MCP-Protocol-Version, Mcp-Method, Mcp-Name; base NULL if absent */
	bool repeats;                      /* one of them stands twice */
};
struct verdict {
	bool fine;
	enum era era;
	int status; /* not fine */
	struct rpc_problem problem;
	h2o_iovec_t requested; /* RPC_UNSUPPORTED_VERSION: the version that was asked for */
};
/* Which era the message belongs to, or why it is refused. `named_by`: member of params that Mcp-Name repeats, or NULL.
 */
struct verdict transport_classify(h2o_mem_pool_t *pool, const struct transport_headers *headers,
                                  const struct rpc_message *message, const char *named_by);
/* True if the list of an Accept header takes application/json; an absent one does. */
bool transport_accepts_json(h2o_iovec_t accept);

/* service.admit: Host and Origin of requests to the MCP endpoint (DNS rebinding), CORS for the origins that are
 * allowed. */
step_result transport_admit(struct request *r);
/* OPTIONS of the MCP endpoint. */
extern step_fn *const transport_preflight_steps[];
/* POST of the MCP endpoint, behind the guard. */
extern step_fn *const transport_message_steps[];
/* Reads the one message of call_of(r) and runs it: what POST does, and a batch with each of its members. */
step_result transport_run_message(struct request *r, h2o_iovec_t text);
/* transport_session.c: GET, the stream of a legacy client, and DELETE, the end of its session. */
extern step_fn *const transport_listen_steps[];
extern step_fn *const transport_end_steps[];
/* Ends the request with a JSON-RPC error; with the message's id where there is one. */
step_result transport_refuse(struct request *r, int status, enum rpc_code code, const char *text);
/* The form AS_JSON_RPC of errors: a JSON-RPC error with the request's id. */
step_result transport_show_error(struct request *r, const struct oauth_error *error, const char *text);

#endif
