/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and expanding. */
#include <string.h>

#include "mcp/catalogue/uri_template_internal.h"

static const struct uri_operator OPERATORS[] = {
    {'\0', "", ",", false, "", false}, {'+', "", ",", false, "", true},   {'#', "#", ",", false, "", true},
    {'.', ".", ".", false, "", false}, {'/', "/", "/", false, "", false}, {';', ";", ";", true, "", false},
    {'?', "?", "&", true, "=", false}, {'&', "&", "&", true, "=", false},
};

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_unreserved(char c)
{
	return is_letter_or_digit(c) || (c != '\0' && strchr("-._~", c) != NULL);
}

static bool is_reserved(char c)
{
	return c != '\0' && strchr(":/?#[]@!$&'()*+,;=", c) != NULL;
}

static bool is_escape(h2o_iovec_t text, size_t at)
{
	static const char DIGITS[] = "0123456789abcdefABCDEF";

	return text.len - at >= 3 && text.base[at] == '%' && text.base[at + 1] != '\0' && text.base[at + 2] != '\0' &&
	       strchr(DIGITS, text.base[at + 1]) != NULL && strchr(DIGITS, text.base[at + 2]) != NULL;
}

/* ---- reading ---- */

/* RFC 6570, 2.1, of ASCII only: what a URI can hold, but for the apostrophe. Length, 0 if there is none. */
static size_t literal_len(h2o_iovec_t text, size_t at)
{
	size_t start = at;

	while (at < text.len && text.base[at] != '{') {
		char c = text.base[at];
		if (is_escape(text, at))
			at += 3;
		else if (c != '\'' && (is_unreserved(c) || is_reserved(c)))
			at++;
		else
			return 0;
	}
	return at - start;
}

/* RFC 6570, 2.3, without percent escapes in names. */
static bool is_name(h2o_iovec_t name)
{
	if (name.len == 0 || name.len > URI_TEMPLATE_NAME_MAX || name.base[0] == '.' || name.base[name.len - 1] == '.')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		bool dot = name.base[i] == '.';
		if (!dot && !is_letter_or_digit(name.base[i]) && name.base[i] != '_')
			return false;
		if (dot && name.base[i - 1] == '.')
			return false;
	}
	return true;
}

/* The variable's number; -1 if there are too many of them. */
static int take_variable(h2o_mem_pool_t *pool, struct uri_template *template, h2o_iovec_t name)
{
	for (size_t i = 0; i < template->variable_count; i++) {
		if (!text_is(name, template->variables[i]))
			continue;
		template->repeats = true;
		return (int)i;
	}
	if (template->variable_count == URI_TEMPLATE_VARIABLES_MAX)
		return -1;
	template->variables[template->variable_count] = text_copy(pool, name);
	return (int)template->variable_count++;
}

static const struct uri_operator *take_operator(h2o_iovec_t *expression)
{
	for (size_t i = 1; expression->len > 0 && i < sizeof(OPERATORS) / sizeof(OPERATORS[0]); i++) {
		if (expression->base[0] != OPERATORS[i].sign)
			continue;
		expression->base++;
		expression->len--;
		return &OPERATORS[i];
	}
	return &OPERATORS[0];
}

/* NULL, or what is wrong with the text between the braces. */
static const char *read_expression(h2o_mem_pool_t *pool, struct uri_template *template, h2o_iovec_t expression)
{
	struct uri_part *part = &template->parts[template->part_count++];

	*part = (struct uri_part){.operator= take_operator(&expression)};
	while (expression.base != NULL) {
		const char *comma = expression.len > 0 ? memchr(expression.base, ',', expression.len) : NULL;
		size_t len = comma != NULL ? (size_t)(comma - expression.base) : expression.len;
		if (!is_name(h2o_iovec_init(expression.base, len)))
			return "has an expression that is none of level 1 to 3";
		int variable = take_variable(pool, template, h2o_iovec_init(expression.base, len));
		if (variable < 0 || part->count == URI_TEMPLATE_VARIABLES_MAX)
			return "has too many variables";
		part->variables[part->count++] = (uint8_t)variable;
		expression =
		    comma != NULL ? h2o_iovec_init(comma + 1, expression.len - len - 1) : (h2o_iovec_t){NULL, 0};
	}
	return NULL;
}

