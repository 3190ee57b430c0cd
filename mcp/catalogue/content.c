/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/content.h"

#include <string.h>

#include "common/encoding.h"
#include "common/secret.h"
#include "mcp/catalogue/fill.h"
#include "mcp/catalogue/loading_data.h"
#include "mcp/guard/untrusted.h"
#include "mcp/catalogue/uri_template.h"

struct block {
	const char *role;    /* of a message; else NULL */
	h2o_iovec_t members; /* JSON of what never changes, without the braces: begins with the type */
	bool is_resource;    /* URI, text and the members below stand in its member `resource` */
	h2o_iovec_t of_resource;
	const struct uri_template *uri; /* NULL if there is none */
	const struct fill *text;        /* NULL if there is none */
};
struct content {
	struct block *blocks;
	size_t count;
};

/* ---- which members a block has ---- */

static const struct {
	const char *type;
	const char *needs[2];   /* all of them */
	const char *sources[3]; /* one of them */
	const char *takes[5];   /* any of them, and annotations */
} SHAPES[] = {
    {"text", {"text"}, {NULL}, {NULL}},
    {"image", {"mime_type"}, {"data", "file"}, {NULL}},
    {"audio", {"mime_type"}, {"data", "file"}, {NULL}},
    {"resource", {"uri"}, {"text", "file", "base64"}, {"mime_type"}},
    {"resource_link", {"uri", "name"}, {NULL}, {"title", "description", "mime_type"}},
};
enum { SHAPE_COUNT = sizeof(SHAPES) / sizeof(SHAPES[0]) };

