/* SPDX-License-Identifier: Apache-2.0 */
/* The part `sql_query` of a tool's file: statements that the caller writes, for analysts. */
#ifndef SALLYPORT_MCP_SQL_QUERY_PLAN_H
#define SALLYPORT_MCP_SQL_QUERY_PLAN_H

#include "mcp/catalogue/loading.h"
#include "mcp/backend/sql/sql_guard.h"

struct sql_query_plan {
	struct sql_rules rules;
	const char *search_path;
	const char *argument; /* that is the statement */
	unsigned rows;
	size_t bytes;
	bool claims, untrusted;
	char timeout[16]; /* milliseconds as text */
};

extern const char SQL_QUERY_SCHEMA[];
/* The load function of the backend. */
const char *sql_query_load(struct loading *l, const json_t *part, struct item *item);

#endif
