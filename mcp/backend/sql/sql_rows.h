/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that a statement gave, as an outcome. */
#ifndef SALLYPORT_MCP_SQL_ROWS_H
#define SALLYPORT_MCP_SQL_ROWS_H

#include "mcp/call/answer.h"
#include "mcp/backend/sql/sql_plan.h"

/* What the database gave. */
struct sql_given {
	const PGresult *rows;
	bool cut; /* there were more than the bytes that were to be kept */
};

/* Structured {"rows": [...], "truncated": bool} with the kept columns, and the same as text. False if a kept column is
 * missing. Rows beyond the plan's limits are left out; "truncated" says so, and _meta by which of them. */
bool sql_rows_outcome(h2o_mem_pool_t *pool, const struct sql_plan *plan, const struct sql_statement *statement,
                      const struct sql_given *given, struct outcome *ret);

/* ---- parts ---- */
/* A value as JSON. */
void sql_append_value(struct text_buffer *b, const PGresult *rows, int row, int column);
/* Rows are left out of the answer, because... */
enum sql_cut { SQL_WHOLE, SQL_CUT_ROWS, SQL_CUT_BYTES };
/* Members of _meta; base NULL if there are none. */
h2o_iovec_t sql_rows_meta(h2o_mem_pool_t *pool, enum sql_cut cut, bool untrusted);

#endif
