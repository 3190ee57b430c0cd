/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "mcp/import/import.h"
#include "mcp/guard/untrusted.h"

enum { PROBLEM_MAX = 500 };

static bool begins_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* The first characters of a text. */
static h2o_iovec_t cut(h2o_iovec_t text, size_t max)
{
	size_t count = 0;

	for (size_t at = 0; at < text.len; at++)
		if (begins_character(text.base[at]) && count++ == max)
			return h2o_iovec_init(text.base, at);
	return text;
}

static h2o_iovec_t bounded(h2o_mem_pool_t *pool, h2o_iovec_t text, size_t max)
{
	if (text_code_points(text) <= max)
		return text;
	h2o_iovec_t first = cut(text, max - 4);
	while (first.len > 0 && (first.base[first.len - 1] == ' ' || first.base[first.len - 1] == '\n'))
		first.len--;
	return text_of(text_printf(pool, "%.*s ...", (int)first.len, first.base));
}

const char *import_line(h2o_mem_pool_t *pool, h2o_iovec_t text, size_t max)
{
	struct text_buffer b = {.pool = pool};

	text = untrusted_visible_text(pool, text);
	for (size_t i = 0; i < text.len; i++) {
		bool blank = text.base[i] == ' ' || text.base[i] == '\t' || text.base[i] == '\n';
		if (blank && (b.len == 0 || b.base[b.len - 1] == ' '))
			continue;
		text_append(&b, blank ? " " : &text.base[i], 1);
	}
	while (b.len > 0 && b.base[b.len - 1] == ' ')
		b.len--;
	return text_copy(pool, bounded(pool, h2o_iovec_init(b.base != NULL ? b.base : "", b.len), max));
}

/* Without blanks at the ends of lines and of the text, tabs as blanks: what remains can be written as a block. */
static h2o_iovec_t tidy(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	struct text_buffer b = {.pool = pool};

	text_append(&b, "", 0);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.base[i] == '\t' ? ' ' : text.base[i];
		while (c == '\n' && b.len > 0 && b.base[b.len - 1] == ' ')
			b.len--;
		if (c == '\n' && (b.len == 0 || (b.len > 1 && b.base[b.len - 1] == '\n' && b.base[b.len - 2] == '\n')))
			continue;
		if (c == ' ' && b.len == 0)
			continue;
		text_append(&b, &c, 1);
	}
	while (b.len > 0 && (b.base[b.len - 1] == ' ' || b.base[b.len - 1] == '\n'))
		b.len--;
	return text_of(text_copy(pool, h2o_iovec_init(b.base, b.len)));
}

/* A line break is what CR LF and CR are to people, and nothing else that cannot be seen is of any use to them. */
static h2o_iovec_t with_line_feeds(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	char *copy = text_copy(pool, text);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.base[i] == '\r' && i + 1 < text.len && text.base[i + 1] == '\n')
			continue;
		copy[len++] = text.base[i] == '\r' ? '\n' : text.base[i];
	}
	return h2o_iovec_init(copy, len);
}

h2o_iovec_t import_prose(h2o_mem_pool_t *pool, h2o_iovec_t text, size_t max, const char **what)
{
	h2o_iovec_t lines = with_line_feeds(pool, text), visible = untrusted_visible_text(pool, lines);
	h2o_iovec_t all = tidy(pool, visible), ret = bounded(pool, all, max);

	*what = NULL;
	if (visible.len != lines.len)
		*what = "stands here without its invisible characters";
	else if (ret.len < all.len)
		*what = "is cut";
	return ret;
}

static bool is_name_character(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	       c == '.';
}

char *import_identifier(h2o_mem_pool_t *pool, h2o_iovec_t text, size_t max)
{
	struct text_buffer b = {.pool = pool};

	text_append(&b, "", 0);
	for (size_t i = 0; i < text.len && b.len < max; i++) {
		bool fits = is_name_character(text.base[i]) && (b.len > 0 || text.base[i] != '.');
		if (fits)
			text_append(&b, &text.base[i], 1);
		else if (b.len > 0 && b.base[b.len - 1] != '_')
			text_append_str(&b, "_");
	}
	while (b.len > 1 && b.base[b.len - 1] == '_' && text.base[text.len - 1] != '_')
		b.len--;
	return text_copy(pool, b.len > 0 ? h2o_iovec_init(b.base, b.len) : text_of("_"));
}

bool import_refuse(struct import_operation *op, const char *format, ...)
{
	va_list arguments;

	if (op->problem != NULL)
		return false;
	va_start(arguments, format);
	char *text = text_vprintf(op->document->pool, format, arguments);
	va_end(arguments);
	op->problem = import_line(op->document->pool, text_of(text), PROBLEM_MAX);
	return false;
}

void import_note(struct import_operation *op, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	char *text = text_vprintf(op->document->pool, format, arguments);
	va_end(arguments);
	json_array_append_new(op->notes, json_string(import_line(op->document->pool, text_of(text), PROBLEM_MAX)));
}

/* Line breaks can be seen. */
static bool is_visible(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	return untrusted_visible_text(pool, text).len == text.len && memchr(text.base, '\t', text.len) == NULL;
}

const char *import_find_invisible(h2o_mem_pool_t *pool, const json_t *value)
{
	const char *name, *found = NULL;
	json_t *member;
	size_t i;

	if (json_is_string(value))
		return is_visible(pool, h2o_iovec_init(json_string_value(value), json_string_length(value))) ? NULL
		                                                                                             : "";
	json_array_foreach (value, i, member)
		if (found == NULL && (found = import_find_invisible(pool, member)) != NULL)
			found = text_printf(pool, "/%zu%s", i, found);
	if (!json_is_object(value))
		return found;
	json_object_foreach ((json_t *)value, name, member) {
		found = is_visible(pool, text_of(name)) ? import_find_invisible(pool, member) : "";
		if (found != NULL)
			return text_printf(pool, "/%s%s", name, found);
	}
	return NULL;
}
