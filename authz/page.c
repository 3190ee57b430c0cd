/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/page.h"

#include <h2o/file.h>
#include <stdlib.h>
#include <string.h>

#include "common/encoding.h"
#include "common/secret.h"

enum { DEPTH_MAX = 16, FILE_SIZE_MAX = 256 * 1024 };

enum node_kind { NODE_TEXT, NODE_VALUE, NODE_SECTION, NODE_INVERTED };
struct node {
	enum node_kind kind;
	h2o_iovec_t text; /* NODE_TEXT; in the pages' pool */
	const char *name; /* the others */
	size_t end;       /* sections: index behind their last node */
};
struct page {
	struct node *nodes;
	size_t count, capacity;
};

static const char *const PAGE_NAMES[] = {"sign_in", "consent", "error"};
enum { PAGE_COUNT = sizeof(PAGE_NAMES) / sizeof(PAGE_NAMES[0]) };

struct pages {
	struct page page[PAGE_COUNT];
	h2o_iovec_t style;
	const char *style_version;
};

struct compiler {
	h2o_mem_pool_t *pool;
	struct page *page;
	const char *error;
	const char *content_file; /* what {{>content}} stands for; NULL where it may not stand */
	h2o_iovec_t content;
};

struct source {
	const char *file;
	h2o_iovec_t text;
	const char *at; /* how far it was read */
};

static bool refuse(struct compiler *c, const struct source *s, const char *problem)
{
	size_t line = 1;
	for (const char *p = s->text.base; p < s->at; p++)
		line += *p == '\n';
	c->error = text_printf(c->pool, "%s:%zu: %s", s->file, line, problem);
	return false;
}

static struct node *add_node(struct compiler *c, enum node_kind kind)
{
	struct page *page = c->page;
	if (page->count == page->capacity) {
		size_t capacity = page->capacity == 0 ? 64 : 2 * page->capacity;
		struct node *nodes = h2o_mem_alloc_pool(c->pool, capacity * sizeof(*nodes));
		if (page->count > 0)
			memcpy(nodes, page->nodes, page->count * sizeof(*nodes));
		page->nodes = nodes;
		page->capacity = capacity;
	}
	page->nodes[page->count] = (struct node){.kind = kind};
	return &page->nodes[page->count++];
}

static bool is_name(h2o_iovec_t name)
{
	if (text_is(name, "."))
		return true;
	for (size_t i = 0; i < name.len; i++)
		if ((name.base[i] < 'a' || name.base[i] > 'z') && name.base[i] != '_')
			return false;
	return name.len > 0;
}

static bool compile_source(struct compiler *c, struct source *s);

static bool compile_content(struct compiler *c, const struct source *s, h2o_iovec_t name)
{
	if (!text_is(name, "content") || c->content_file == NULL)
		return refuse(c, s, "only {{>content}} can be included, once, in the layout");
	struct source inner = {c->content_file, c->content, c->content.base};
	c->content_file = NULL;
	return compile_source(c, &inner);
}

/* The sections that are open in one file. */
struct open_sections {
	size_t nodes[DEPTH_MAX];
	size_t depth;
};

static bool open_section(struct compiler *c, const struct source *s, struct open_sections *open, enum node_kind kind,
                         h2o_iovec_t name)
{
	if (open->depth == DEPTH_MAX)
		return refuse(c, s, "sections are nested too deep");
	open->nodes[open->depth++] = c->page->count;
	add_node(c, kind)->name = text_copy(c->pool, name);
	return true;
}

static bool close_section(struct compiler *c, const struct source *s, struct open_sections *open, h2o_iovec_t name)
{
	if (open->depth == 0)
		return refuse(c, s, "a section is closed that was not opened");
	struct node *node = &c->page->nodes[open->nodes[--open->depth]];
	if (!text_is(name, node->name))
		return refuse(c, s, "another section must be closed first");
	node->end = c->page->count;
	return true;
}

static bool compile_tag(struct compiler *c, const struct source *s, struct open_sections *open, h2o_iovec_t tag)
{
	char sigil = tag.len > 0 ? tag.base[0] : '\0';
	if (sigil == '!')
		return true;
	bool has_sigil = sigil != '\0' && strchr("#^/>", sigil) != NULL;
	h2o_iovec_t name = text_trim(has_sigil ? h2o_iovec_init(tag.base + 1, tag.len - 1) : tag);
	if (!is_name(name)) /* {{{x}}} and {{&x}} too: there is no way round the escaping */
		return refuse(c, s, "a tag holds one name of a-z and _");
	switch (has_sigil ? sigil : '\0') {
	case '#': return open_section(c, s, open, NODE_SECTION, name);
	case '^': return open_section(c, s, open, NODE_INVERTED, name);
	case '/': return close_section(c, s, open, name);
	case '>': return compile_content(c, s, name);
	default: add_node(c, NODE_VALUE)->name = text_copy(c->pool, name); return true;
	}
}

static const char *find_pair(const char *from, const char *end, char c)
{
	for (; from + 1 < end; from++)
		if (from[0] == c && from[1] == c)
			return from;
	return NULL;
}

static bool compile_source(struct compiler *c, struct source *s)
{
	struct open_sections open = {.depth = 0};
	const char *end = s->text.base + s->text.len;
	while (s->at < end) {
		const char *tag = find_pair(s->at, end, '{');
		const char *text_end = tag != NULL ? tag : end;
		if (text_end > s->at)
			add_node(c, NODE_TEXT)->text = h2o_iovec_init(s->at, (size_t)(text_end - s->at));
		s->at = text_end;
		if (tag == NULL)
			break;
		const char *tag_end = find_pair(tag, end, '}');
		if (tag_end == NULL)
			return refuse(c, s, "a tag is not closed");
		h2o_iovec_t inner = h2o_iovec_init(tag + 2, (size_t)(tag_end - tag - 2));
		if (!compile_tag(c, s, &open, text_trim(inner)))
			return false;
		s->at = tag_end + 2;
	}
	return open.depth == 0 || refuse(c, s, "a section is not closed");
}

