/* SPDX-License-Identifier: Apache-2.0 */
/* The part `sql` of an item's file and the member `result` beside it, and the statements that bring values of
 * arguments.
 */
#ifndef SALLYPORT_MCP_SQL_PLAN_H
#define SALLYPORT_MCP_SQL_PLAN_H

#include "mcp/loading.h"

enum sql_shape {
	SQL_ROWS,  /* JSON of the rows */
	SQL_TEXT,  /* the first row's one column is the text */
	SQL_BLOB,  /* the first row's one column, a bytea, is the data */
	SQL_VALUES /* the first column of all rows */
};

struct sql_plan {
	enum sql_shape shape;
	size_t statement; /* its number in the read or write database */
	bool write;
	const char **parameters; /* names of the arguments for $1 ... */
	size_t parameter_count;
	const char **columns; /* kept ones, in this order */
	size_t column_count;
	unsigned rows;    /* at most */
	bool untrusted;   /* the item's */
	char timeout[16]; /* milliseconds as text */
};

extern const char SQL_PLAN_SCHEMA[];
/* The load function of the backend. */
const char *sql_plan_load(struct loading *l, const json_t *part, struct item *item);
/* Values of an argument: statement, parameters and timeout of `part`, which stands in the file at `place`. NULL and
 * *problem. */
const struct sql_plan *sql_plan_of_values(struct loading *l, const char *name, const json_t *part, const char *place,
                                          const char **problem);

static inline const struct sql_plan *sql_plan_of(const struct item *item)
{
	return item->plan;
}

#endif
