/* SPDX-License-Identifier: Apache-2.0 */
/* migrate: roles, schema, forward-only migrations, functions and grants, as one transaction under a lock, so that two
 * of them cannot meet and a failure leaves everything as it was. */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "authz/verbs.h"
#include "common/secret.h"

#ifndef SALLYPORT_DATADIR
#define SALLYPORT_DATADIR "/usr/local/share/sallyport"
#endif

enum { SQL_FILE_MAX = 1024 * 1024 };

struct migration {
	struct operator* op;
	PGconn *pg;
	const char *folder;
	int applied; /* files, for the report */
};

struct sql_file {
	const char *name; /* "0001_clients", "refresh" */
	const char *text;
	uint8_t digest[SHA256_SIZE];
};

static bool read_sql(struct migration *m, const char *path, struct sql_file *ret)
{
	const char *base = strrchr(path, '/') + 1;
	char *text = h2o_mem_alloc_pool(&m->op->pool, SQL_FILE_MAX + 1);
	FILE *file = fopen(path, "re");
	size_t len;

	if (file == NULL) {
		refuse("%s: %s", path, strerror(errno));
		return false;
	}
	len = fread(text, 1, SQL_FILE_MAX, file);
	fclose(file);
	if (len == 0 || len == SQL_FILE_MAX) {
		refuse("%s: cannot be read", path);
		return false;
	}
	text[len] = '\0';
	*ret =
	    (struct sql_file){.name = text_copy(&m->op->pool, h2o_iovec_init(base, strcspn(base, "."))), .text = text};
	sha256(h2o_iovec_init(text, len), ret->digest);
	return true;
}

static bool run_file(struct migration *m, const char *name)
{
	struct sql_file file;

	return read_sql(m, text_printf(&m->op->pool, "%s/%s.sql", m->folder, name), &file) &&
	       operator_db_run(m->pg, file.text, name);
}

/* The digest that was applied under a name: -1 trouble, 0 none, 1 another one, 2 the same. */
static int compare_applied(struct migration *m, const char *sql, const struct sql_file *file, struct db_param key)
{
	struct db_param params[] = {key, param_bytes(file->digest, SHA256_SIZE)};
	PGresult *rows = operator_db_ask(m->pg, sql, params, 2);
	int answer = rows == NULL ? -1 : rows_count(rows) == 0 ? 0 : rows_bool(rows, 0, "same") ? 2 : 1;

	PQclear(rows);
	return answer;
}

static bool remember(struct migration *m, const char *sql, const struct db_param *params, size_t count)
{
	PGresult *rows = operator_db_ask(m->pg, sql, params, count);

	PQclear(rows);
	m->applied++;
	return rows != NULL;
}

static bool apply_migration(struct migration *m, const struct sql_file *file, int64_t version)
{
	struct db_param key = param_int(&m->op->pool, version);
	int applied =
	    compare_applied(m, "SELECT digest = $2 AS same FROM authz.schema_migrations WHERE version = $1", file, key);
	struct db_param params[] = {key, param_text(file->name), param_bytes(file->digest, SHA256_SIZE)};

	if (applied == 1)
		refuse("migration %s was changed after it had been applied; migrations are never edited", file->name);
	if (applied != 0)
		return applied == 2;
	if (!operator_db_run(m->pg, file->text, file->name))
		return false;
	printf("applied %s\n", file->name);
	return remember(m, "INSERT INTO authz.schema_migrations (version, name, digest) VALUES ($1, $2, $3)", params,
	                3);
}

static bool apply_migrations(struct migration *m, const glob_t *files)
{
	PGresult *rows =
	    operator_db_ask(m->pg, "SELECT coalesce(max(version), 0) AS version FROM authz.schema_migrations", NULL, 0);
	int64_t newest = rows == NULL ? -1 : rows_int(rows, 0, "version"), version = 0;
	struct sql_file file;

	PQclear(rows);
	for (size_t i = 0; newest >= 0 && i < files->gl_pathc; i++) {
		version = (int64_t)i + 1;
		if (!read_sql(m, files->gl_pathv[i], &file))
			return false;
		if (strncmp(file.name, text_printf(&m->op->pool, "%04d_", (int)version), 5) != 0) {
			refuse("%s: migrations are numbered without a gap", files->gl_pathv[i]);
			return false;
		}
		if (!apply_migration(m, &file, version))
			return false;
	}
	if (newest > version)
		refuse("the database has migration %lld, this program knows %lld: it is too old", (long long)newest,
		       (long long)version);
	return newest >= 0 && newest <= version;
}

