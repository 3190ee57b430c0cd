/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that a statement gave, as an outcome. */
#ifndef SALLYPORT_MCP_SQL_ROWS_H
#define SALLYPORT_MCP_SQL_ROWS_H

#include "mcp/answer.h"
#include "mcp/sql_plan.h"

enum { ROWS_SIZE_MAX = 1024 * 1024 };

/* Structured {"rows": [...], "truncated": bool} with the kept columns, and the same as text. False if a kept column is
 * missing. Rows beyond the plan's limit or ROWS_SIZE_MAX are left out and "truncated" says so. */
bool sql_rows_outcome(h2o_mem_pool_t *pool, const struct sql_plan *plan, const PGresult *rows, struct outcome *ret);

#endif
