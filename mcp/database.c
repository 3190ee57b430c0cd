/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/database.h"

#include <string.h>

static const struct db_statement STATEMENTS[DATABASE_STATEMENTS] = {
    [DATABASE_AUDIT_PUT] = {"audit_put", "SELECT mcp.audit_put($1) AS added"},
    [DATABASE_AUDIT_EXPIRE] = {"audit_expire", "SELECT mcp.audit_expire() AS gone"},
    [DATABASE_AUDIT_HEADS] = {"audit_heads", "SELECT chain, program, seq, digest, at FROM mcp.audit_heads()"},
};

struct db *database_open(h2o_loop_t *loop, const struct mcp_settings *settings)
{
	struct db_options options = {
	    .name = "mcp",
	    .conninfo = settings->database.conninfo,
	    .statements = STATEMENTS,
	    .statement_count = DATABASE_STATEMENTS,
	    .connections = settings->database.connections,
	};

	return options.conninfo != NULL ? db_open(loop, &options) : NULL;
}

static const char *first_line(h2o_mem_pool_t *pool, const char *text)
{
	return text_printf(pool, "%.*s", (int)strcspn(text, "\n"), text);
}

/* Preparing says whether the functions are there and may be seen. */
const char *database_problem(h2o_mem_pool_t *pool, const struct mcp_settings *settings)
{
	PGconn *connection = PQconnectdb(settings->database.conninfo);
	const char *problem = NULL;

	if (PQstatus(connection) != CONNECTION_OK)
		problem = first_line(pool, PQerrorMessage(connection));
	for (size_t i = 0; problem == NULL && i < DATABASE_STATEMENTS; i++) {
		PGresult *result = PQprepare(connection, STATEMENTS[i].name, STATEMENTS[i].sql, 0, NULL);
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			problem = text_printf(pool, "%s: %s", STATEMENTS[i].name,
			                      first_line(pool, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
		PQclear(result);
	}
	PQfinish(connection);
	return problem;
}
