/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that print what the files say: scopes, catalogue, schema. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcp/catalogue/catalogue_picture.h"
#include "mcp/settings/documents.h"
#include "mcp/policy/mixture.h"
#include "mcp/policy/policy.h"
#include "mcp/quota/quota.h"
#include "mcp/backend/upstream/upstream_file.h"
#include "mcp/verbs/verbs.h"

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

static void close_files(struct files *files)
{
	h2o_mem_release_shared(files->catalogue);
	h2o_mem_clear_pool(&files->pool);
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
	json_t *opened = json_array();

	for (size_t i = 0; i < files->catalogue->count; i++) {
		const struct item *item = files->catalogue->items[i];
		const char *title = item->title != NULL ? item->title : item->name;
		if (strcmp(item->scope, name) == 0)
			json_array_append_new(opened, json_pack("{s:s, s:s, s:s}", "name", item->name, "title", title,
			                                        "tier", tier_name(item->tier)));
	}
	/* people are shown all that a scope opens, whatever kind it is of */
	json_t *scope = json_pack("{s:s, s:s, s:o}", "name", name, "title",
	                          settings_scope_title(&files->settings, name), "tools", opened);
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
	close_files(&files);
	return status;
}

static void print_limits_of(h2o_mem_pool_t *pool, const struct item *item)
{
	const char *words = quota_words(pool, NULL, item);

	if (words != NULL)
		printf("; %s", words);
}

static void print_limits(struct files *files)
{
	const char *words = quota_words(&files->pool, &files->settings.quota, NULL);

	printf("\nlimits: %s\n", words != NULL ? words : "none beside those of tools");
}

static void print_rules_of(const struct rules *rules, const struct item *item)
{
	struct rule_list list = {NULL, 0};

	if (rules != NULL)
		list = rules->of_items[item->index];
	for (size_t i = 0; i < list.count; i++)
		printf("%s %s%s", i == 0 ? "; rules" : ",", list.rules[i]->name,
		       list.rules[i]->shadow ? " (shadow)" : "");
	printf("\n");
}

static void print_rules(const struct files *files)
{
	const struct rules *rules = files->catalogue->rules;
	h2o_mem_pool_t *pool = (h2o_mem_pool_t *)&files->pool;

	for (size_t i = 0; rules != NULL && i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];
		printf("%srule %s: %s", i == 0 ? "\n" : "", rule->name,
		       rule->arguments != NULL ? "conditions of arguments" : "not there");
		printf(", for %s", rule->when != NULL ? json_canonical(pool, rule->when).base : "everybody");
		if (rule->unless != NULL)
			printf(" unless %s", json_canonical(pool, rule->unless).base);
		printf("%s\n", rule->shadow ? ", in shadow mode" : "");
	}
}

static void print_guards(const struct files *files)
{
	h2o_mem_pool_t *pool = (h2o_mem_pool_t *)&files->pool;
	const char *mixture = mixture_words(pool, files->catalogue);
	size_t outside = 0;

	for (size_t i = 0; i < files->catalogue->count; i++)
		outside += files->catalogue->items[i]->outside;
	if (files->settings.mode != MODE_ALL)
		printf("\nmode %s: %zu items of other tiers are not served\n",
		       files->settings.mode == MODE_READ_ONLY ? "read_only" : "write_only", outside);
	if (mixture != NULL)
		printf("\nnote: %s\n", mixture);
}

static void print_scope(const struct files *files, const char *scope)
{
	bool used = false;

	printf("%s  (%s)\n", scope, settings_scope_title(&files->settings, scope));
	for (size_t i = 0; i < files->catalogue->count; i++) {
		const struct item *item = files->catalogue->items[i];
		if (strcmp(item->scope, scope) != 0 || item->outside)
			continue;
		used = true;
		printf("  %-32s %-8s %s%s%s", item->key,
		       item->kind == ITEM_TOOL ? tier_name(item->tier) : item_kind_name(item->kind),
		       item->title != NULL ? item->title : item->name,
		       item->acquirable ? "; shown to people who could be granted the scope" : "",
		       item->untrusted ? "; result marked as untrusted" : "");
		if (tool_of(item) != NULL && tool_of(item)->approval != APPROVAL_NONE)
			printf("; each call needs its person's approval%s",
			       tool_of(item)->approval == APPROVAL_STEP_UP ? " at the authorization server" : "");
		if (tool_of(item) != NULL && tool_of(item)->authentication != NULL)
			printf("; wants a sign-in that its file describes");
		print_limits_of((h2o_mem_pool_t *)&files->pool, item);
		print_rules_of(files->catalogue->rules, item);
	}
	if (!used)
		printf("  opens nothing\n");
}

/* Who sees what: a token with the scope sees what stands below it, and nothing else. */
int catalogue_main(const char *file, int argc, char **argv)
{
	struct files files = {.catalogue = NULL};
	bool as_json = argc == 2 && strcmp(argv[1], "--json") == 0;
	const char *name;
	json_t *words;

	if (argc != 1 && !as_json)
		return 2;
	if (!open_files(&files, file))
		return 1;
	if (as_json) {
		int status = print_json(json_keep(&files.pool, catalogue_picture(files.catalogue)));
		close_files(&files);
		return status;
	}
	json_object_foreach ((json_t *)files.settings.scopes, name, words)
		print_scope(&files, name);
	print_rules(&files);
	print_guards(&files);
	print_limits(&files);
	close_files(&files);
	return fflush(stdout) == 0 ? 0 : 1;
}

static const struct {
	const char *name;
	json_t *(*make)(h2o_mem_pool_t *pool);
} DOCUMENTS[] = {
    {"config", document_of_config}, {"tool", document_of_tool},         {"resource", document_of_resource},
    {"prompt", document_of_prompt}, {"upstream", upstream_file_schema}, {"rules", document_of_rules},
};

int schema_main(const char *file, int argc, char **argv)
{
	h2o_mem_pool_t pool;
	size_t i = 0;

	(void)file;
	while (argc == 2 && i < sizeof(DOCUMENTS) / sizeof(DOCUMENTS[0]) && strcmp(argv[1], DOCUMENTS[i].name) != 0)
		i++;
	if (argc != 2 || i == sizeof(DOCUMENTS) / sizeof(DOCUMENTS[0]))
		return 2;
	json_init();
	h2o_mem_init_pool(&pool);
	int status = print_json(DOCUMENTS[i].make(&pool));
	h2o_mem_clear_pool(&pool);
	return status;
}
