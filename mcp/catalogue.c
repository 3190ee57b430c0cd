/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/encoding.h"
#include "common/secret.h"
#include "mcp/documents.h"

enum { ROWS_DEFAULT = 100 };

static const char *const TIERS[] = {"read", "write", "destroy"};

/* A call's own bounds, gone with its implicit transaction. A read call is a read-only transaction even where the role
 * or the configuration forgot; once a snapshot is taken, nothing can turn that back. */
static const char READ_BOUNDS[] =
    "select set_config('statement_timeout', $1, true), set_config('transaction_read_only', 'on', true)";
static const char WRITE_BOUNDS[] = "select set_config('statement_timeout', $1, true)";

const char *tier_name(enum tier tier)
{
	return TIERS[tier];
}

static enum tier tier_of(h2o_iovec_t name)
{
	if (text_is(name, TIERS[TIER_READ]))
		return TIER_READ;
	return text_is(name, TIERS[TIER_WRITE]) ? TIER_WRITE : TIER_DESTROY;
}

static const char **names_of(h2o_mem_pool_t *pool, const json_t *array, size_t *count)
{
	*count = json_array_size(array);
	const char **names = h2o_mem_alloc_pool(pool, (*count + 1) * sizeof(*names));
	for (size_t i = 0; i < *count; i++)
		names[i] = json_string_value(json_array_get(array, i));
	return names;
}

/* A reading statement is bounded by the database itself, one row beyond the limit so that the answer can say that there
 * is more. A writing one cannot stand in a sub-select; its surplus rows are dropped here. */
static const char *bounded_sql(h2o_mem_pool_t *pool, const struct tool *tool, h2o_iovec_t sql)
{
	while (sql.len > 0 && strchr("; \t\r\n", sql.base[sql.len - 1]) != NULL)
		sql.len--;
	if (tool->tier != TIER_READ)
		return text_copy(pool, sql);
	/* the line break ends a comment that ends the statement */
	return text_printf(pool, "select * from (%.*s\n) as tool limit %u", (int)sql.len, sql.base, tool->rows + 1);
}

/* Hints only: no client may rely on them, and this server does not. */
static json_t *annotations_of(const struct tool *tool)
{
	return json_pack("{s:s, s:b, s:b, s:b}", "title", tool->title, "readOnlyHint", tool->tier == TIER_READ,
	                 "destructiveHint", tool->tier == TIER_DESTROY, "openWorldHint", 0);
}

static h2o_iovec_t listed_text(h2o_mem_pool_t *pool, const struct tool *tool)
{
	json_t *listed =
	    json_pack("{s:s, s:s, s:s, s:O, s:o}", "name", tool->name, "title", tool->title, "description",
	              tool->description, "inputSchema", (json_t *)tool->input, "annotations", annotations_of(tool));
	h2o_iovec_t text = json_text(pool, listed);

	json_decref(listed);
	return text;
}

static void read_tool(h2o_mem_pool_t *pool, const json_t *document, struct tool *tool)
{
	const json_t *sql = json_object_get(document, "sql"), *result = json_object_get(document, "result");
	uint8_t digest[SHA256_SIZE];

	tool->name = json_get_text(document, "name").base;
	tool->title = json_get_text(document, "title").base;
	tool->description = json_get_text(document, "description").base;
	tool->scope = json_get_text(document, "scope").base;
	tool->tier = tier_of(json_get_text(document, "tier"));
	tool->acquirable = config_bool(document, "acquirable", false);
	tool->untrusted = config_bool(document, "untrusted", false);
	tool->input = json_object_get(document, "input");
	tool->rows = (unsigned)config_int(result, "rows", ROWS_DEFAULT);
	tool->columns = names_of(pool, json_object_get(result, "columns"), &tool->column_count);
	tool->parameters = names_of(pool, json_object_get(sql, "parameters"), &tool->parameter_count);
	tool->sql = bounded_sql(pool, tool, json_get_text(sql, "statement"));
	snprintf(tool->timeout, sizeof(tool->timeout), "%lld", (long long)config_duration_ms(sql, "timeout", 5000));
	tool->listed = listed_text(pool, tool);
	sha256(json_canonical(pool, document), digest);
	tool->digest = hex_encode(pool, digest, sizeof(digest));
}

