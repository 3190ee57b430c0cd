/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the file. It never waits and asks nobody; arguments are only ever filled into texts. */
#include <string.h>

#include "common/config.h"
#include "mcp/call/answer.h"
#include "mcp/backend/backends.h"
#include "mcp/catalogue/content.h"
#include "mcp/catalogue/fill.h"
#include "mcp/catalogue/loading_data.h"
#include "mcp/protocol/resources.h"
#include "mcp/guard/untrusted.h"

enum { RESOURCE_TTL_MS = 60 * 1000 };

static const char SCHEMA[] =
    "type: object\n"
    "additionalProperties: false\n"
    "$defs:\n"
    "  text: {type: string, minLength: 1, maxLength: 1000000}\n"
    "  base64: {type: string, minLength: 1, maxLength: 1400000}\n"
    "  file: {description: 'Beside this file, or below', type: string, minLength: 1, maxLength: 1024}\n"
    "  annotations:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      audience: {type: array, items: {enum: [user, assistant]}, uniqueItems: true, minItems: 1}\n"
    "      priority: {type: number, minimum: 0, maximum: 1}\n"
    "      lastModified: {type: string, format: date-time}\n"
    "  block:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      type: {enum: [text, image, audio, resource, resource_link]}\n"
    "      text: {$ref: '#/properties/static/$defs/text'}\n"
    "      data: {description: base64, $ref: '#/properties/static/$defs/base64'}\n"
    "      base64: {$ref: '#/properties/static/$defs/base64'}\n"
    "      file: {$ref: '#/properties/static/$defs/file'}\n"
    "      uri: {description: May have expressions of RFC 6570, type: string, minLength: 1, maxLength: 512}\n"
    "      name: {type: string, minLength: 1, maxLength: 200}\n"
    "      title: {type: string, minLength: 1, maxLength: 200}\n"
    "      description: {type: string, minLength: 1, maxLength: 4000}\n"
    "      mime_type: {type: string, pattern: '^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+(; ?[A-Za-z0-9=_.-]+)*$', "
    "maxLength: 200}\n"
    "      annotations: {$ref: '#/properties/static/$defs/annotations'}\n"
    "properties:\n"
    "  content:\n"
    "    description: Of a tool's result\n"
    "    type: array\n"
    "    items: {$ref: '#/properties/static/$defs/block', required: [type]}\n"
    "    maxItems: 100\n"
    "  structured: {description: structuredContent of a tool's result, type: object}\n"
    "  error: {description: The tool's result tells a problem, type: boolean}\n"
    "  messages:\n"
    "    description: 'Of a prompt; {{name}} stands for an argument'\n"
    "    type: array\n"
    "    minItems: 1\n"
    "    maxItems: 100\n"
    "    items:\n"
    "      type: object\n"
    "      additionalProperties: false\n"
    "      required: [role]\n"
    "      minProperties: 2\n"
    "      maxProperties: 2\n"
    "      properties:\n"
    "        role: {enum: [user, assistant]}\n"
    "        text: {$ref: '#/properties/static/$defs/text'}\n"
    "        image: {$ref: '#/properties/static/$defs/block'}\n"
    "        audio: {$ref: '#/properties/static/$defs/block'}\n"
    "        resource: {$ref: '#/properties/static/$defs/block'}\n"
    "        resource_link: {$ref: '#/properties/static/$defs/block'}\n"
    "  text:\n"
    "    description: 'Of a resource; in one of a template {{name}} stands for a variable'\n"
    "    $ref: '#/properties/static/$defs/text'\n"
    "  file: {description: Of a resource, $ref: '#/properties/static/$defs/file'}\n"
    "  base64: {description: Of a resource, $ref: '#/properties/static/$defs/base64'}\n";

struct static_plan {
	const struct content *content; /* tool, prompt */
	h2o_iovec_t copy;              /* tool: in place of content, structured as text */
	h2o_iovec_t structured;        /* tool */
	bool is_error;
	const struct fill *text; /* resource: this, or */
	bool is_json;            /* the text */
	h2o_iovec_t data;        /* this */
};

/* ---- load ---- */

/* Which members an item of this kind may have. */
static const char *members_problem(h2o_mem_pool_t *pool, const json_t *part, enum item_kind kind)
{
	static const char *const MEMBERS[ITEM_KINDS] = {"content structured error", "text file base64",
	                                                "text file base64", "messages"};
	const char *name;
	json_t *member;

	json_object_foreach ((json_t *)part, name, member) {
		h2o_iovec_t rest = text_of(MEMBERS[kind]);
		bool found = false;
		while (rest.base != NULL && !found)
			found = text_is(text_cut(&rest, ' '), name);
		if (!found)
			return text_printf(pool, "/static/%s: has no place in the file of a %s", name,
			                   item_kind_name(kind));
	}
	return NULL;
}

static const char *load_tool(struct loading *l, const json_t *part, struct static_plan *plan)
{
	const json_t *structured = json_object_get(part, "structured");
	const char *problem;

	if (json_object_get(part, "content") == NULL && structured == NULL)
		return "/static: must have content or structured";
	plan->content = content_load_blocks(l, "/static/content", json_object_get(part, "content"), NULL, &problem);
	plan->is_error = config_bool(part, "error", false);
	if (structured != NULL)
		plan->structured = json_text(l->pool, structured);
	if (json_object_get(part, "content") == NULL)
		plan->copy = answer_text_content(l->pool, plan->structured);
	return problem;
}

