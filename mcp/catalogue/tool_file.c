/* SPDX-License-Identifier: Apache-2.0 */
/* The files of tools. */
#include <string.h>

#include "common/config.h"
#include "mcp/catalogue/loading.h"
#include "mcp/backend/sql/sql_plan.h"
#include "mcp/approval/approval_file.h"
#include "mcp/approval/authentication.h"
#include "mcp/guard/guards_file.h"
#include "mcp/protocol/tool_headers.h"

static const char SCHEMA[] =
    "$schema: https://json-schema.org/draft/2020-12/schema\n"
    "title: A tool of sallyport-mcp\n"
    "type: object\n"
    "additionalProperties: false\n"
    "required: [name, title, description, scope, tier, input]\n"
    "dependentRequired: {sql: [result]}\n"
    "properties:\n"
    "  name: {type: string, maxLength: 128, pattern: '^[A-Za-z0-9_.-]+$'}\n"
    "  title: {type: string, minLength: 1, maxLength: 200}\n"
    "  description: {description: For the model, type: string, minLength: 1, maxLength: 4000}\n"
    "  scope: {description: The scope that opens the tool, type: string, pattern: "
    "'^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$', maxLength: 128}\n"
    "  tier: {enum: [read, write, destroy]}\n"
    "  acquirable:\n"
    "    description: A person who could be granted the scope sees the tool; its call then asks for the scope\n"
    "    type: boolean\n"
    "  untrusted: {description: The result holds text of strangers and is marked as such, type: boolean}\n"
    "  idempotent: {description: To call it again with the same arguments changes nothing more, type: boolean}\n"
    "  task: {description: Calls of clients that know tasks become one; those of others run or are refused, enum: "
    "[possible, required]}\n"
    "  open_world: {description: It reaches what lies outside of the organisation, type: boolean}\n"
    "  input: {description: JSON Schema 2020-12 of the arguments, type: object}\n"
    "  output: {description: JSON Schema 2020-12 of structuredContent, type: object}\n"
    "  result:\n"
    "    description: What is kept of the rows of a statement\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    required: [columns]\n"
    "    properties:\n"
    "      columns: {type: array, items: {type: string, minLength: 1, maxLength: 63}, uniqueItems: true, minItems: 1, "
    "maxItems: 64}\n"
    "      rows: {type: integer, minimum: 1, maximum: 1000}\n"
    "      bytes: " SQL_BYTES_SCHEMA "\n";

static const char *input_problem(const json_t *input)
{
	if (!text_is(json_get_text(input, "type"), "object"))
		return "/input/type: must be object";
	if (!json_is_false(json_object_get(input, "additionalProperties")))
		return "/input/additionalProperties: must be false, so that nothing unknown reaches the backend";
	const json_t *properties = json_object_get(input, "properties");
	if (properties != NULL && !json_is_object(properties))
		return "/input/properties: must be an object";
	return NULL;
}

/* An object, which is all that clients of the revisions before 2026-07-28 know. */
static const char *load_output(struct loading *l, struct tool *tool)
{
	const char *problem;

	tool->output = json_object_get(l->document, "output");
	if (tool->output == NULL)
		return NULL;
	if (!text_is(json_get_text(tool->output, "type"), "object"))
		return "/output/type: must be object";
	tool->structured = loading_compile(l, "/output", tool->output, &problem);
	return problem;
}

static const char *load_headers(struct loading *l, struct tool *tool)
{
	struct tool_headers headers;
	const char *problem = tool_headers_load(l, tool->input, &headers);

	if (problem == NULL && headers.count > 0)
		tool->headers = memcpy(h2o_mem_alloc_pool(l->pool, sizeof(headers)), &headers, sizeof(headers));
	return problem;
}

static enum tool_task task_of(h2o_iovec_t name)
{
	if (name.base == NULL)
		return TASK_NEVER;
	return text_is(name, "required") ? TASK_REQUIRED : TASK_POSSIBLE;
}

static const char *load_tool(struct loading *l, struct item *item)
{
	struct tool *tool = (struct tool *)item;
	const char *problem;

	item->kind = ITEM_TOOL;
	item->key = item->name;
	tool->task = task_of(json_get_text(l->document, "task"));
	item->tier = tier_of(json_get_text(l->document, "tier"));
	item->sends = config_bool(l->document, "open_world", false);
	problem = approval_file_read(l, tool);
	if (problem == NULL)
		tool->authentication = authentication_file_read(l, &problem);
	tool->input = json_object_get(l->document, "input");
	l->names = json_object_get(tool->input, "properties");
	if (problem == NULL)
		problem = input_problem(tool->input);
	if (problem == NULL)
		item->arguments = loading_compile(l, "/input", tool->input, &problem);
	if (problem == NULL)
		problem = load_headers(l, tool);
	if (problem == NULL)
		problem = guards_file_load(l, tool);
	return problem != NULL ? problem : load_output(l, tool);
}

/* Hints only: no client may rely on them, and this server does not. What the tier does not say, the file may. */
static json_t *annotations_of(const struct item *item, const json_t *document)
{
	json_t *hints = json_pack("{s:s, s:b, s:b}", "title", item->title, "readOnlyHint", item->tier == TIER_READ,
	                          "destructiveHint", item->tier == TIER_DESTROY);
	const json_t *idempotent = json_object_get(document, "idempotent");

	if (idempotent != NULL)
		json_object_set_new(hints, "idempotentHint", json_boolean(json_is_true(idempotent)));
	json_object_set_new(hints, "openWorldHint", json_boolean(config_bool(document, "open_world", false)));
	return hints;
}

static const char *finish_tool(struct loading *l, struct item *item)
{
	const struct tool *tool = (const struct tool *)item;
	json_t *listed = json_pack("{s:s, s:s, s:s, s:O}", "name", item->name, "title", item->title, "description",
	                           item->description, "inputSchema", (json_t *)tool->input);

	if (tool->output != NULL)
		json_object_set(listed, "outputSchema", (json_t *)tool->output);
	json_object_set_new(listed, "annotations", annotations_of(item, l->document));
	item->listed = loading_keep_text(l, listed);
	return NULL;
}

const struct item_file TOOL_FILE = {
    .what = "tool",
    .kinds = 1 << ITEM_TOOL,
    .size = sizeof(struct tool),
    .schema = SCHEMA,
    .load = load_tool,
    .finish = finish_tool,
};
