/* SPDX-License-Identifier: Apache-2.0 */
/* The statement that a query is put into, and its rows as an outcome. */
#ifndef SALLYPORT_MCP_SQL_TABLE_H
#define SALLYPORT_MCP_SQL_TABLE_H

#include "mcp/backend/sql/sql_query_plan.h"
#include "mcp/backend/sql/sql_rows.h"

struct sql_table {
	const char *sql;          /* gives the number of all rows, the size up to each, and the columns of the query */
	size_t characters_before; /* of the query in it */
};

/* Bounds rows and bytes where they are made, so that not even one row is larger. */
struct sql_table sql_table_of(h2o_mem_pool_t *pool, const struct sql_query_plan *plan, h2o_iovec_t query);
/* {"columns": [names], "rows": [[values]], "truncated": bool}: names may stand twice. */
void sql_table_outcome(h2o_mem_pool_t *pool, const struct sql_query_plan *plan, const struct sql_given *given,
                       struct outcome *ret);

#endif
