/* SPDX-License-Identifier: Apache-2.0 */
/* One column of what a statement gave: the contents of a resource, and values of an argument. */
#ifndef SALLYPORT_MCP_SQL_COLUMNS_H
#define SALLYPORT_MCP_SQL_COLUMNS_H

#include "mcp/call/answer.h"
#include "mcp/backend/sql/sql_rows.h"

enum sql_outcome { SQL_FINE, SQL_NOTHING /* there are no rows */, SQL_TOO_LARGE, SQL_WRONG_COLUMNS };

/* The one content of call_of(r)'s resource: JSON of the rows, or the plan's column of the first one. */
enum sql_outcome sql_contents_outcome(struct request *r, const struct sql_plan *plan, const struct sql_given *given,
                                      struct outcome *ret);
/* The first column of all rows; NULLs and texts of more than COMPLETION_VALUE_SIZE_MAX bytes are left out. */
enum sql_outcome sql_values_outcome(struct request *r, const struct sql_plan *plan, const PGresult *rows,
                                    struct outcome *ret);

#endif
