/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "authz/verbs.h"
#include "common/config.h"
#include "common/scope.h"

enum verb_status refuse(const char *format, ...)
{
	char line[4096];
	struct text_buffer visible;
	h2o_mem_pool_t pool;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	h2o_mem_init_pool(&pool);
	visible = (struct text_buffer){.pool = &pool};
	text_append_visible(&visible, text_of(line)); /* an argument may have a line break */
	fprintf(stderr, "sallyport-authz: %s\n", visible.base);
	h2o_mem_clear_pool(&pool);
	return VERB_REFUSED;
}

bool operator_read_settings(struct operator* op)
{
	const char *error = NULL;

	if (op->settings == NULL)
		op->settings = settings_load(&op->pool, op->file, &error);
	if (op->settings == NULL)
		refuse("%s", error);
	return op->settings != NULL;
}

bool operator_read_secrets(struct operator* op)
{
	const char *error = NULL;

	if (!operator_read_settings(op))
		return false;
	if (op->secrets == NULL)
		op->secrets = master_secrets_load(&op->pool, &op->settings->secrets, &error);
	if (op->secrets == NULL)
		refuse("%s", error);
	return op->secrets != NULL;
}

PGresult *operator_ask(struct operator* op, const char *sql, const struct db_param *params, size_t count)
{
	if (!operator_read_settings(op))
		return NULL;
	if (op->settings->admin_database == NULL) {
		refuse("%s: admin_database is not set", op->file);
		return NULL;
	}
	if (op->pg == NULL)
		op->pg = operator_db_open(op->settings->admin_database);
	return op->pg == NULL ? NULL : operator_db_ask(op->pg, sql, params, count);
}

enum verb_status operator_do(struct operator* op, const char *sql, const struct db_param *params, size_t count,
                             const char *otherwise)
{
	PGresult *rows = operator_ask(op, sql, params, count);
	bool done = rows != NULL && rows_count(rows) == 1 && strcmp(PQgetvalue(rows, 0, 0), "t") == 0;
	bool answered = rows != NULL;

	PQclear(rows);
	if (answered && !done)
		return refuse("%s", otherwise);
	return done ? VERB_DONE : VERB_REFUSED;
}

static void show_table(const PGresult *rows)
{
	int columns = PQnfields(rows), count = PQntuples(rows);

	for (int column = 0; column < columns; column++)
		printf("%s%s", column == 0 ? "" : "\t", PQfname(rows, column));
	putchar('\n');
	for (int row = 0; row < count; row++) {
		for (int column = 0; column < columns; column++)
			printf("%s%s", column == 0 ? "" : "\t",
			       PQgetisnull(rows, row, column) ? "-" : PQgetvalue(rows, row, column));
		putchar('\n');
	}
}

static void show_json(h2o_mem_pool_t *pool, const PGresult *rows)
{
	enum { BOOL_OID = 16, INT8_OID = 20, INT4_OID = 23 };
	json_t *list = json_keep(pool, json_array());

	for (int row = 0; row < PQntuples(rows); row++) {
		json_t *object = json_object();

		for (int column = 0; column < PQnfields(rows); column++) {
			const char *text = PQgetvalue(rows, row, column);
			json_t *value;

			if (PQgetisnull(rows, row, column))
				value = json_null();
			else if (PQftype(rows, column) == BOOL_OID)
				value = json_boolean(text[0] == 't');
			else if (PQftype(rows, column) == INT8_OID || PQftype(rows, column) == INT4_OID)
				value = json_integer(rows_int(rows, (size_t)row, PQfname(rows, column)));
			else
				value = json_string(text);
			json_object_set_new(object, PQfname(rows, column), value);
		}
		json_array_append_new(list, object);
	}
	puts(json_text(pool, list).base);
}

enum verb_status operator_show(struct operator* op, const char *sql, const struct db_param *params, size_t count,
                               bool as_json)
{
	PGresult *rows = operator_ask(op, sql, params, count);

	if (rows == NULL)
		return VERB_REFUSED;
	if (as_json)
		show_json(&op->pool, rows);
	else
		show_table(rows);
	PQclear(rows);
	return VERB_DONE;
}

enum verb_status operator_list(struct operator* op, int argc, char **argv, const char *sql)
{
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;

	if (argc > 1 && !json)
		return VERB_USAGE;
	return operator_show(op, sql, NULL, 0, json);
}

int64_t operator_expiry(const char *text, const char *example)
{
	int64_t ms = duration_ms(text_of(text));

	if (ms >= 1000 && ms <= 3650LL * 86400 * 1000)
		return ms / 1000;
	refuse("--expires is a duration like %s, ten years at most", example);
	return 0;
}

bool operator_scopes(struct operator* op, const char *text, struct db_param *ret)
{
	struct scopes scopes;

	if (!scopes_parse(&op->pool, text_of(text), &scopes)) {
		refuse("a scope has a character that RFC 6749 does not allow, or there are more than %d", SCOPES_MAX);
		return false;
	}
	*ret = param_text_array(&op->pool, scopes.names, scopes.count);
	return true;
}

/* A scope that opens nothing is most often a slip of the pen; it may also be of a resource that is still to come. */
void operator_note_unknown_scopes(struct operator* op, const struct db_param *scopes)
{
	PGresult *rows =
	    operator_ask(op,
	                 "SELECT string_agg(s, ' ') AS unknown FROM unnest($1::text[]) AS s WHERE NOT EXISTS "
	                 "(SELECT FROM authz.resource_list() AS r WHERE s = ANY (string_to_array(r.scope, ' ')))",
	                 scopes, 1);

	if (rows != NULL && rows_text(rows, 0, "unknown") != NULL)
		fprintf(stderr, "note: no resource has the scope %s\n", rows_text(rows, 0, "unknown"));
	PQclear(rows);
}
