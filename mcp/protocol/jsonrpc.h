/* SPDX-License-Identifier: Apache-2.0 */
/* JSON-RPC 2.0 messages, read strictly; answers with the id exactly as it came. */
#ifndef SALLYPORT_MCP_JSONRPC_H
#define SALLYPORT_MCP_JSONRPC_H

#include "common/request.h"

enum rpc_code {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INVALID_PARAMS = -32602,
	RPC_INTERNAL_ERROR = -32603,
	/* MCP before 2026-07-28 */
	RPC_RESOURCE_NOT_FOUND = -32002,
	/* MCP 2026-07-28 */
	RPC_HEADER_MISMATCH = -32020,
	RPC_MISSING_CAPABILITY = -32021,
	RPC_UNSUPPORTED_VERSION = -32022,
};

struct rpc_message {
	h2o_iovec_t id; /* its JSON text as it stands in the body; base NULL if there is none or it cannot be read */
	const json_t *id_value; /* NULL if there is none */
	h2o_iovec_t method;     /* base NULL until it was read */
	const json_t *params;   /* an object, or NULL */
	bool is_notification;
	/* an answer to what this server has asked; its id names the question */
	bool is_response;
	const json_t *result, *error; /* one of them, an object */
	bool is_batch;                /* an array: nothing of the above is set (rpc_batch_next) */
};
struct rpc_problem {
	enum rpc_code code;
	const char *text;
};

/* True if the body is one request, notification or response, or a batch. Otherwise *problem; ret->id is set where it
 * could be read. */
bool rpc_read(h2o_mem_pool_t *pool, h2o_iovec_t body, struct rpc_message *ret, struct rpc_problem *problem);

/* The bytes of the next member of a batch, which rpc_read has found to be one; false behind the last. *at starts as 0.
 */
bool rpc_batch_next(h2o_iovec_t body, size_t *at, h2o_iovec_t *ret_member);

/* ---- answers: the body of the reply, or the last event where a stream was begun (stream.h) ---- */

/* {"jsonrpc":"2.0","id":...,"result":...} with 200. `result` is JSON text. */
step_result rpc_reply(struct request *r, h2o_iovec_t id, h2o_iovec_t result);
/* {"jsonrpc":"2.0","id":...,"error":{...}}; without id where it is {NULL, 0}. `data`: JSON text or NULL. */
step_result rpc_reply_error(struct request *r, int status, h2o_iovec_t id, struct rpc_problem problem,
                            const char *data);
/* 202 without a body. */
step_result rpc_accept(struct request *r);
/* The client wants no answer any more: a stream that ends without one. */
step_result rpc_no_reply(struct request *r);
/* The text of such messages. */
h2o_iovec_t rpc_error_text(h2o_mem_pool_t *pool, h2o_iovec_t id, struct rpc_problem problem, const char *data);
/* {"jsonrpc":"2.0","method":...,"params":...}; a request where there is an id. `params` is JSON text. */
h2o_iovec_t rpc_message_text(h2o_mem_pool_t *pool, h2o_iovec_t id, const char *method, h2o_iovec_t params);

#endif
