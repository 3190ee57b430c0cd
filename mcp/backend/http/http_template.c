/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/http/http_template.h"

#include <string.h>

#include "common/encoding.h"

enum { DECODINGS = 3 /* more than any service undoes */ };

struct piece {
	h2o_iovec_t text;     /* as it is, */
	const char *argument; /* then this one, if there is one */
};
struct http_template {
	struct piece *pieces;
	size_t count;
	const char **arguments;
	size_t argument_count;
};
struct http_path {
	const struct http_template **segments;
	size_t count;
};

/* ---- reading ---- */

static void add_piece(h2o_mem_pool_t *pool, struct http_template *t, struct text_buffer *literal, const char *argument)
{
	t->pieces[t->count++] = (struct piece){h2o_iovec_init(literal->base, literal->len), argument};
	*literal = (struct text_buffer){.pool = pool};
	if (argument != NULL)
		t->arguments[t->argument_count++] = argument;
}

/* The name between the brace at `at` and the next one; NULL and *problem. */
static const char *read_name(h2o_mem_pool_t *pool, h2o_iovec_t text, size_t at, const json_t *names,
                             const char **problem)
{
	const char *end = memchr(text.base + at, '}', text.len - at);
	const char *name = end != NULL
	                       ? text_copy(pool, h2o_iovec_init(text.base + at + 1, (size_t)(end - text.base) - at - 1))
	                       : NULL;

	if (name == NULL)
		*problem = "has { without }";
	else if (json_object_get(names, name) == NULL)
		*problem = text_printf(pool, "has {%.64s}, which is no argument", name);
	return *problem == NULL ? name : NULL;
}

const struct http_template *http_template_compile(h2o_mem_pool_t *pool, h2o_iovec_t text, const json_t *names,
                                                  const char **problem)
{
	struct http_template *t = h2o_mem_alloc_pool(pool, sizeof(*t));
	struct text_buffer literal = {.pool = pool};

	*problem = NULL;
	*t = (struct http_template){.count = 0};
	t->pieces = h2o_mem_alloc_pool(pool, (text.len / 2 + 2) * sizeof(*t->pieces));
	t->arguments = h2o_mem_alloc_pool(pool, (text.len / 2 + 2) * sizeof(*t->arguments));
	for (size_t at = 0; at < text.len; at++) {
		char c = text.base[at];
		bool twice = at + 1 < text.len && text.base[at + 1] == c;
		if (c == '{' && !twice) {
			const char *name = read_name(pool, text, at, names, problem);
			if (name == NULL)
				return NULL;
			add_piece(pool, t, &literal, name);
			at += strlen(name) + 1;
			continue;
		}
		if (c == '}' && !twice) {
			*problem = "has } without {";
			return NULL;
		}
		at += c == '{' || c == '}';
		text_append(&literal, &c, 1);
	}
	if (literal.len > 0)
		add_piece(pool, t, &literal, NULL);
	return t;
}

size_t http_template_argument_count(const struct http_template *t)
{
	return t->argument_count;
}

const char *http_template_argument(const struct http_template *t, size_t i)
{
	return t->arguments[i];
}

const char *http_template_whole(const struct http_template *t)
{
	return t->count == 1 && t->pieces[0].text.len == 0 ? t->pieces[0].argument : NULL;
}

/* ---- filling ---- */

static void append_encoded(struct text_buffer *b, h2o_iovec_t text, bool encodes)
{
	if (encodes)
		text_append_uri(b, text);
	else
		text_append_iovec(b, text);
}

static bool is_absent(const json_t *argument)
{
	return argument == NULL || json_is_null(argument);
}

bool http_template_append(struct text_buffer *b, const struct http_template *t, const json_t *arguments,
                          enum http_place place, const char **bad)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct piece *piece = &t->pieces[i];
		append_encoded(b, piece->text, place == HTTP_VALUE);
		const json_t *argument = piece->argument != NULL ? json_object_get(arguments, piece->argument) : NULL;
		if (is_absent(argument))
			continue;
		h2o_iovec_t text = json_scalar_text(b->pool, argument);
		if (text.base == NULL) {
			*bad = piece->argument;
			return false;
		}
		append_encoded(b, text, place != HTTP_PLAIN);
	}
	return true;
}

