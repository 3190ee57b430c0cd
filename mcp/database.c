/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/database.h"

#include <string.h>

static const struct db_statement STATEMENTS[DATABASE_STATEMENTS] = {
    [DATABASE_AUDIT_HEADS] = {"audit_heads", "SELECT chain, program, seq, digest, at FROM mcp.audit_heads()"},
    [DATABASE_AUDIT_KNOWS] = {"audit_knows", "SELECT mcp.audit_knows($1, $2) AS known"},
    [DATABASE_APPROVAL_SPEND] = {"approval_spend", "SELECT mcp.approval_spend($1) AS first"},
    [DATABASE_QUOTA_EXCHANGE] = {"quota_exchange", "SELECT key, level FROM mcp.quota_exchange($1, $2, $3)"},
    [DATABASE_QUOTA_FORGET] = {"quota_forget", "SELECT mcp.quota_forget() AS gone"},
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

static json_t *head_json(const PGresult *rows, size_t row)
{
	return json_pack("{s:s, s:s, s:I, s:s, s:s}", "chain", rows_text(rows, row, "chain"), "program",
	                 rows_text(rows, row, "program"), "seq", (json_int_t)rows_int(rows, row, "seq"), "digest",
	                 rows_text(rows, row, "digest"), "time", rows_text(rows, row, "at"));
}

const char *database_audit_heads(h2o_mem_pool_t *pool, const struct mcp_settings *settings, json_t **ret)
{
	PGconn *connection = PQconnectdb(settings->database.conninfo);
	PGresult *rows = PQexec(connection, STATEMENTS[DATABASE_AUDIT_HEADS].sql);
	const char *problem = NULL;

	if (PQresultStatus(rows) != PGRES_TUPLES_OK)
		problem = text_printf(pool, "database: %s", first_line(pool, PQerrorMessage(connection)));
	*ret = json_keep(pool, json_array());
	for (size_t i = 0; problem == NULL && i < rows_count(rows); i++)
		json_array_append_new(*ret, head_json(rows, i));
	PQclear(rows);
	PQfinish(connection);
	return problem;
}

bool database_ask_known(struct db *db, const char *username, const char *item, db_answer_fn *done, void *data)
{
	const struct db_param params[] = {param_text(username), param_text(item)};

	return db_ask_background(db, DATABASE_AUDIT_KNOWS, params, 2, done, data);
}
