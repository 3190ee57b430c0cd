/* SPDX-License-Identifier: Apache-2.0 */
/* The part `sql` of an item's file and the member `result` beside it, and the statements that bring values of
 * arguments. */
#ifndef SALLYPORT_MCP_SQL_PLAN_H
#define SALLYPORT_MCP_SQL_PLAN_H

#include "common/config.h"
#include "mcp/catalogue/loading.h"

enum sql_shape {
	SQL_ROWS,  /* JSON of the rows */
	SQL_TEXT,  /* the first row's one column is the text */
	SQL_BLOB,  /* the first row's one column, a bytea, is the data */
	SQL_VALUES /* the first column of all rows */
};

struct sql_statement {
	const char *name;        /* that chooses it; NULL where there is one only */
	size_t number;           /* in the read or write database */
	const char **parameters; /* names of the arguments for $1 ... */
	size_t parameter_count;
	const char **columns; /* kept ones, in this order */
	size_t column_count;
};

struct sql_plan {
	enum sql_shape shape;
	const struct sql_statement *statements;
	size_t statement_count;
	const char *choose; /* the argument that names one of them; NULL: there is one */
	bool write;
	bool claims;      /* the database is told who asks */
	unsigned rows;    /* at most */
	size_t bytes;     /* of the rows, at most */
	bool untrusted;   /* the item's */
	char timeout[16]; /* milliseconds as text */
};

enum { SQL_BYTES_DEFAULT = 1024 * 1024, SQL_BYTES_MAX = 16 * 1024 * 1024 };
#define SQL_BYTES_SCHEMA "{type: string, pattern: " SIZE_PATTERN "}"

extern const char SQL_PLAN_SCHEMA[];
/* The load function of the backend. */
const char *sql_plan_load(struct loading *l, const json_t *part, struct item *item);
/* Values of an argument: statement, parameters and timeout of `part`, which stands in the file at `place`. NULL and
 * *problem. */
const struct sql_plan *sql_plan_of_values(struct loading *l, const char *name, const json_t *part, const char *place,
                                          const char **problem);
/* The one that the arguments, which the item's schema let through, choose. */
const struct sql_statement *sql_plan_choose(const struct sql_plan *plan, const json_t *arguments);
/* NULL, or why what stands at /PART/claims and /PART/timeout cannot be. */
const char *sql_claims_problem(const struct loading *l, const json_t *part, const char *place);
const char *sql_timeout_problem(const struct loading *l, const json_t *part, const char *place, char *ret, size_t size);
/* The member `bytes` of what stands at `place`. */
const char *sql_bytes_problem(const struct loading *l, const json_t *part, const char *place, size_t *ret);

static inline const struct sql_plan *sql_plan_of(const struct item *item)
{
	return item->plan;
}

#endif