/* Of a function file, or grants.sql: as compare_applied. */
static int compare_file(struct migration *m, const char *path, struct sql_file *file)
{
	if (!read_sql(m, path, file))
		return -1;
	return compare_applied(m, "SELECT digest = $2 AS same FROM authz.schema_files WHERE name = $1", file,
	                       param_text(file->name));
}

static bool apply_file(struct migration *m, const char *path)
{
	struct sql_file file;

	if (!read_sql(m, path, &file))
		return false;
	struct db_param params[] = {param_text(file.name), param_bytes(file.digest, SHA256_SIZE)};
	return operator_db_run(m->pg, file.text, file.name) &&
	       remember(m,
	                "INSERT INTO authz.schema_files (name, digest) VALUES ($1, $2) "
	                "ON CONFLICT (name) DO UPDATE SET digest = $2, applied_at = now()",
	                params, 2);
}

/* All of them, if one is new or was changed. */
static bool apply_functions(struct migration *m, const glob_t *files)
{
	const char *grants = text_printf(&m->op->pool, "%s/grants.sql", m->folder);
	struct sql_file file;
	bool changed = m->applied > 0 || compare_file(m, grants, &file) != 2;

	for (size_t i = 0; i < files->gl_pathc && !changed; i++)
		changed = compare_file(m, files->gl_pathv[i], &file) != 2;
	if (!changed)
		return true;
	if (!run_file(m, "drop_functions"))
		return false;
	for (size_t i = 0; i < files->gl_pathc; i++)
		if (!apply_file(m, files->gl_pathv[i]))
			return false;
	return apply_file(m, grants);
}

static bool apply_all(struct migration *m, const glob_t *migrations, const glob_t *functions)
{
	/* Nothing of this may be found in a schema that somebody else can write to. */
	return operator_db_run(
		   m->pg,
		   "BEGIN; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL client_min_messages = warning;"
		   "SELECT pg_advisory_xact_lock(hashtext('authz.migrate'))",
		   "lock") &&
	       run_file(m, "roles") && run_file(m, "schema") && apply_migrations(m, migrations) &&
	       apply_functions(m, functions) && operator_db_run(m->pg, "COMMIT", "commit");
}

static enum verb_status migrate(struct operator* op, const char *database, const char *folder)
{
	struct migration m = {.op = op, .folder = folder};
	glob_t migrations, functions;
	enum verb_status status = VERB_REFUSED;
	bool found = glob(text_printf(&op->pool, "%s/migrations/[0-9]*.sql", folder), 0, NULL, &migrations) == 0;

	found = glob(text_printf(&op->pool, "%s/functions/*.sql", folder), 0, NULL, &functions) == 0 && found;
	if (!found)
		refuse("%s: has no migrations/*.sql and functions/*.sql", folder);
	else if ((m.pg = operator_db_open(database)) != NULL && apply_all(&m, &migrations, &functions))
		status = VERB_DONE;
	if (status == VERB_DONE && m.applied == 0)
		puts("nothing to do");
	PQfinish(m.pg);
	globfree(&migrations);
	globfree(&functions);
	return status;
}

enum verb_status verb_migrate(struct operator* op, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"database", required_argument, NULL, 'd'},
	    {"sql", required_argument, NULL, 's'},
	    {NULL, 0, NULL, 0},
	};
	const char *database = NULL, *folder = SALLYPORT_DATADIR "/sql";
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option == 'd')
			database = optarg;
		else if (option == 's')
			folder = optarg;
		else
			return VERB_USAGE;
	}
	if (database == NULL || optind != argc)
		return VERB_USAGE;
	return migrate(op, database, folder);
}
