/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `check`: what serve would refuse of its files, and what only the databases know: that each statement can be
 * prepared in its role, uses only what the role may use, and gives the columns that its tool keeps. */
#include <stdio.h>
#include <string.h>

#include "mcp/catalogue.h"
#include "mcp/verbs.h"

#define STATEMENT "statement"

struct check {
	h2o_mem_pool_t pool;
	struct mcp_settings settings;
	struct catalogue *catalogue;
	unsigned problems;
};

static void report(struct check *check, const char *where, const char *problem)
{
	fprintf(stderr, "sallyport-mcp: %s: %.*s\n", where, (int)strcspn(problem, "\n"), problem);
	check->problems++;
}

static bool has_column(const PGresult *described, const char *name)
{
	for (int i = 0; i < PQnfields(described); i++)
		if (strcmp(PQfname(described, i), name) == 0)
			return true;
	return false;
}

static void check_columns(struct check *check, PGconn *connection, const struct catalogue_statement *statement)
{
	PGresult *described = PQdescribePrepared(connection, STATEMENT);

	for (size_t i = 0; i < statement->column_count; i++)
		if (PQnfields(described) > 0 && !has_column(described, statement->columns[i]))
			report(check, statement->file,
			       text_printf(&check->pool, "/result/columns/%zu: the statement gives no %s", i,
			                   statement->columns[i]));
	PQclear(described);
}

/* Preparing a statement asks for no rights; planning one and getting ready to run it does. Nothing is run. */
static PGresult *explain(struct check *check, PGconn *connection, const struct catalogue_statement *statement)
{
	struct text_buffer sql = {.pool = &check->pool};

	text_append_str(&sql, "EXPLAIN EXECUTE " STATEMENT);
	for (size_t i = 0; i < statement->parameter_count; i++)
		text_append_str(&sql, i == 0 ? "(NULL" : ", NULL");
	text_append_str(&sql, statement->parameter_count > 0 ? ")" : "");
	return PQexec(connection, sql.base);
}

static bool succeeded(struct check *check, const struct catalogue_statement *statement, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	bool fine = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	if (!fine)
		report(check, statement->file,
		       text_printf(&check->pool, "%s: %s", statement->place,
		                   PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
	PQclear(result);
	return fine;
}

static void check_statement(struct check *check, PGconn *connection, const struct catalogue_statement *statement)
{
	if (!succeeded(check, statement, PQprepare(connection, STATEMENT, statement->sql, 0, NULL)))
		return;
	check_columns(check, connection, statement);
	succeeded(check, statement, explain(check, connection, statement));
	PQclear(PQexec(connection, "DEALLOCATE " STATEMENT));
}

static void check_database(struct check *check, const char *member, const char *conninfo, bool write)
{
	PGconn *connection = PQconnectdb(conninfo);

	if (PQstatus(connection) != CONNECTION_OK)
		report(check, text_printf(&check->pool, "%s: %s", check->settings.file, member),
		       PQerrorMessage(connection));
	else
		for (size_t i = 0; i < check->catalogue->statement_count; i++)
			if (check->catalogue->statements[i].write == write)
				check_statement(check, connection, &check->catalogue->statements[i]);
	PQfinish(connection);
}

static void print_fine(const struct check *check, const char *file)
{
	printf("%s: fine", file);
	for (enum item_kind kind = 0; kind < ITEM_KINDS; kind++) {
		size_t count = catalogue_count(check->catalogue, kind);
		if (count > 0 || kind == ITEM_TOOL)
			printf(", %zu %s%s", count, item_kind_name(kind), count == 1 ? "" : "s");
	}
	printf("\n");
}

int check_main(const char *file, int argc, char **argv)
{
	struct check check = {.problems = 0};
	const char *error = NULL;

	(void)argv;
	if (argc != 1)
		return 2;
	json_init();
	h2o_mem_init_pool(&check.pool);
	if (settings_load(&check.pool, file, true, &check.settings, &error))
		check.catalogue = catalogue_load(&check.pool, &check.settings, &error);
	if (check.catalogue == NULL) {
		fprintf(stderr, "sallyport-mcp: %s\n", error);
		h2o_mem_clear_pool(&check.pool);
		return 1;
	}
	error = serving_settings_problem(&check.pool, &check.settings.serving);
	if (error != NULL)
		report(&check, file, error);
	if (check.catalogue->read_count > 1)
		check_database(&check, "databases.read", check.settings.read.conninfo, false);
	if (check.catalogue->write_count > 1)
		check_database(&check, "databases.write", check.settings.write.conninfo, true);
	if (check.problems == 0)
		print_fine(&check, file);
	h2o_mem_release_shared(check.catalogue);
	h2o_mem_clear_pool(&check.pool);
	return check.problems == 0 ? 0 : 1;
}
