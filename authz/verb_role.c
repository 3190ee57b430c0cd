/* SPDX-License-Identifier: Apache-2.0 */
/* Roles, groups, and who has which. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "authz/verbs.h"

enum { NAMES_MAX = 100 };

static void add_name(struct operator* op, h2o_iovec_t name, const char **names, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		if (text_is(name, names[i]))
			return;
	names[(*count)++] = text_copy(&op->pool, name);
}

/* A text[] of blank-separated names of roles or groups; false after a line on standard error. */
static bool read_names(struct operator* op, const char *text, struct db_param *ret)
{
	const char *names[NAMES_MAX];
	size_t count = 0;

	for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
		size_t len = strcspn(text, " ");
		if (count == NAMES_MAX) {
			refuse("there are more than %d names", NAMES_MAX);
			return false;
		}
		add_name(op, h2o_iovec_init(text, len), names, &count);
		text += len;
	}
	*ret = param_text_array(&op->pool, names, count);
	return true;
}

/* A question whose answer is an outcome and perhaps a name that nobody knows. */
static enum verb_status say_outcome(struct operator* op, const char *sql, const struct db_param *params, size_t count)
{
	PGresult *rows = operator_ask(op, sql, params, count);
	enum verb_status status = VERB_DONE;

	if (rows == NULL)
		return VERB_REFUSED;
	const char *outcome = rows_text(rows, 0, "outcome"), *unknown = rows_text(rows, 0, "unknown");
	if (strcmp(outcome, "no_person") == 0)
		status = refuse("there is nobody of this name");
	else if (unknown != NULL)
		status = refuse("there is no %s %s", strcmp(outcome, "no_role") == 0 ? "role" : "group", unknown);
	PQclear(rows);
	return status;
}

static enum verb_status remove_named(struct operator* op, int argc, char **argv, const char *sql, const char *otherwise)
{
	if (argc != 2)
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1])};
	return operator_do(op, sql, params, 1, otherwise);
}

enum verb_status verb_role_put(struct operator* op, int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"scope", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	const char *scope = NULL;
	struct db_param scopes;
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option != 's')
			return VERB_USAGE;
		scope = optarg;
	}
	if (scope == NULL || optind != argc - 1)
		return VERB_USAGE;
	if (!operator_scopes(op, scope, &scopes))
		return VERB_REFUSED;
	operator_note_unknown_scopes(op, &scopes);
	struct db_param params[] = {param_text(argv[optind]), scopes};
	return say_outcome(op, "SELECT authz.role_put($1, $2) AS outcome, NULL AS unknown", params, 2);
}

enum verb_status verb_role_list(struct operator* op, int argc, char **argv)
{
	return operator_list(op, argc, argv, "SELECT * FROM authz.role_list()");
}

enum verb_status verb_role_delete(struct operator* op, int argc, char **argv)
{
	return remove_named(op, argc, argv, "SELECT authz.role_delete($1)", "there is no role of this name");
}

enum verb_status verb_group_put(struct operator* op, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"role", required_argument, NULL, 'r'},
	    {"scope", required_argument, NULL, 's'},
	    {NULL, 0, NULL, 0},
	};
	const char *scope = "";
	struct text_buffer names = {.pool = &op->pool};
	struct db_param roles, scopes;
	int option;

	text_append_str(&names, "");
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option == 'r')
			text_append_printf(&names, "%s ", optarg);
		else if (option == 's')
			scope = optarg;
		else
			return VERB_USAGE;
	}
	if (optind != argc - 1)
		return VERB_USAGE;
	if (!read_names(op, names.base, &roles) || !operator_scopes(op, scope, &scopes))
		return VERB_REFUSED;
	operator_note_unknown_scopes(op, &scopes);
	struct db_param params[] = {param_text(argv[optind]), roles, scopes};
	return say_outcome(op, "SELECT * FROM authz.group_put($1, $2, $3)", params, 3);
}

enum verb_status verb_group_list(struct operator* op, int argc, char **argv)
{
	return operator_list(op, argc, argv, "SELECT * FROM authz.group_list()");
}

enum verb_status verb_group_delete(struct operator* op, int argc, char **argv)
{
	return remove_named(op, argc, argv, "SELECT authz.group_delete($1)", "there is no group of this name");
}

static enum verb_status set_names(struct operator* op, int argc, char **argv, const char *sql)
{
	struct db_param names;

	if (argc != 3)
		return VERB_USAGE;
	if (!read_names(op, argv[2], &names))
		return VERB_REFUSED;
	struct db_param params[] = {param_text(argv[1]), names};
	return say_outcome(op, sql, params, 2);
}

enum verb_status verb_person_roles(struct operator* op, int argc, char **argv)
{
	return set_names(op, argc, argv, "SELECT * FROM authz.person_set_roles($1, $2)");
}

enum verb_status verb_person_groups(struct operator* op, int argc, char **argv)
{
	return set_names(op, argc, argv, "SELECT * FROM authz.person_set_groups($1, $2)");
}
