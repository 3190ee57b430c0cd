/* SPDX-License-Identifier: Apache-2.0 */
/* What a tool gives back: the JSON text of a CallToolResult. */
#ifndef SALLYPORT_MCP_RESULT_H
#define SALLYPORT_MCP_RESULT_H

#include "mcp/call.h"

enum { RESULT_SIZE_MAX = 1024 * 1024 };

/* JSON of serverInfo for an answer of the modern era, NULL for the legacy one. */
const char *result_era_info(const struct request *r);

/* structuredContent {"rows": [...], "truncated": bool} with the kept columns, and the same as text. {NULL, 0} if a kept
 * column is missing. *ret_rows: rows that are in it. Rows beyond the tool's limit or RESULT_SIZE_MAX are left out and
 * "truncated" says so. */
h2o_iovec_t result_of_rows(h2o_mem_pool_t *pool, const struct tool *tool, const PGresult *rows, const char *server_info,
                           size_t *ret_rows);
/* isError with a text that the model can act on. */
h2o_iovec_t result_of_problem(h2o_mem_pool_t *pool, const char *text, const char *server_info);

#endif
