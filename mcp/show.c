/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that print what the files say: scopes, catalogue, schema. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcp/documents.h"
#include "mcp/policy.h"
#include "mcp/verbs.h"

struct files {
	h2o_mem_pool_t pool;
	struct mcp_settings settings;
	struct catalogue *catalogue;
};

static bool open_files(struct files *files, const char *file)
{
	const char *error = NULL;

	json_init();
	h2o_mem_init_pool(&files->pool);
	if (settings_load(&files->pool, file, false, &files->settings, &error))
		files->catalogue = catalogue_load(&files->pool, &files->settings, &error);
	if (files->catalogue != NULL)
		return true;
	fprintf(stderr, "sallyport-mcp: %s\n", error);
	h2o_mem_clear_pool(&files->pool);
	return false;
}

static int print_json(const json_t *value)
{
	if (json_dumpf(value, stdout, JSON_INDENT(2)) != 0 || printf("\n") < 0 || fflush(stdout) != 0) {
		fprintf(stderr, "sallyport-mcp: standard output cannot be written\n");
		return 1;
	}
	return 0;
}

static json_t *scope_json(const struct files *files, const char *name)
{
	json_t *tools = json_array();

	for (size_t i = 0; i < files->catalogue->count; i++) {
		const struct tool *tool = &files->catalogue->tools[i];
		if (strcmp(tool->scope, name) == 0)
			json_array_append_new(tools, json_pack("{s:s, s:s, s:s}", "name", tool->name, "title",
			                                       tool->title, "tier", tier_name(tool->tier)));
	}
	json_t *scope = json_pack("{s:s, s:s, s:o}", "name", name, "title",
	                          settings_scope_title(&files->settings, name), "tools", tools);
	json_t *implies = json_object_get(json_object_get(files->settings.scopes, name), "implies");
	if (json_array_size(implies) > 0)
		json_object_set(scope, "implies", implies);
	return scope;
}

/* For `sallyport-authz resource put URI --scopes -`. */
int scopes_main(const char *file, int argc, char **argv)
{
	struct files files = {.catalogue = NULL};
	json_t *scopes, *words;
	const char *name;

	(void)argv;
	if (argc != 1)
		return 2;
	if (!open_files(&files, file))
		return 1;
	scopes = json_array();
	json_object_foreach ((json_t *)files.settings.scopes, name, words)
		json_array_append_new(scopes, scope_json(&files, name));
	json_t *document = json_pack("{s:o}", "scopes", scopes);
	int status = print_json(document);
	json_decref(document);
	h2o_mem_clear_pool(&files.pool);
	return status;
}

static void print_scope(const struct files *files, const char *scope)
{
	bool used = false;

	printf("%s  (%s)\n", scope, settings_scope_title(&files->settings, scope));
	for (size_t i = 0; i < files->catalogue->count; i++) {
		const struct tool *tool = &files->catalogue->tools[i];
		if (strcmp(tool->scope, scope) != 0)
			continue;
		used = true;
		printf("  %-32s %-8s %s%s%s\n", tool->name, tier_name(tool->tier), tool->title,
		       tool->acquirable ? "; shown to people who could be granted the scope" : "",
		       tool->untrusted ? "; result marked as untrusted" : "");
	}
	if (!used)
		printf("  opens no tool\n");
}

/* Who sees what: a token with the scope sees the tools below it, and no others. */
int catalogue_main(const char *file, int argc, char **argv)
{
	struct files files = {.catalogue = NULL};
	const char *name;
	json_t *words;

	(void)argv;
	if (argc != 1)
		return 2;
	if (!open_files(&files, file))
		return 1;
	json_object_foreach ((json_t *)files.settings.scopes, name, words)
		print_scope(&files, name);
	h2o_mem_clear_pool(&files.pool);
	return fflush(stdout) == 0 ? 0 : 1;
}

int schema_main(const char *file, int argc, char **argv)
{
	h2o_mem_pool_t pool;
	json_t *document;
	int status;

	(void)file;
	if (argc != 2 || (strcmp(argv[1], "tool") != 0 && strcmp(argv[1], "config") != 0))
		return 2;
	json_init();
	h2o_mem_init_pool(&pool);
	document = strcmp(argv[1], "tool") == 0 ? document_of_tool(&pool) : document_of_config(&pool);
	status = print_json(document);
	h2o_mem_clear_pool(&pool);
	return status;
}