/* NUL-terminated copy of a file; {NULL, 0} and *error if it cannot be read. */
static h2o_iovec_t read_file(h2o_mem_pool_t *pool, const char *file, const char **error)
{
	h2o_iovec_t none = {NULL, 0};
	h2o_iovec_t raw = h2o_file_read(file);
	if (raw.base == NULL) {
		*error = text_printf(pool, "%s: cannot be read", file);
		return none;
	}
	h2o_iovec_t text = {text_copy(pool, raw), raw.len};
	free(raw.base);
	if (text.len > FILE_SIZE_MAX || !text_is_utf8(text)) {
		*error = text_printf(pool, "%s: is not UTF-8 text of at most 256 KiB", file);
		return none;
	}
	return text;
}

static bool compile_page(h2o_mem_pool_t *pool, struct page *page, const char *folder, const char *name,
                         const char **error)
{
	struct source layout = {.file = text_printf(pool, "%s/layout.html", folder)};
	struct compiler c = {.pool = pool, .page = page};
	c.content_file = text_printf(pool, "%s/%s.html", folder, name);
	layout.text = read_file(pool, layout.file, error);
	if (layout.text.base == NULL)
		return false;
	c.content = read_file(pool, c.content_file, error);
	if (c.content.base == NULL)
		return false;
	layout.at = layout.text.base;
	if (compile_source(&c, &layout) && c.content_file != NULL)
		refuse(&c, &layout, "{{>content}} is missing");
	*error = c.error;
	return c.error == NULL;
}

struct pages *pages_open(h2o_mem_pool_t *pool, const char *folder, const char **error)
{
	struct pages *pages = h2o_mem_alloc_pool(pool, sizeof(*pages));
	memset(pages, 0, sizeof(*pages));
	for (size_t i = 0; i < PAGE_COUNT; i++)
		if (!compile_page(pool, &pages->page[i], folder, PAGE_NAMES[i], error))
			return NULL;
	pages->style = read_file(pool, text_printf(pool, "%s/style.css", folder), error);
	if (pages->style.base == NULL)
		return NULL;
	uint8_t digest[SHA256_SIZE];
	sha256(pages->style, digest);
	pages->style_version = base64url_encode(pool, digest, 12).base;
	return pages;
}

/* What names are looked up in, innermost last. */
struct context {
	const json_t *items[DEPTH_MAX * 2 + 1]; /* the layout's sections and the page's */
	size_t depth;
};

static const json_t *look_up(const struct context *context, const char *name)
{
	if (strcmp(name, ".") == 0)
		return context->items[context->depth - 1];
	for (size_t i = context->depth; i > 0; i--) {
		const json_t *value = json_object_get(context->items[i - 1], name);
		if (value != NULL)
			return value;
	}
	return NULL;
}

static bool stands(const json_t *value)
{
	switch (value == NULL ? JSON_NULL : json_typeof(value)) {
	case JSON_NULL:
	case JSON_FALSE: return false;
	case JSON_STRING: return json_string_length(value) > 0;
	case JSON_ARRAY: return json_array_size(value) > 0;
	default: return true;
	}
}

static void append_value(struct text_buffer *out, const json_t *value)
{
	if (json_is_string(value))
		text_append_html(out, h2o_iovec_init(json_string_value(value), json_string_length(value)));
	else if (json_is_integer(value))
		text_append_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

static void render(struct text_buffer *out, const struct page *page, size_t from, size_t to, struct context *context);

static void render_section(struct text_buffer *out, const struct page *page, size_t at, struct context *context)
{
	const struct node *node = &page->nodes[at];
	const json_t *value = look_up(context, node->name);
	bool inverted = node->kind == NODE_INVERTED;
	if (stands(value) == inverted)
		return;
	size_t times = json_is_array(value) && !inverted ? json_array_size(value) : 1;
	for (size_t i = 0; i < times; i++) {
		const json_t *item = json_is_array(value) && !inverted ? json_array_get(value, i) : value;
		context->items[context->depth++] = inverted ? NULL : item;
		render(out, page, at + 1, node->end, context);
		context->depth--;
	}
}

static void render(struct text_buffer *out, const struct page *page, size_t from, size_t to, struct context *context)
{
	for (size_t i = from; i < to;) {
		const struct node *node = &page->nodes[i];
		switch (node->kind) {
		case NODE_TEXT: text_append_iovec(out, node->text); break;
		case NODE_VALUE: append_value(out, look_up(context, node->name)); break;
		case NODE_SECTION:
		case NODE_INVERTED:
			render_section(out, page, i, context);
			i = node->end;
			continue;
		}
		i++;
	}
}

h2o_iovec_t page_render(const struct pages *pages, h2o_mem_pool_t *pool, const char *name, const json_t *data)
{
	for (size_t i = 0; i < PAGE_COUNT; i++) {
		if (strcmp(PAGE_NAMES[i], name) != 0)
			continue;
		struct text_buffer out = {.pool = pool};
		struct context context = {{data}, 1};
		render(&out, &pages->page[i], 0, pages->page[i].count, &context);
		return h2o_iovec_init(out.base, out.len);
	}
	h2o_fatal("a page that does not exist");
}

h2o_iovec_t pages_style(const struct pages *pages)
{
	return pages->style;
}

const char *pages_style_version(const struct pages *pages)
{
	return pages->style_version;
}
