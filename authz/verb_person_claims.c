/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator says of a person beside scopes, roles and groups. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authz/verbs.h"

enum { CLAIMS_MAX = 4096, CLAIMS_FILE_MAX = 64 * 1024 };

static const char NOBODY[] = "there is nobody of this name";

/* The object as it is kept; NULL after a line on standard error. */
static const char *read_claims(struct operator* op, const char *name)
{
	char *text = h2o_mem_alloc_pool(&op->pool, CLAIMS_FILE_MAX + 1);
	FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	const char *shown = file == stdin ? "standard input" : name;

	if (file == NULL) {
		refuse("%s: %s", name, strerror(errno));
		return NULL;
	}
	size_t len = fread(text, 1, CLAIMS_FILE_MAX + 1, file);
	if (file != stdin)
		fclose(file);
	const json_t *claims = len <= CLAIMS_FILE_MAX ? json_read(&op->pool, h2o_iovec_init(text, len), NULL) : NULL;
	if (!json_is_object(claims)) {
		refuse("%s is no JSON object", shown);
		return NULL;
	}
	h2o_iovec_t kept = json_canonical(&op->pool, claims);
	if (kept.len > CLAIMS_MAX) {
		refuse("%s has more than %d bytes of claims", shown, CLAIMS_MAX);
		return NULL;
	}
	return kept.base;
}

enum verb_status verb_person_claims(struct operator* op, int argc, char **argv)
{
	if (argc != 3)
		return VERB_USAGE;
	const char *claims = read_claims(op, argv[2]);
	if (claims == NULL)
		return VERB_REFUSED;
	struct db_param params[] = {param_text(argv[1]), param_text(claims)};
	PGresult *rows = operator_ask(op, "SELECT authz.person_set_claims($1, $2) AS outcome", params, 2);
	if (rows == NULL)
		return VERB_REFUSED;
	const char *outcome = rows_text(rows, 0, "outcome");
	enum verb_status status = VERB_DONE;
	if (strcmp(outcome, "no_person") == 0)
		status = refuse("%s", NOBODY);
	else if (strcmp(outcome, "refused") == 0)
		status = refuse("a name is one of those that tokens have already (sub, scope, roles, ...)");
	PQclear(rows);
	return status;
}

static void print_lines(h2o_mem_pool_t *pool, const json_t *person)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)person, name, value)
		printf("%s\t%s\n", name,
		       json_is_string(value) ? json_string_value(value) : json_text(pool, value).base);
}

enum verb_status verb_person_show(struct operator* op, int argc, char **argv)
{
	bool as_json = argc == 3 && strcmp(argv[2], "--json") == 0;

	if (argc < 2 || (argc > 2 && !as_json))
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1])};
	PGresult *rows = operator_ask(op, "SELECT authz.person_show($1) AS person", params, 1);
	if (rows == NULL)
		return VERB_REFUSED;
	const char *text = rows_text(rows, 0, "person");
	const json_t *person = text != NULL ? json_read(&op->pool, text_of(text), NULL) : NULL;
	enum verb_status status = VERB_DONE;
	if (person == NULL)
		status = refuse("%s", NOBODY);
	else if (as_json)
		puts(json_text(&op->pool, person).base);
	else
		print_lines(&op->pool, person);
	PQclear(rows);
	return status;
}
