/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/tool_headers.h"

#include <string.h>

#include "mcp/protocol/header_value.h"

#define KEYWORD "x-mcp-header"

enum { PATH_MAX_LENGTH = 8 };

/* ---- load ---- */

struct walk { /* through an input schema */
	struct loading *l;
	struct tool_headers *headers;
	const char *path[PATH_MAX_LENGTH + 1];
	size_t depth; /* of the path */
};

static bool is_among(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static const char *place_of(const struct walk *w)
{
	struct text_buffer b = {.pool = w->l->pool};

	text_append_str(&b, "/input");
	for (size_t i = 0; i < w->depth; i++)
		text_append_printf(&b, "/properties/%s", w->path[i]);
	return b.base;
}

static const char *refuse(const struct walk *w, const char *problem)
{
	return text_printf(w->l->pool, "%s/" KEYWORD ": %s", place_of(w), problem);
}

static const char *add_header(struct walk *w, const json_t *property, h2o_iovec_t name)
{
	static const char *const TYPES[] = {"string", "integer", "boolean", NULL};
	struct tool_headers *headers = w->headers;
	const char *type = json_get_text(property, "type").base;

	if (!text_is_token(name) || name.len > TOOL_HEADER_NAME_MAX)
		return refuse(w, "must be a token of RFC 9110, of at most 64 characters");
	if (type == NULL || !is_among(type, TYPES))
		return refuse(w, "only a string, an integer or a boolean can stand in a header");
	if (headers->count == TOOL_HEADERS_MAX)
		return refuse(w, "is one too many");
	char *full = text_printf(w->l->pool, "mcp-param-%.*s", (int)name.len, name.base);
	h2o_strtolower(full, strlen(full));
	for (size_t i = 0; i < headers->count; i++)
		if (strcmp(headers->items[i].name, full) == 0)
			return refuse(w, "names a header that another property has");
	if (headers->count == 0) /* most tools have none */
		headers->items = h2o_mem_alloc_pool(w->l->pool, TOOL_HEADERS_MAX * sizeof(*headers->items));
	struct tool_header *header = &headers->items[headers->count++];
	header->name = full;
	header->path = h2o_mem_alloc_pool(w->l->pool, (w->depth + 1) * sizeof(*header->path));
	memcpy(header->path, w->path, w->depth * sizeof(*header->path));
	header->path[w->depth] = NULL;
	return NULL;
}

/* Where no chain of properties leads, there must be none. */
static bool has_annotation(const json_t *schema)
{
	static const char *const VALUES[] = {"const", "enum", "default", "examples", NULL};
	static const char *const MAPS[] = {"properties",  "patternProperties", "$defs",
	                                   "definitions", "dependentSchemas",  NULL};
	const char *keyword, *name;
	json_t *value, *member;
	size_t i;

	json_object_foreach ((json_t *)schema, keyword, value) {
		if (strcmp(keyword, KEYWORD) == 0)
			return true;
		if (is_among(keyword, VALUES))
			continue;
		bool is_map = is_among(keyword, MAPS);
		json_object_foreach (is_map ? value : NULL, name, member)
			if (has_annotation(member))
				return true;
		if (!is_map && has_annotation(value))
			return true;
	}
	json_array_foreach ((json_t *)schema, i, value)
		if (has_annotation(value))
			return true;
	return false;
}

static const char *walk_schema(struct walk *w, const json_t *schema);

static const char *walk_properties(struct walk *w, const json_t *properties)
{
	const char *name, *problem = NULL;
	json_t *property;

	json_object_foreach ((json_t *)properties, name, property) {
		if (w->depth == PATH_MAX_LENGTH) {
			problem = has_annotation(property) ? refuse(w, "stands too deep") : NULL;
		} else {
			w->path[w->depth++] = name;
			problem = walk_schema(w, property);
			w->depth--;
		}
		if (problem != NULL)
			return problem;
	}
	return NULL;
}

static const char *walk_schema(struct walk *w, const json_t *schema)
{
	const json_t *annotation = json_object_get(schema, KEYWORD),
		     *properties = json_object_get(schema, "properties");
	const char *problem = NULL;

	if (annotation != NULL && w->depth == 0)
		return refuse(w, "only a property can stand in a header");
	if (annotation != NULL && !json_is_string(annotation))
		return refuse(w, "must be a text");
	if (annotation != NULL)
		problem = add_header(w, schema, json_get_text(schema, KEYWORD));
	if (problem == NULL)
		problem = walk_properties(w, properties);
	if (problem != NULL)
		return problem;
	json_t *rest = json_copy((json_t *)schema);
	json_object_del(rest, KEYWORD);
	json_object_del(rest, "properties");
	bool elsewhere = has_annotation(rest);
	json_decref(rest);
	return elsewhere ? refuse(w, "stands where no chain of properties leads") : NULL;
}

const char *tool_headers_load(struct loading *l, const json_t *input, struct tool_headers *ret)
{
	struct walk walk = {.l = l, .headers = ret};

	*ret = (struct tool_headers){.count = 0};
	return walk_schema(&walk, input);
}

/* ---- comparison ---- */

static const json_t *find_argument(const json_t *arguments, const char *const *path)
{
	for (; *path != NULL; path++)
		arguments = json_object_get(arguments, *path);
	return arguments;
}

const char *tool_headers_problem(struct request *r, const struct tool_headers *headers, const json_t *arguments)
{
	for (size_t i = 0; i < headers->count; i++) {
		const struct tool_header *header = &headers->items[i];
		const json_t *argument = find_argument(arguments, header->path);
		bool repeats;
		h2o_iovec_t value = request_header(r, header->name, &repeats);

		if (argument == NULL || json_is_null(argument)) {
			if (value.base == NULL)
				continue;
			return text_printf(&r->pool, "The header %s has no argument in the body", header->name);
		}
		if (value.base == NULL)
			return text_printf(&r->pool, "The header %s is missing", header->name);
		h2o_iovec_t decoded = header_value_decode(&r->pool, text_trim(value));
		if (repeats || decoded.base == NULL)
			return text_printf(&r->pool, "The header %s is not well formed", header->name);
		if (!header_value_is(decoded, argument))
			return text_printf(&r->pool, "The header %s differs from the body", header->name);
	}
	return NULL;
}
