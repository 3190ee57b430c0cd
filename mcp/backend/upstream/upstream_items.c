/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_items.h"

#include <string.h>

#include "common/encoding.h"
#include "common/secret.h"
#include "mcp/backend/backends.h"
#include "mcp/catalogue/catalogue.h"
#include "mcp/guard/untrusted.h"
#include "mcp/backend/upstream/upstream_live.h"
#include "mcp/backend/upstream/upstream_pins.h"
#include "mcp/backend/upstream/upstream_schema.h"

const char *upstream_items_key(h2o_mem_pool_t *pool, const struct upstream_file *file, const char *tool)
{
	return text_printf(pool, "%s%s", file->prefix, tool);
}

/* Texts are shown without what cannot be seen: approval has told of it. */
static const char *visible(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	return text.len > 0 ? text_copy(pool, untrusted_visible_text(pool, text)) : NULL;
}

static const char *title_of(h2o_mem_pool_t *pool, const json_t *definition, const char *key)
{
	const char *title = visible(pool, json_get_text(definition, "title"));

	if (title == NULL)
		title = visible(pool, json_get_text(json_object_get(definition, "annotations"), "title"));
	return title != NULL ? title : key;
}

/* What the tier says, not what the upstream does. */
static json_t *annotations_of(const struct item *item, const json_t *definition)
{
	const json_t *said = json_object_get(definition, "annotations");
	json_t *hints = json_pack("{s:s, s:b, s:b, s:b}", "title", item->title, "readOnlyHint", item->tier == TIER_READ,
	                          "destructiveHint", item->tier == TIER_DESTROY, "openWorldHint", 1);

	if (json_is_boolean(json_object_get(said, "idempotentHint")))
		json_object_set(hints, "idempotentHint", json_object_get(said, "idempotentHint"));
	return hints;
}

static void set_listed(struct loading *l, struct tool *tool, const json_t *definition, const char *digest)
{
	const struct item *item = &tool->item;
	json_t *listed = json_pack("{s:s, s:s, s:s, s:O}", "name", item->name, "title", item->title, "description",
	                           item->description, "inputSchema", (json_t *)tool->input);

	if (tool->output != NULL)
		json_object_set(listed, "outputSchema", (json_t *)tool->output);
	json_object_set_new(listed, "annotations", annotations_of(item, definition));
	json_object_set_new(listed, "_meta", json_pack("{s:s}", "sallyport/definition", digest));
	tool->item.listed = loading_keep_text(l, listed);
}

static const char *read_schemas(struct loading *l, struct tool *tool, const json_t *definition)
{
	const json_t *output = json_object_get(definition, "outputSchema");
	struct upstream_schema schema;

	upstream_schema_input(l->pool, json_object_get(definition, "inputSchema"), tool->item.tier != TIER_READ,
	                      &schema);
	if (schema.compiled == NULL)
		return text_printf(l->pool, "inputSchema%s%s", *schema.problem == '/' ? "" : ": ", schema.problem);
	tool->input = schema.offered;
	tool->item.arguments = schema.compiled;
	if (output == NULL)
		return NULL;
	upstream_schema_output(l->pool, output, &schema);
	if (schema.compiled == NULL)
		return text_printf(l->pool, "outputSchema%s%s", *schema.problem == '/' ? "" : ": ", schema.problem);
	tool->output = schema.offered;
	tool->structured = schema.compiled;
	return NULL;
}

static const char *set_plan(struct loading *l, const struct upstream_file *file, const struct upstream_rule *rule,
                            struct tool *tool, const json_t *definition)
{
	struct upstream_plan *plan = h2o_mem_alloc_pool(l->pool, sizeof(*plan));
	struct tool_headers *headers = h2o_mem_alloc_pool(l->pool, sizeof(*headers));
	const char *problem = tool_headers_load(l, tool->input, headers);

	*plan = (struct upstream_plan){
	    .upstream = file->name,
	    .reached = file->digest,
	    .tool = json_get_text(definition, "name").base,
	    .digest = pins_digest(l->pool, definition),
	    .untrusted = rule->untrusted,
	    .headers = headers->count > 0 ? headers : NULL,
	};
	tool->headers = plan->headers;
	tool->item.plan = plan;
	return problem != NULL ? text_printf(l->pool, "inputSchema%s", problem) : NULL;
}