static const char *load_prompt(struct loading *l, const json_t *part, struct static_plan *plan)
{
	const char *problem;

	if (json_object_get(part, "messages") == NULL)
		return "/static: must have messages";
	plan->content =
	    content_load_messages(l, "/static/messages", json_object_get(part, "messages"), l->names, &problem);
	return problem;
}

/* Data is text where its media type says so or, without one, where it can be. */
static const char *take_file(struct loading *l, const char *path, const char *mime_type, struct static_plan *plan)
{
	const char *problem;
	h2o_iovec_t data = loading_read_file(l, path, &problem);

	if (problem != NULL)
		return text_printf(l->pool, "/static/file: %s", problem);
	bool is_text = mime_type != NULL ? loading_is_text_type(mime_type) : text_is_utf8(data);
	if (is_text && !text_is_utf8(data))
		return "/static/file: is not UTF-8, as its media type wants it";
	if (is_text)
		plan->text = fill_plain(l->pool, data);
	else
		plan->data = data;
	return NULL;
}

static const char *load_resource(struct loading *l, const json_t *part, struct item *item, struct static_plan *plan)
{
	struct resource *resource = (struct resource *)item;
	h2o_iovec_t text = json_get_text(part, "text"), base64 = json_get_text(part, "base64");
	const char *path = json_get_text(part, "file").base, *problem = NULL;

	if (json_object_size(part) != 1)
		return "/static: must have one of text, file and base64";
	plan->is_json = resource->mime_type != NULL && loading_is_json_type(resource->mime_type);
	if (text.base != NULL && l->names != NULL)
		plan->text = fill_compile(l->pool, text, l->names, &problem);
	else if (text.base != NULL)
		plan->text = fill_plain(l->pool, text);
	else if (base64.base != NULL)
		plan->data = loading_read_base64(l, base64, &problem);
	else
		return take_file(l, path, resource->mime_type, plan);
	if (problem == NULL)
		return NULL;
	return text_printf(l->pool, "/static/%s: %s", text.base != NULL ? "text" : "base64", problem);
}

/* Known where nothing is filled in. */
static int64_t size_of(h2o_mem_pool_t *pool, const struct static_plan *plan)
{
	struct text_buffer b = {.pool = pool};

	if (plan->text == NULL)
		return (int64_t)plan->data.len;
	if (fill_has_arguments(plan->text))
		return -1;
	fill_append(&b, plan->text, NULL, NULL);
	return (int64_t)b.len;
}

static const char *load(struct loading *l, const json_t *part, struct item *item)
{
	struct static_plan *plan = h2o_mem_alloc_pool(l->pool, sizeof(*plan));
	const char *problem = members_problem(l->pool, part, item->kind);

	*plan = (struct static_plan){.is_error = false};
	item->plan = plan;
	if (problem != NULL)
		return problem;
	switch (item->kind) {
	case ITEM_TOOL: return load_tool(l, part, plan);
	case ITEM_PROMPT: return load_prompt(l, part, plan);
	default: problem = load_resource(l, part, item, plan);
	}
	if (problem == NULL)
		((struct resource *)item)->size = size_of(l->pool, plan);
	return problem;
}

/* ---- run ---- */

static void fill_resource(struct request *r, const struct static_plan *plan, struct outcome *outcome)
{
	struct text_buffer b = {.pool = &r->pool};

	if (plan->text == NULL) {
		resources_data_outcome(r, plan->data, outcome);
	} else {
		if (plan->is_json)
			fill_append_json(&b, plan->text, call_of(r)->arguments);
		else
			fill_append(&b, plan->text, call_of(r)->arguments, NULL);
		resources_text_outcome(r, h2o_iovec_init(b.base, b.len), NULL, outcome);
	}
	outcome->ttl_ms = RESOURCE_TTL_MS;
}

static step_result run(struct request *r)
{
	const struct static_plan *plan = call_of(r)->plan;
	const struct item *item = call_of(r)->item;
	struct outcome outcome = {.structured = plan->structured, .is_error = plan->is_error, .rows = 1};

	if (item->kind == ITEM_RESOURCE || item->kind == ITEM_TEMPLATE) {
		fill_resource(r, plan, &outcome);
	} else {
		outcome.content = plan->copy;
		if (plan->copy.base == NULL)
			outcome.content = content_text(&r->pool, plan->content, call_of(r)->arguments, item->untrusted);
		if (item->untrusted)
			outcome.meta = text_of(UNTRUSTED_META);
	}
	if (outcome.content.len > 2 * CONTENT_SIZE_MAX)
		return answer_problem(r, "The result is too large.");
	return answer_outcome(r, &outcome);
}

const struct backend BACKEND_STATIC = {
    .name = "static",
    .schema = SCHEMA,
    .kinds = 1 << ITEM_TOOL | 1 << ITEM_RESOURCE | 1 << ITEM_TEMPLATE | 1 << ITEM_PROMPT,
    .load = load,
    .run = run,
};