bool http_template_is_filled(const struct http_template *t, const json_t *arguments)
{
	for (size_t i = 0; i < t->argument_count; i++)
		if (is_absent(json_object_get(arguments, t->arguments[i])))
			return false;
	return true;
}

/* ---- paths ---- */

const struct http_path *http_path_compile(h2o_mem_pool_t *pool, h2o_iovec_t text, const json_t *names,
                                          const char **problem)
{
	struct http_path *path = h2o_mem_alloc_pool(pool, sizeof(*path));

	*problem = NULL;
	*path = (struct http_path){h2o_mem_alloc_pool(pool, (text.len + 1) * sizeof(*path->segments)), 0};
	while (text.len > 0) {
		const char *next = memchr(text.base + 1, '/', text.len - 1);
		size_t len = next != NULL ? (size_t)(next - text.base) : text.len;
		path->segments[path->count] =
		    http_template_compile(pool, h2o_iovec_init(text.base + 1, len - 1), names, problem);
		if (path->segments[path->count++] == NULL)
			return NULL;
		text = h2o_iovec_init(text.base + len, text.len - len);
	}
	return path;
}

size_t http_path_segment_count(const struct http_path *path)
{
	return path->count;
}

const struct http_template *http_path_segment(const struct http_path *path, size_t i)
{
	return path->segments[i];
}

/* In place; true if there was something to decode. */
static bool decode(char *text, size_t *len)
{
	size_t to = 0;
	bool any = false;

	for (size_t at = 0; at < *len; at++, to++) {
		int high = text[at] == '%' && *len - at > 2 ? hex_value(text[at + 1]) : -1;
		int low = high >= 0 ? hex_value(text[at + 2]) : -1;
		text[to] = low >= 0 ? (char)(high << 4 | low) : text[at];
		any = any || low >= 0;
		at += low >= 0 ? 2 : 0;
	}
	*len = to;
	return any;
}

/* "." or "..", also before parameters ("..;x"), which some services take away first. */
static bool is_dots(h2o_iovec_t segment)
{
	const char *parameters = segment.len > 0 ? memchr(segment.base, ';', segment.len) : NULL;
	size_t len = parameters != NULL ? (size_t)(parameters - segment.base) : segment.len;

	return len > 0 && len <= 2 && segment.base[0] == '.' && segment.base[len - 1] == '.';
}

static bool leads_elsewhere(h2o_iovec_t text)
{
	size_t from = 0;

	for (size_t at = 0; at <= text.len; at++) {
		if (at < text.len && ((unsigned char)text.base[at] < ' ' || text.base[at] == 0x7f))
			return true;
		if (at < text.len && text.base[at] != '/' && text.base[at] != '\\')
			continue;
		if (is_dots(h2o_iovec_init(text.base + from, at - from)))
			return true;
		from = at + 1;
	}
	return false;
}

/* The segment itself is encoded and stays one. But there are services that decode first and look for dots then, and
 * some decode more than once: what would lead them elsewhere is refused here. */
static bool is_segment_fine(h2o_mem_pool_t *pool, h2o_iovec_t segment)
{
	char *text = text_copy(pool, segment);
	size_t len = segment.len;

	if (segment.len == 0 || leads_elsewhere(segment))
		return false;
	for (int i = 0; i < DECODINGS && decode(text, &len); i++)
		if (leads_elsewhere(h2o_iovec_init(text, len)))
			return false;
	return true;
}

const char *http_path_append(struct text_buffer *b, const struct http_path *path, const json_t *arguments)
{
	static const char PROBLEM[] =
	    "An argument cannot stand in the address: it is empty, or has parts such as \"..\" or control characters.";
	const char *bad;

	for (size_t i = 0; i < path->count; i++) {
		const struct http_template *segment = path->segments[i];
		size_t from = b->len + 1;
		text_append_str(b, "/");
		if (!http_template_append(b, segment, arguments, HTTP_SEGMENT, &bad))
			return PROBLEM;
		if (segment->argument_count > 0 &&
		    !is_segment_fine(b->pool, h2o_iovec_init(b->base + from, b->len - from)))
			return PROBLEM;
	}
	return NULL;
}