static bool load_tool(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const struct schema *schema,
                      const char *file, struct tool *tool, const char **error)
{
	const struct schema_options options = {.assert_formats = true};
	const char *problem;
	json_t *document = config_load(pool, file, schema, error);

	if (document == NULL)
		return false;
	problem = tool_problem(pool, settings, document);
	if (problem != NULL) {
		*error = text_printf(pool, "%s: %s", file, problem);
		return false;
	}
	tool->file = file;
	tool->arguments = schema_compile(pool, json_object_get(document, "input"), &options, &problem);
	if (tool->arguments == NULL) {
		*error = text_printf(pool, "%s: /input%s%s", file, *problem == '/' ? "" : ": ", problem);
		return false;
	}
	read_tool(pool, document, tool);
	return true;
}

static int is_tool_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tool *)a)->name, ((const struct tool *)b)->name);
}

static bool load_tools(h2o_mem_pool_t *pool, const struct mcp_settings *settings, struct dirent **files, size_t count,
                       struct catalogue *catalogue, const char **error)
{
	const struct schema *schema = serving_schema_compile(pool, document_of_tool(pool));

	catalogue->tools = h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*catalogue->tools));
	memset(catalogue->tools, 0, (count + 1) * sizeof(*catalogue->tools));
	for (size_t i = 0; i < count; i++) {
		const char *file = text_printf(pool, "%s/%s", settings->tools, files[i]->d_name);
		if (!load_tool(pool, settings, schema, file, &catalogue->tools[i], error))
			return false;
	}
	catalogue->count = count;
	qsort(catalogue->tools, count, sizeof(*catalogue->tools), by_name);
	for (size_t i = 1; i < count; i++) {
		const struct tool *a = &catalogue->tools[i - 1], *b = &catalogue->tools[i];
		if (strcmp(a->name, b->name) != 0)
			continue;
		*error =
		    text_printf(pool, "%s: /name: %s is also the name of the tool in %s", b->file, b->name, a->file);
		return false;
	}
	return true;
}

static void number_statements(h2o_mem_pool_t *pool, struct catalogue *c)
{
	size_t size = (c->count + 1) * sizeof(struct db_statement);

	c->read_statements = h2o_mem_alloc_pool(pool, size);
	c->write_statements = h2o_mem_alloc_pool(pool, size);
	c->read_statements[c->read_count++] = (struct db_statement){"bounds", READ_BOUNDS};
	c->write_statements[c->write_count++] = (struct db_statement){"bounds", WRITE_BOUNDS};
	for (size_t i = 0; i < c->count; i++) {
		struct tool *tool = &c->tools[i];
		bool is_read = tool->tier == TIER_READ;
		struct db_statement statement = {text_printf(pool, "tool_%zu_%.40s", i, tool->name), tool->sql};
		tool->index = i;
		tool->statement = is_read ? c->read_count : c->write_count;
		if (is_read)
			c->read_statements[c->read_count++] = statement;
		else
			c->write_statements[c->write_count++] = statement;
	}
}

struct catalogue *catalogue_load(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const char **error)
{
	struct catalogue *catalogue = h2o_mem_alloc_pool(pool, sizeof(*catalogue));
	struct dirent **files = NULL;
	bool fine = false;

	memset(catalogue, 0, sizeof(*catalogue));
	int count = scandir(settings->tools, &files, is_tool_file, alphasort);
	if (count < 0)
		*error = text_printf(pool, "%s: %s", settings->tools, strerror(errno));
	else if (count == 0)
		*error = text_printf(pool, "%s: has no *.yaml file", settings->tools);
	else if (count > TOOLS_MAX)
		*error = text_printf(pool, "%s: has more than %d tools", settings->tools, TOOLS_MAX);
	else
		fine = load_tools(pool, settings, files, (size_t)count, catalogue, error);
	for (int i = 0; i < count; i++)
		free(files[i]);
	free(files);
	if (!fine)
		return NULL;
	number_statements(pool, catalogue);
	return catalogue;
}

const struct tool *catalogue_find(const struct catalogue *catalogue, h2o_iovec_t name)
{
	size_t low = 0, high = catalogue->count;

	if (name.len == 0 || name.len > TOOL_NAME_MAX || memchr(name.base, '\0', name.len) != NULL)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct tool *tool = &catalogue->tools[middle];
		size_t len = strlen(tool->name);
		int order = memcmp(name.base, tool->name, name.len < len ? name.len : len);
		if (order == 0 && name.len == len)
			return tool;
		if (order < 0 || (order == 0 && name.len < len))
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