/* Of all that decides what a call of it is: another digest is another item. */
static const char *digest_of(struct loading *l, const struct upstream_file *file, const struct item *item)
{
	const struct upstream_plan *plan = item->plan;
	struct text_buffer whole = {.pool = l->pool};
	uint8_t digest[SHA256_SIZE];

	text_append_printf(&whole, "%s %s %s %s %d %d %d %d", file->digest, plan->digest, item->key, item->scope,
	                   (int)item->tier, item->untrusted, item->acquirable, item->withheld);
	sha256(h2o_iovec_init(whole.base, whole.len), digest);
	return hex_encode(l->pool, digest, sizeof(digest));
}

struct item *upstream_items_make(struct loading *l, const struct upstream_file *file, const struct upstream_rule *rule,
                                 const json_t *definition, const char **problem)
{
	struct tool *tool = h2o_mem_alloc_pool(l->pool, sizeof(*tool));
	const char *name = json_get_text(definition, "name").base;
	const char *key = upstream_items_key(l->pool, file, name);

	*tool = (struct tool){.task = TASK_NEVER};
	struct item *item = &tool->item;
	item->kind = ITEM_TOOL;
	item->file = file->approved;
	item->key = item->name = key;
	item->title = title_of(l->pool, definition, key);
	item->description = visible(l->pool, json_get_text(definition, "description"));
	if (item->description == NULL)
		item->description = item->title;
	item->scope = rule->scope;
	item->tier = rule->tier;
	item->acquirable = rule->acquirable;
	item->untrusted = rule->untrusted;
	item->scan = rule->untrusted ? l->settings->guardrails.scan : SCAN_OFF;
	item->sends = item->tier != TIER_READ;
	tool->approval = l->settings->approval[item->tier];
	item->backend = &BACKEND_UPSTREAM;
	*problem = strlen(key) > ITEM_NAME_MAX ? "name: is too long behind the prefix" : NULL;
	if (*problem == NULL)
		*problem = read_schemas(l, tool, definition);
	if (*problem == NULL)
		*problem = set_plan(l, file, rule, tool, definition);
	if (*problem != NULL)
		return NULL;
	set_listed(l, tool, definition, pins_digest(l->pool, definition));
	return item;
}

/* ---- all ---- */

static void append_item(struct loading *l, struct item *item, size_t *capacity)
{
	struct catalogue *c = l->catalogue;

	if (c->count == *capacity) {
		*capacity = *capacity * 2 + 64;
		struct item **grown = h2o_mem_alloc_pool(l->pool, *capacity * sizeof(*grown));
		if (c->count > 0)
			memcpy(grown, c->items, c->count * sizeof(*grown));
		c->items = grown;
	}
	c->items[c->count++] = item;
}

/* As far as the upstream has said anything. */
static bool is_approved(const struct loading *l, const struct upstream_file *file, const char *tool, const char *digest)
{
	switch (upstream_live_compare(l->settings->upstream_live, file->name, file->digest, tool, digest)) {
	case LIVE_UNKNOWN:
	case LIVE_SAME: return true;
	default: return false;
	}
}

static bool load_upstream(struct loading *l, const struct upstream_file *file, size_t *capacity, const char **error)
{
	const char *problem, *name;
	const json_t *pins = pins_load(l->pool, file->approved, file->name, &problem);
	json_t *entry;

	if (pins == NULL) {
		*error = text_printf(l->pool, "%s: %s", file->approved, problem);
		return false;
	}
	json_object_foreach ((json_t *)pins, name, entry) {
		const struct upstream_rule *rule = upstream_file_rule(file, name);
		if (rule == NULL)
			continue;
		struct item *item = upstream_items_make(l, file, rule, json_object_get(entry, "definition"), &problem);
		if (item == NULL) {
			*error = text_printf(l->pool, "%s: /tools/%s/definition/%s", file->approved, name, problem);
			return false;
		}
		item->withheld = !is_approved(l, file, name, json_get_text(entry, "sha256").base);
		item->digest = digest_of(l, file, item);
		append_item(l, item, capacity);
	}
	return true;
}

bool upstream_items_load(struct loading *l, const char **error)
{
	size_t capacity = l->catalogue->count;

	if (l->settings->upstreams == NULL)
		return true;
	if (!upstream_files_load(l, l->settings->upstreams, error))
		return false;
	for (size_t i = 0; i < l->catalogue->upstream_count; i++)
		if (!load_upstream(l, l->catalogue->upstreams[i], &capacity, error))
			return false;
	return true;
}
