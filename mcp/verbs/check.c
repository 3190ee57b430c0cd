/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `check`: what serve would refuse of its files, and what only the databases know: that each statement can be
 * prepared in its role, uses only what the role may use, and gives the columns that its tool keeps. */
#include <stdio.h>
#include <string.h>

#include "mcp/catalogue/catalogue.h"
#include "mcp/catalogue/statement_trial.h"
#include "mcp/database.h"
#include "mcp/policy/mixture.h"
#include "mcp/verbs/check_against.h"
#include "mcp/backend/command/command_program.h"
#include "mcp/backend/command/commands.h"
#include "mcp/backend/upstream/upstream_check.h"
#include "mcp/verbs/verbs.h"

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

static void check_columns(struct check *check, PGconn *connection, const struct catalogue_statement *statement)
{
	PGresult *described = PQdescribePrepared(connection, STATEMENT);
	const char *problem = statement_lacks_column(&check->pool, statement, described);

	if (problem != NULL)
		report(check, statement->file, problem);
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

static void report_upstream(void *data, const char *where, const char *problem)
{
	report(data, where, problem);
}

/* That those can be started at all, and from files that only their owner can change. */
static void check_programs(struct check *check, struct spawner *forked)
{
	const char *const *allowed = check->settings.commands.allowed;
	const char *lacks, *problem = commands_allow(&check->pool, &check->settings, forked, &forked, &lacks);

	if (problem != NULL)
		report(check, check->settings.file, problem + strlen(check->settings.file) + 2);
	else if (lacks != NULL)
		printf("%s: commands: this kernel has no %s\n", check->settings.file, lacks);
	if (problem == NULL) {
		upstream_check(&check->pool, check->catalogue, forked, report_upstream, check);
		spawner_close(forked);
	}
	for (; allowed != NULL && *allowed != NULL; allowed++) {
		problem = command_program_problem(&check->pool, *allowed);
		if (problem != NULL)
			report(check, check->settings.file, text_printf(&check->pool, "commands.allowed: %s", problem));
	}
}

/* What makes a role of analysts more than one that reads what it was granted. */
static const char ANALYST[] =
    "select case when rolsuper then 'is a superuser' when rolbypassrls then 'bypasses row-level security'"
    " when rolcreaterole then 'may make roles' when rolreplication then 'may replicate'"
    " when exists (select from pg_catalog.pg_roles m where m.rolname in ('pg_read_server_files', "
    "'pg_write_server_files',"
    " 'pg_execute_server_program', 'pg_read_all_data', 'pg_write_all_data', 'pg_signal_backend')"
    " and pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER')) then 'is a member of a predefined role that may do more than "
    "read' end"
    " from pg_catalog.pg_roles r where rolname = current_user";

/* What a statement of an analyst could do more with than read, if the wall before it had a gap: functions that run
 * statements given as text, that see them of others, or that open large objects and files. Most of them are everybody's
 * until they are revoked. */
static const char ANALYST_MAY[] =
    "select pg_catalog.string_agg(name, ', ' order by name) from ("
    " select distinct case when n.nspname = 'pg_catalog' then p.proname else n.nspname || '.' || p.proname end"
    " from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace"
    " where pg_catalog.has_function_privilege(p.oid, 'execute') and pg_catalog.has_schema_privilege(n.oid, 'usage')"
    " and (n.nspname = 'pg_catalog' and (p.proname in ('ts_stat', 'query_to_xml', 'query_to_xmlschema', "
    "'query_to_xml_and_xmlschema', 'cursor_to_xml', 'cursor_to_xmlschema', 'table_to_xml', "
    "'table_to_xml_and_xmlschema', 'schema_to_xml', 'schema_to_xml_and_xmlschema', 'database_to_xml', "
    "'database_to_xml_and_xmlschema', 'loread', 'pg_read_file', 'pg_read_binary_file')"
    " or p.proname = 'ts_rewrite' and p.pronargs = 2 or p.proname like 'lo\\_%' or p.proname like 'pg\\_ls\\_%')"
    " or n.nspname <> 'pg_catalog' and (p.proname like 'dblink%' or p.proname like 'crosstab%'"
    " or p.proname in ('connectby', 'xpath_table', 'ts_stat')))"
    " union all select m.rolname from pg_catalog.pg_roles m where m.rolname in ('pg_monitor', 'pg_read_all_stats',"
    " 'pg_read_all_settings', 'pg_stat_scan_tables') and pg_catalog.pg_has_role(m.oid, 'member')"
    ") may(name)";

/* A word to the operator, no problem: the guard of statements refuses these functions unless a tool's file lists one.
 */
static void warn_of_analyst(PGconn *connection, const char *where)
{
	PGresult *result = PQexec(connection, ANALYST_MAY);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		printf("%s: what the role may execute is not known: %s\n", where, PQerrorMessage(connection));
	else if (!PQgetisnull(result, 0, 0))
		printf(
		    "%s: warning: beyond reading, the role may use %s. Queries are refused these, unless a tool's file "
		    "lists one; revoke them from the role and from public to be sure\n",
		    where, PQgetvalue(result, 0, 0));
	PQclear(result);
}

static void check_analyst(struct check *check)
{
	const char *where = text_printf(&check->pool, "%s: databases.analyst", check->settings.file);
	PGconn *connection = PQconnectdb(check->settings.analyst.conninfo);
	PGresult *result = PQexec(connection, ANALYST);

	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
		report(check, where, PQerrorMessage(connection));
	else if (!PQgetisnull(result, 0, 0))
		report(check, where, text_printf(&check->pool, "the role %s", PQgetvalue(result, 0, 0)));
	else
		warn_of_analyst(connection, where);
	PQclear(result);
	PQfinish(connection);
}

static void check_own_database(struct check *check)
{
	const char *problem =
	    check->settings.database.conninfo != NULL ? database_problem(&check->pool, &check->settings) : NULL;

	if (problem != NULL)
		report(check, text_printf(&check->pool, "%s: database", check->settings.file), problem);
}

static void print_fine(const struct check *check, const char *file)
{
	printf("%s: fine", file);
	for (enum item_kind kind = 0; kind < ITEM_KINDS; kind++) {
		size_t count = catalogue_count(check->catalogue, kind);
		if (count > 0 || kind == ITEM_TOOL)
			printf(", %zu %s%s", count, item_kind_name(kind), count == 1 ? "" : "s");
	}
	const char *mixture = mixture_words((h2o_mem_pool_t *)&check->pool, check->catalogue);
	if (check->settings.mode != MODE_ALL)
		printf(", mode %s", check->settings.mode == MODE_READ_ONLY ? "read_only" : "write_only");
	printf("\n");
	if (mixture != NULL)
		printf("%s: note: %s\n", file, mixture);
}

int check_main(const char *file, int argc, char **argv)
{
	struct check check = {.problems = 0};
	const char *error = NULL;
	bool compares = argc == 3 && strcmp(argv[1], "--against") == 0;

	if (argc != 1 && !compares)
		return 2;
	struct spawner *forked = spawner_fork();
	json_init();
	h2o_mem_init_pool(&check.pool);
	if (settings_load(&check.pool, file, true, &check.settings, &error))
		check.catalogue = catalogue_load(&check.pool, &check.settings, &error);
	if (check.catalogue == NULL) {
		fprintf(stderr, "sallyport-mcp: %s\n", error);
		spawner_close(forked);
		h2o_mem_clear_pool(&check.pool);
		return 1;
	}
	check_programs(&check, forked);
	error = serving_settings_problem(&check.pool, &check.settings.serving);
	if (error != NULL)
		report(&check, file, error);
	check_own_database(&check);
	if (check.catalogue->has_queries)
		check_analyst(&check);
	if (check.catalogue->read_count > CATALOGUE_FIRST)
		check_database(&check, "databases.read", check.settings.read.conninfo, false);
	if (check.catalogue->write_count > CATALOGUE_FIRST)
		check_database(&check, "databases.write", check.settings.write.conninfo, true);
	if (check.problems == 0)
		print_fine(&check, file);
	error = NULL;
	if (compares && !check_against(&check.pool, check.catalogue, argv[2], &error))
		report(&check, "check --against", error);
	h2o_mem_release_shared(check.catalogue);
	h2o_mem_clear_pool(&check.pool);
	return check.problems == 0 ? 0 : 1;
}
