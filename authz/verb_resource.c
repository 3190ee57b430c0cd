/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "authz/verbs.h"
#include "common/uri.h"

enum { SCOPES_FILE_MAX = 1024 * 1024 };

static bool is_list_of_texts(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_string(json_array_get(list, i)))
			return false;
	return list == NULL || json_is_array(list);
}

/* The JSON of `sallyport-mcp scopes`; NULL after a line on standard error. */
static const char *read_scopes(struct operator* op, const char *name)
{
	char *text = h2o_mem_alloc_pool(&op->pool, SCOPES_FILE_MAX + 1);
	FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	enum json_problem problem = JSON_FINE;
	const json_t *value, *scopes, *scope;
	size_t len, i;

	if (file == NULL) {
		refuse("%s: %s", name, strerror(errno));
		return NULL;
	}
	len = fread(text, 1, SCOPES_FILE_MAX + 1, file);
	if (file != stdin)
		fclose(file);
	value = len <= SCOPES_FILE_MAX ? json_read(&op->pool, h2o_iovec_init(text, len), &problem) : NULL;
	scopes = json_object_get(value, "scopes");
	if (!json_is_array(scopes)) {
		refuse("%s is no JSON object with an array \"scopes\"", file == stdin ? "standard input" : name);
		return NULL;
	}
	json_array_foreach (scopes, i, scope) {
		if (json_get_text(scope, "name").len == 0 || json_get_text(scope, "title").len == 0) {
			refuse("%s: scope %zu has no name or no title", name, i + 1);
			return NULL;
		}
		if (!is_list_of_texts(json_object_get(scope, "implies"))) {
			refuse("%s: what scope %zu implies is no array of names", name, i + 1);
			return NULL;
		}
	}
	return json_text(&op->pool, value).base;
}

enum verb_status verb_resource_put(struct operator* op, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"name", required_argument, NULL, 'n'},
	    {"default", no_argument, NULL, 'd'},
	    {"scopes", required_argument, NULL, 's'},
	    {NULL, 0, NULL, 0},
	};
	const char *name = NULL, *file = NULL, *scopes = NULL, *problem;
	bool is_default = false;
	PGresult *rows;
	long long count;
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option == 'n')
			name = optarg;
		else if (option == 'd')
			is_default = true;
		else if (option == 's')
			file = optarg;
		else
			return VERB_USAGE;
	}
	if (name == NULL || optind != argc - 1)
		return VERB_USAGE;
	problem = uri_resource_problem(text_of(argv[optind]));
	if (problem != NULL)
		return refuse("%s: %s", argv[optind], problem);
	if (file != NULL && (scopes = read_scopes(op, file)) == NULL)
		return VERB_REFUSED;
	struct db_param params[] = {param_text(argv[optind]), param_text(name), param_bool(is_default),
	                            param_text(scopes)};
	rows = operator_ask(op, "SELECT authz.resource_put($1, $2, $3, $4) AS scopes", params, 4);
	if (rows == NULL)
		return VERB_REFUSED;
	count = (long long)rows_int(rows, 0, "scopes");
	printf("%s has %lld scope%s\n", argv[optind], count, count == 1 ? "" : "s");
	PQclear(rows);
	return VERB_DONE;
}

enum verb_status verb_resource_list(struct operator* op, int argc, char **argv)
{
	return operator_list(op, argc, argv, "SELECT * FROM authz.resource_list()");
}
