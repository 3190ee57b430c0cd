/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as YAML that people like to read: block style, texts plain where they can be, long ones folded. */
#include <string.h>

#include "mcp/import/import.h"

enum { INDENT = 2, FLOW_MAX = 80, FOLD_FROM = 90, WIDTH = 100 };

static void write_value(struct text_buffer *b, const json_t *value, size_t indent);
static void write_members(struct text_buffer *b, const json_t *object, size_t indent, bool behind_dash);

static void write_blanks(struct text_buffer *b, size_t count)
{
	while (count-- > 0)
		text_append_str(b, " ");
}

/* ---- scalars in one line ---- */

/* YAML 1.2's own words, and those of 1.1, which other readers still take. */
static bool is_word(h2o_iovec_t text)
{
	static const char *const WORDS[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};

	for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
		if (text_is_nocase(text, WORDS[i]))
			return true;
	return false;
}

static bool is_plain_character(char c, bool first)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '/' || c == '_' || c == '$')
		return true;
	return !first && ((c >= '0' && c <= '9') || (c != '\0' && strchr(".+-@=;()", c) != NULL));
}

/* A colon is one as long as no blank follows. */
static bool is_inner_colon(h2o_iovec_t text, size_t i)
{
	return text.base[i] == ':' && i > 0 && i + 1 < text.len && text.base[i + 1] != ' ';
}

/* Plain in a block and in a flow. */
static bool is_plain(h2o_iovec_t text)
{
	if (text.len == 0 || text.len > FOLD_FROM || is_word(text) || text.base[text.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		bool fits = text.base[i] == ' ' ? i > 0 : is_plain_character(text.base[i], i == 0);
		if (!fits && !is_inner_colon(text, i))
			return false;
	}
	return true;
}

static void write_quoted(struct text_buffer *b, h2o_iovec_t text)
{
	bool is_open = !text_has_invisible(text);

	if (!is_open) { /* JSON's escapes are YAML's */
		text_append_json(b, text);
		return;
	}
	text_append_str(b, "'");
	for (size_t i = 0; i < text.len; i++)
		text_append_printf(b, "%s%c", text.base[i] == '\'' ? "'" : "", text.base[i]);
	text_append_str(b, "'");
}

static void write_text(struct text_buffer *b, h2o_iovec_t text)
{
	if (is_plain(text))
		text_append_iovec(b, text);
	else
		write_quoted(b, text);
}

static h2o_iovec_t text_of_value(const json_t *value)
{
	return h2o_iovec_init(json_string_value(value), json_string_length(value));
}

static void write_scalar(struct text_buffer *b, const json_t *value)
{
	if (json_is_string(value))
		write_text(b, text_of_value(value));
	else
		text_append_iovec(b, json_text(b->pool, value));
}

/* ---- texts in several lines ---- */

static bool is_block(h2o_iovec_t text)
{
	bool has_break = false;

	for (size_t i = 0; i < text.len; i++) {
		bool last = i + 1 == text.len, before_break = !last && text.base[i + 1] == '\n';
		if (text.base[i] == '\n' && (i == 0 || last))
			return false;
		if (text.base[i] == ' ' && (i == 0 || last || before_break || text.base[i - 1] == '\n'))
			return false;
		has_break = has_break || text.base[i] == '\n';
		if (text.base[i] != '\n' && (unsigned char)text.base[i] < ' ')
			return false;
	}
	return has_break;
}

static bool is_foldable(h2o_iovec_t text)
{
	if (text.len <= FOLD_FROM || text_has_invisible(text))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.base[i] == ' ' && (i == 0 || i + 1 == text.len || text.base[i + 1] == ' '))
			return false;
	return memchr(text.base, ' ', text.len) != NULL;
}

static void write_block(struct text_buffer *b, h2o_iovec_t text, size_t indent)
{
	text_append_str(b, "|-\n");
	while (text.base != NULL) {
		const char *end = memchr(text.base, '\n', text.len);
		size_t len = end != NULL ? (size_t)(end - text.base) : text.len;
		write_blanks(b, len > 0 ? indent : 0);
		text_append(b, text.base, len);
		text_append_str(b, "\n");
		text = end != NULL ? h2o_iovec_init(text.base + len + 1, text.len - len - 1) : h2o_iovec_init(NULL, 0);
	}
}

