/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream brings, made into an outcome of ours: every block is built anew from the members that are known, of
 * the types that are known; nothing else of it passes. */
#ifndef SALLYPORT_MCP_UPSTREAM_RESULT_H
#define SALLYPORT_MCP_UPSTREAM_RESULT_H

#include "mcp/call/answer.h"

/* `result`: a CallToolResult. False if it is none. `untrusted`: texts stand between marks, links are only text. */
bool upstream_result_outcome(h2o_mem_pool_t *pool, const json_t *result, bool untrusted, struct outcome *ret);

#endif