static size_t shape_of(const char *type)
{
	size_t i = 0;

	while (i < SHAPE_COUNT - 1 && strcmp(SHAPES[i].type, type) != 0)
		i++;
	return i;
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count && names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static const char *shape_problem(h2o_mem_pool_t *pool, const json_t *block, size_t shape)
{
	size_t sources = 0, wanted = 0;
	const char *name;
	json_t *member;

	json_object_foreach ((json_t *)block, name, member) {
		bool needs = is_among(name, SHAPES[shape].needs, 2), source = is_among(name, SHAPES[shape].sources, 3);
		sources += source;
		if (!needs && !source && strcmp(name, "type") != 0 && strcmp(name, "annotations") != 0 &&
		    !is_among(name, SHAPES[shape].takes, 5))
			return text_printf(pool, "/%s: has no place in content of type %s", name, SHAPES[shape].type);
	}
	for (; wanted < 2 && SHAPES[shape].needs[wanted] != NULL; wanted++)
		if (json_object_get(block, SHAPES[shape].needs[wanted]) == NULL)
			return text_printf(pool, ": must have %s", SHAPES[shape].needs[wanted]);
	if (SHAPES[shape].sources[0] != NULL && sources != 1)
		return text_printf(pool, ": must have one of %s, %s%s", SHAPES[shape].sources[0],
		                   SHAPES[shape].sources[1], SHAPES[shape].sources[2] != NULL ? ", base64" : "");
	return NULL;
}

/* ---- reading ---- */

static void append_member(struct text_buffer *b, const char *name, h2o_iovec_t text)
{
	if (text.base == NULL)
		return;
	text_append_printf(b, "%s\"%s\":", b->len > 0 ? "," : "", name);
	text_append_json(b, text);
}

bool content_uri_has_scheme(h2o_iovec_t uri)
{
	size_t len = 0;

	while (len < uri.len && ((uri.base[len] >= 'a' && uri.base[len] <= 'z') ||
	                         (len > 0 && ((uri.base[len] >= '0' && uri.base[len] <= '9') ||
	                                      memchr("+.-", uri.base[len], 3) != NULL))))
		len++;
	return len > 0 && len < uri.len && uri.base[len] == ':';
}

static const char *read_uri(struct loading *l, h2o_iovec_t text, const json_t *names, struct block *block)
{
	const char *problem = NULL;

	block->uri = uri_template_compile(l->pool, text, &problem);
	if (block->uri == NULL)
		return text_printf(l->pool, "/uri: %s", problem);
	for (size_t i = 0; i < uri_template_variable_count(block->uri); i++)
		if (json_object_get(names, uri_template_variable(block->uri, i)) == NULL)
			return text_printf(l->pool, "/uri: has {%s}, which is no argument",
			                   uri_template_variable(block->uri, i));
	/* an expression at the beginning can bring the scheme */
	if (text.base[0] != '{' && !content_uri_has_scheme(text))
		return "/uri: must begin with a scheme in lower case";
	return NULL;
}

static const char *read_text(struct loading *l, h2o_iovec_t text, const json_t *names, struct block *block)
{
	const char *problem = NULL;

	block->text = names != NULL ? fill_compile(l->pool, text, names, &problem) : fill_plain(l->pool, text);
	return problem != NULL ? text_printf(l->pool, "/text: %s", problem) : NULL;
}

/* Data of the block, wherever it is. */
static const char *read_data(struct loading *l, const json_t *block, h2o_iovec_t *ret)
{
	const char *from = json_object_get(block, "file") != NULL   ? "file"
	                   : json_object_get(block, "data") != NULL ? "data"
	                                                            : "base64";
	const char *problem = NULL;
	h2o_iovec_t text = json_get_text(block, from);

	*ret = strcmp(from, "file") == 0 ? loading_read_file(l, text.base, &problem)
	                                 : loading_read_base64(l, text, &problem);
	return problem != NULL ? text_printf(l->pool, "/%s: %s", from, problem) : NULL;
}

static const char *read_media(struct loading *l, const json_t *json, struct text_buffer *members)
{
	h2o_iovec_t data;
	const char *problem = read_data(l, json, &data);

	if (problem != NULL)
		return problem;
	append_member(members, "data", base64_encode(l->pool, data.base, data.len));
	append_member(members, "mimeType", json_get_text(json, "mime_type"));
	return NULL;
}

/* The contents of an embedded resource: its text, or its data as the type says. */
static const char *read_resource(struct loading *l, const json_t *json, const json_t *names, struct block *block)
{
	struct text_buffer b = {.pool = l->pool};
	h2o_iovec_t type = json_get_text(json, "mime_type"), data;
	const char *problem;

	block->is_resource = true;
	append_member(&b, "mimeType", type);
	if (json_object_get(json, "text") != NULL) {
		problem = read_text(l, json_get_text(json, "text"), names, block);
	} else {
		problem = read_data(l, json, &data);
		if (problem == NULL && type.base != NULL && loading_is_text_type(type.base) && !text_is_utf8(data))
			problem = ": is not UTF-8, as its media type wants it";
		if (problem == NULL && type.base != NULL && loading_is_text_type(type.base))
			block->text = fill_plain(l->pool, data);
		else if (problem == NULL)
			append_member(&b, "blob", base64_encode(l->pool, data.base, data.len));
	}
	block->of_resource = h2o_iovec_init(b.base, b.len);
	return problem;
}

static void read_annotations(struct loading *l, const json_t *json, struct text_buffer *members)
{
	const json_t *annotations = json_object_get(json, "annotations");

	if (annotations == NULL)
		return;
	text_append_str(members, ",\"annotations\":");
	text_append_iovec(members, json_text(l->pool, annotations));
}

/* NULL, or a problem that begins with the place in the block. */
static const char *read_block(struct loading *l, const json_t *json, const char *type, const json_t *names,
                              struct block *block)
{
	struct text_buffer members = {.pool = l->pool};
	size_t shape = shape_of(type);
	const char *problem = shape_problem(l->pool, json, shape);

	append_member(&members, "type", text_of(SHAPES[shape].type));
	if (problem == NULL && json_object_get(json, "uri") != NULL)
		problem = read_uri(l, json_get_text(json, "uri"), names, block);
	if (problem != NULL)
		return problem;
	if (strcmp(type, "text") == 0)
		problem = read_text(l, json_get_text(json, "text"), names, block);
	else if (strcmp(type, "resource") == 0)
		problem = read_resource(l, json, names, block);
	else if (strcmp(type, "resource_link") != 0)
		problem = read_media(l, json, &members);
	if (strcmp(type, "resource_link") == 0) {
		append_member(&members, "name", json_get_text(json, "name"));
		append_member(&members, "title", json_get_text(json, "title"));
		append_member(&members, "description", json_get_text(json, "description"));
		append_member(&members, "mimeType", json_get_text(json, "mime_type"));
	}
	read_annotations(l, json, &members);
	block->members = h2o_iovec_init(members.base, members.len);
	return problem;
}

static struct content *make_content(struct loading *l, const json_t *array)
{
	struct content *content = h2o_mem_alloc_pool(l->pool, sizeof(*content));
	size_t size = (json_array_size(array) + 1) * sizeof(*content->blocks);

	*content = (struct content){.blocks = h2o_mem_alloc_pool(l->pool, size), .count = json_array_size(array)};
	memset(content->blocks, 0, size);
	return content;
}

const struct content *content_load_blocks(struct loading *l, const char *place, const json_t *blocks,
                                          const json_t *names, const char **problem)
{
	struct content *content = make_content(l, blocks);

	*problem = NULL;
	for (size_t i = 0; i < content->count; i++) {
		const json_t *json = json_array_get(blocks, i);
		const char *what = read_block(l, json, json_get_text(json, "type").base, names, &content->blocks[i]);
		if (what == NULL)
			continue;
		*problem = text_printf(l->pool, "%s/%zu%s", place, i, what);
		return NULL;
	}
	return content;
}

/* {role: user, text: ...} and {role: user, image: {...}}, as its schema has it: role and one more member. */
static const char *read_message(struct loading *l, const json_t *json, const json_t *names, struct block *block)
{
	const char *name, *problem;
	json_t *member;

	block->role = json_get_text(json, "role").base;
	json_object_foreach ((json_t *)json, name, member) {
		if (strcmp(name, "role") == 0)
			continue;
		if (strcmp(name, "text") == 0)
			return read_block(l, json_keep(l->pool, json_pack("{s:O}", "text", member)), "text", names,
			                  block);
		problem = read_block(l, member, name, names, block);
		return problem != NULL ? text_printf(l->pool, "/%s%s", name, problem) : NULL;
	}
	return ": must have a role and one content";
}

const struct content *content_load_messages(struct loading *l, const char *place, const json_t *messages,
                                            const json_t *names, const char **problem)
{
	struct content *content = make_content(l, messages);

	*problem = NULL;
	for (size_t i = 0; i < content->count; i++) {
		const char *what = read_message(l, json_array_get(messages, i), names, &content->blocks[i]);
		if (what == NULL)
			continue;
		*problem = text_printf(l->pool, "%s/%zu%s", place, i, what);
		return NULL;
	}
	return content;
}

/* ---- writing ---- */

static void append_uri(struct text_buffer *b, const struct uri_template *uri, const json_t *arguments)
{
	h2o_iovec_t values[URI_TEMPLATE_VARIABLES_MAX];

	for (size_t i = 0; i < uri_template_variable_count(uri); i++)
		values[i] = json_get_text(arguments, uri_template_variable(uri, i));
	text_append_str(b, "\"uri\":");
	text_append_json(b, uri_template_expand(b->pool, uri, values));
}

static void append_text(struct text_buffer *b, const struct fill *fill, const json_t *arguments, bool untrusted)
{
	bool marked = untrusted && fill_has_arguments(fill);
	struct text_buffer text = {.pool = b->pool};

	if (marked)
		text_append_printf(&text, "%s\n", UNTRUSTED_NOTICE);
	fill_append(&text, fill, arguments, marked ? random_token(b->pool, "untrusted-") : NULL);
	text_append_str(b, "\"text\":");
	text_append_json(b, h2o_iovec_init(text.base, text.len));
}

static void append_block(struct text_buffer *b, const struct block *block, const json_t *arguments, bool untrusted)
{
	text_append_str(b, "{");
	text_append_iovec(b, block->members);
	text_append_str(b, block->is_resource ? ",\"resource\":{" : "");
	if (block->uri != NULL) {
		text_append_str(b, block->is_resource ? "" : ",");
		append_uri(b, block->uri, arguments);
	}
	if (block->of_resource.len > 0) {
		text_append_str(b, ",");
		text_append_iovec(b, block->of_resource);
	}
	if (block->text != NULL) {
		text_append_str(b, ",");
		append_text(b, block->text, arguments, untrusted);
	}
	text_append_str(b, block->is_resource ? "}}" : "}");
}

h2o_iovec_t content_text(h2o_mem_pool_t *pool, const struct content *content, const json_t *arguments, bool untrusted)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "[");
	for (size_t i = 0; i < content->count; i++) {
		const struct block *block = &content->blocks[i];
		text_append_str(&b, i > 0 ? "," : "");
		if (block->role != NULL)
			text_append_printf(&b, "{\"role\":\"%s\",\"content\":", block->role);
		append_block(&b, block, arguments, untrusted);
		text_append_str(&b, block->role != NULL ? "}" : "");
	}
	text_append_str(&b, "]");
	return h2o_iovec_init(b.base, b.len);
}
