/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/operator_db.h"

#include <stdio.h>
#include <string.h>

enum { PARAMS_MAX = 32 };

static void ignore_notice(void *data, const char *message)
{
	(void)data;
	(void)message;
}

/* libpq writes several lines; the first one says it. */
static int first_line(const char *message)
{
	return (int)strcspn(message, "\n");
}

PGconn *operator_db_open(const char *conninfo)
{
	const char *const keywords[] = {"connect_timeout", "application_name", "dbname", NULL};
	const char *const values[] = {"10", "sallyport-authz", conninfo, NULL};
	PGconn *pg = PQconnectdbParams(keywords, values,
	                               1); /* `dbname` is expanded and goes before what stands in front of it */

	PQsetNoticeProcessor(pg, ignore_notice, NULL);
	if (PQstatus(pg) == CONNECTION_OK)
		return pg;
	fprintf(stderr, "sallyport-authz: %.*s\n", first_line(PQerrorMessage(pg)), PQerrorMessage(pg));
	PQfinish(pg);
	return NULL;
}

static void print_error(PGconn *pg, const PGresult *rows, const char *name)
{
	const char *primary = PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY);
	const char *state = PQresultErrorField(rows, PG_DIAG_SQLSTATE);

	if (primary == NULL)
		primary = PQerrorMessage(pg);
	fprintf(stderr, "sallyport-authz: %s%s%.*s%s\n", name, name[0] != '\0' ? ": " : "", first_line(primary),
	        primary,
	        state != NULL && (strcmp(state, "3F000") == 0 || strcmp(state, "42883") == 0)
	            ? " (run `sallyport-authz migrate` first)"
	            : "");
}

PGresult *operator_db_ask(PGconn *pg, const char *sql, const struct db_param *params, size_t count)
{
	const char *values[PARAMS_MAX];
	int lengths[PARAMS_MAX], formats[PARAMS_MAX];
	PGresult *rows;

	if (count > PARAMS_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		values[i] = params[i].value;
		lengths[i] = params[i].length;
		formats[i] = params[i].format;
	}
	rows = PQexecParams(pg, sql, (int)count, NULL, values, lengths, formats, 0);
	if (PQresultStatus(rows) == PGRES_TUPLES_OK || PQresultStatus(rows) == PGRES_COMMAND_OK)
		return rows;
	print_error(pg, rows, "");
	PQclear(rows);
	return NULL;
}

bool operator_db_run(PGconn *pg, const char *sql, const char *name)
{
	PGresult *rows = PQexec(pg, sql);
	bool fine = PQresultStatus(rows) == PGRES_TUPLES_OK || PQresultStatus(rows) == PGRES_COMMAND_OK;

	if (!fine)
		print_error(pg, rows, name);
	PQclear(rows);
	return fine;
}