static const char *read_parts(h2o_mem_pool_t *pool, struct uri_template *template, h2o_iovec_t text)
{
	const char *problem = NULL;

	for (size_t at = 0; at < text.len && problem == NULL;) {
		if (text.base[at] != '{') {
			size_t len = literal_len(text, at);
			if (len == 0)
				return "has a character that a URI cannot hold";
			template->parts[template->part_count++] =
			    (struct uri_part){.literal = h2o_iovec_init(text.base + at, len)};
			at += len;
			continue;
		}
		const char *end = memchr(text.base + at, '}', text.len - at);
		if (end == NULL)
			return "has a brace that is not closed";
		size_t len = (size_t)(end - text.base) - at - 1;
		problem = read_expression(pool, template, h2o_iovec_init(text.base + at + 1, len));
		at += len + 2;
	}
	return problem;
}

const struct uri_template *uri_template_compile(h2o_mem_pool_t *pool, h2o_iovec_t text, const char **problem)
{
	struct uri_template *template = h2o_mem_alloc_pool(pool, sizeof(*template));

	*template = (struct uri_template){.parts = NULL};
	*problem = text.len > URI_TEMPLATE_SIZE_MAX ? "is too long" : NULL;
	if (*problem != NULL)
		return NULL;
	text = h2o_iovec_init(text_copy(pool, text), text.len);
	template->parts = h2o_mem_alloc_pool(pool, (text.len + 1) * sizeof(*template->parts));
	*problem = read_parts(pool, template, text);
	if (*problem != NULL)
		return NULL;
	uri_template_build(pool, template);
	return template;
}

size_t uri_template_variable_count(const struct uri_template *template)
{
	return template->variable_count;
}

const char *uri_template_variable(const struct uri_template *template, size_t index)
{
	return template->variables[index];
}

/* ---- expanding ---- */

/* RFC 6570, 3.2.1: reserved characters and escapes that are there stay where the operator says so. */
static void append_value(struct text_buffer *b, h2o_iovec_t value, bool reserved)
{
	if (!reserved) {
		text_append_uri(b, value);
		return;
	}
	for (size_t at = 0; at < value.len; at++) {
		h2o_iovec_t one = h2o_iovec_init(value.base + at, 1);
		if (is_reserved(*one.base) || is_escape(value, at))
			text_append_iovec(b, one);
		else
			text_append_uri(b, one);
	}
}

static void append_expression(struct text_buffer *b, const struct uri_template *template, const struct uri_part *part,
                              const h2o_iovec_t *values)
{
	const struct uri_operator *operator= part->operator;
	const char *before = operator->first;

	for (size_t i = 0; i < part->count; i++) {
		h2o_iovec_t value = values[part->variables[i]];
		if (value.base == NULL)
			continue;
		text_append_str(b, before);
		before = operator->separator;
		if (operator->named) {
			text_append_str(b, template->variables[part->variables[i]]);
			text_append_str(b, value.len == 0 ? operator->if_empty : "=");
		}
		append_value(b, value, operator->reserved);
	}
}

h2o_iovec_t uri_template_expand(h2o_mem_pool_t *pool, const struct uri_template *template, const h2o_iovec_t *values)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "");
	for (size_t i = 0; i < template->part_count; i++)
		if (template->parts[i].operator== NULL)
			text_append_iovec(&b, template->parts[i].literal);
		else
			append_expression(&b, template, &template->parts[i], values);
	return h2o_iovec_init(b.base, b.len);
}