static void write_folded(struct text_buffer *b, h2o_iovec_t text, size_t indent)
{
	size_t column = indent;

	text_append_str(b, ">-\n");
	write_blanks(b, indent);
	for (h2o_iovec_t rest = text; rest.base != NULL;) {
		const char *end = memchr(rest.base, ' ', rest.len);
		size_t len = end != NULL ? (size_t)(end - rest.base) : rest.len;
		if (column > indent && column + 1 + len > WIDTH) {
			text_append_str(b, "\n");
			write_blanks(b, indent);
			column = indent;
		} else if (column > indent) {
			text_append_str(b, " ");
			column++;
		}
		text_append(b, rest.base, len);
		column += len;
		rest = end != NULL ? h2o_iovec_init(end + 1, rest.len - len - 1) : h2o_iovec_init(NULL, 0);
	}
	text_append_str(b, "\n");
}

/* ---- collections ---- */

static bool is_scalar(const json_t *value)
{
	return !json_is_object(value) && !json_is_array(value);
}

/* In one line, if it is short; {NULL, 0} if it is not. */
static h2o_iovec_t flow_of(h2o_mem_pool_t *pool, const json_t *value)
{
	struct text_buffer b = {.pool = pool};
	const char *name;
	json_t *member;
	size_t i;

	if (json_object_size(value) > 1)
		return h2o_iovec_init(NULL, 0);
	text_append_str(&b, json_is_array(value) ? "[" : "{");
	json_array_foreach (value, i, member) {
		if (!is_scalar(member) || b.len > FLOW_MAX)
			return h2o_iovec_init(NULL, 0);
		text_append_str(&b, i > 0 ? ", " : "");
		write_scalar(&b, member);
	}
	if (json_is_object(value))
		json_object_foreach ((json_t *)value, name, member) {
			if (!is_scalar(member))
				return h2o_iovec_init(NULL, 0);
			write_text(&b, text_of(name));
			text_append_str(&b, ": ");
			write_scalar(&b, member);
		}
	text_append_str(&b, json_is_array(value) ? "]" : "}");
	return b.len <= FLOW_MAX ? h2o_iovec_init(b.base, b.len) : h2o_iovec_init(NULL, 0);
}

/* Items stand where their list's name does. */
static void write_items(struct text_buffer *b, const json_t *array, size_t indent)
{
	json_t *item;
	size_t i;

	json_array_foreach (array, i, item) {
		write_blanks(b, indent);
		text_append_str(b, "-");
		if (json_is_object(item) && flow_of(b->pool, item).base == NULL)
			write_members(b, item, indent + INDENT, true);
		else
			write_value(b, item, indent + INDENT);
	}
}

static void write_members(struct text_buffer *b, const json_t *object, size_t indent, bool behind_dash)
{
	const char *name;
	json_t *member;

	json_object_foreach ((json_t *)object, name, member) {
		write_blanks(b, behind_dash ? 1 : indent);
		behind_dash = false;
		write_text(b, text_of(name));
		text_append_str(b, ":");
		write_value(b, member, json_is_array(member) ? indent : indent + INDENT);
	}
}

/* Behind a colon or a dash, with its line break. */
static void write_value(struct text_buffer *b, const json_t *value, size_t indent)
{
	h2o_iovec_t flow = is_scalar(value) ? h2o_iovec_init(NULL, 0) : flow_of(b->pool, value);

	if (flow.base == NULL && !is_scalar(value)) {
		text_append_str(b, "\n");
		if (json_is_object(value))
			write_members(b, value, indent, false);
		else
			write_items(b, value, indent);
		return;
	}
	text_append_str(b, " ");
	if (json_is_string(value) && is_block(text_of_value(value))) {
		write_block(b, text_of_value(value), indent);
		return;
	}
	if (json_is_string(value) && is_foldable(text_of_value(value))) {
		write_folded(b, text_of_value(value), indent);
		return;
	}
	if (flow.base != NULL)
		text_append_iovec(b, flow);
	else
		write_scalar(b, value);
	text_append_str(b, "\n");
}

h2o_iovec_t import_yaml(h2o_mem_pool_t *pool, const json_t *value)
{
	struct text_buffer b = {.pool = pool};

	text_append(&b, "", 0);
	write_members(&b, value, 0, false);
	return h2o_iovec_init(b.base, b.len);
}
