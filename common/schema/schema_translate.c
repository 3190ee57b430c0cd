/* SPDX-License-Identifier: Apache-2.0 */
/* ECMA-262 regular expressions (with the u flag, as JSON Schema core, 6.4 recommends) for PCRE2. What the two write
 * alike but read differently is spelled out; what only PCRE2 knows is refused. One leniency: an escaped punctuation
 * mark stands for itself, as many published schemas have it, and so does a brace that begins no quantifier. */
#include "schema_internal.h"

#include <stdlib.h>
#include <string.h>

struct reader {
	const char *s, *end; /* NUL-terminated at end */
	struct text_buffer out;
	unsigned open;   /* parentheses */
	bool repeatable; /* a quantifier may come now */
	bool unbounded;
	const char *error;
};

/* WhiteSpace and LineTerminator (ECMA-262, 22.2.2.9), and everything else, as members of a class. */
#define SPACES                                                                                                         \
	"\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{"     \
	"feff}"
#define NOT_SPACES                                                                                                     \
	"\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"            \
	"\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

static bool fail(struct reader *r, const char *error)
{
	if (r->error == NULL)
		r->error = error;
	return false;
}

static void emit(struct reader *r, const char *text)
{
	text_append_str(&r->out, text);
}

static bool emit_point(struct reader *r, uint32_t point)
{
	if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return fail(r, "an escape is not a character");
	text_append_printf(&r->out, "\\x{%x}", point);
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* `count` hexadecimal digits; false without moving if they are not there. */
static bool read_hex(struct reader *r, unsigned count, uint32_t *ret)
{
	uint32_t value = 0;
	for (unsigned i = 0; i < count; i++) {
		char c = r->s[i];
		if (!is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'f'))
			return false;
		value = value * 16 + (uint32_t)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	r->s += count;
	*ret = value;
	return true;
}

/* Behind "\u": XXXX, a pair of surrogates, or {X...}. */
static bool read_unicode(struct reader *r)
{
	uint32_t point = 0, low, digit;
	if (*r->s == '{') {
		for (r->s++; *r->s != '}'; point = point * 16 + digit) {
			if (point > 0x10ffff || !read_hex(r, 1, &digit))
				return fail(r, "\\u{ is not followed by a code point and }");
		}
		r->s++;
		return emit_point(r, point);
	}
	if (!read_hex(r, 4, &point))
		return fail(r, "\\u is not followed by four hexadecimal digits");
	if (point >= 0xd800 && point < 0xdc00 && r->s[0] == '\\' && r->s[1] == 'u') {
		r->s += 2;
		if (!read_hex(r, 4, &low) || low < 0xdc00 || low > 0xdfff)
			return fail(r, "half of a surrogate pair is missing");
		point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
	}
	return emit_point(r, point);
}

/* Behind "\p" or "\P": {Name} or {Property=Value}. */
static bool read_property(struct reader *r, char kind)
{
	char name[64];
	size_t len = strcspn(r->s, "}");
	if (*r->s != '{' || r->s[len] != '}' || len < 2 || len > sizeof(name))
		return fail(r, "\\p is not followed by {Property}");
	memcpy(name, r->s + 1, len - 1);
	name[len - 1] = '\0';
	r->s += len + 1;
	for (const char *c = name; *c != '\0'; c++) {
		if (!is_letter(*c) && !is_digit(*c) && *c != '_' && *c != '=')
			return fail(r, "a property's name has other characters than letters, digits and _");
	}
	char *value = strchr(name, '=');
	if (value == NULL) {
		text_append_printf(&r->out, "\\%c{%s}", kind, schema_category_short(name));
		return true;
	}
	*value++ = '\0';
	if (strcmp(name, "General_Category") == 0 || strcmp(name, "gc") == 0)
		text_append_printf(&r->out, "\\%c{%s}", kind, schema_category_short(value));
	else if (strcmp(name, "Script") == 0 || strcmp(name, "sc") == 0)
		text_append_printf(&r->out, "\\%c{sc:%s}", kind, value);
	else if (strcmp(name, "Script_Extensions") == 0 || strcmp(name, "scx") == 0)
		text_append_printf(&r->out, "\\%c{scx:%s}", kind, value);
	else
		return fail(r, "a property other than General_Category, Script and Script_Extensions has a value");
	return true;
}

/* Escapes that mean the same in and outside a class, behind the backslash. */
static bool read_escape(struct reader *r, bool in_class)
{
	uint32_t point;
	char c = *r->s++;
	switch (c) {
	case 'd':
	case 'D':
	case 'w':
	case 'W': /* ASCII only without PCRE2_UCP */ text_append_printf(&r->out, "\\%c", c); return true;
	case 's': emit(r, in_class ? SPACES : "[" SPACES "]"); return true;
	case 'S': emit(r, in_class ? NOT_SPACES : "[" NOT_SPACES "]"); return true;
	case 't': return emit_point(r, '\t');
	case 'n': return emit_point(r, '\n');
	case 'v': return emit_point(r, '\v');
	case 'f': return emit_point(r, '\f');
	case 'r': return emit_point(r, '\r');
	case 'c':
		if (!is_letter(*r->s))
			return fail(r, "\\c is not followed by a letter");
		return emit_point(r, (uint32_t)(*r->s++ & 0x1f));
	case '0': return is_digit(*r->s) ? fail(r, "octal escapes are not supported") : emit_point(r, 0);
	case 'x':
		return read_hex(r, 2, &point) ? emit_point(r, point)
		                              : fail(r, "\\x is not followed by two hexadecimal digits");
	case 'u': return read_unicode(r);
	case 'p':
	case 'P': return read_property(r, c);
	}
	if (c > ' ' && c < 0x7f && !is_letter(c) && !is_digit(c))
		return emit_point(r, (uint32_t)c);
	return fail(r, r->s > r->end ? "it ends in a backslash" : "an escape is not known");
}

/* A character that stands for itself; the text is UTF-8. */
static bool read_literal(struct reader *r)
{
	if ((unsigned char)*r->s < 0x80)
		return emit_point(r, (uint32_t)*r->s++);
	do
		text_append(&r->out, r->s++, 1);
	while (((unsigned char)*r->s & 0xc0) == 0x80);
	return true;
}

static bool read_class(struct reader *r)
{
	bool negated = *r->s == '^';
	r->s += negated;
	if (*r->s == ']') { /* matches nothing, or everything */
		r->s++;
		emit(r, negated ? "[\\x{0}-\\x{10ffff}]" : "(?!)");
		return true;
	}
	emit(r, negated ? "[^" : "[");
	while (*r->s != ']') {
		if (r->s >= r->end)
			return fail(r, "a class has no closing ]");
		if (*r->s == '-') {
			r->s++;
			emit(r, *r->s == ']' ? "\\-" : "-");
		} else if (*r->s != '\\') {
			read_literal(r);
		} else if (r->s[1] == 'b') {
			r->s += 2;
			emit(r, "\\x{8}");
		} else {
			r->s++;
			if (!read_escape(r, true))
				return false;
		}
	}
	r->s++;
	emit(r, "]");
	return true;
}

/* {n}, {n,} or {n,m}: its length, or 0. */
static size_t counted_length(const char *s)
{
	size_t i = 1;
	while (is_digit(s[i]))
		i++;
	if (i == 1)
		return 0;
	if (s[i] == ',') {
		i++;
		while (is_digit(s[i]))
			i++;
	}
	return s[i] == '}' ? i + 1 : 0;
}

static bool read_quantifier(struct reader *r, size_t len)
{
	if (!r->repeatable)
		return fail(r, "there is nothing to repeat");
	/* many repetitions are as good as any number of them */
	r->unbounded = r->unbounded || *r->s == '*' || *r->s == '+' || len > 4;
	text_append(&r->out, r->s, len);
	r->s += len;
	if (*r->s == '?')
		text_append(&r->out, r->s++, 1);
	r->repeatable = false;
	return true;
}

static bool is_name_end(char c)
{
	return !is_letter(c) && !is_digit(c) && c != '_';
}

/* <name>, copied with its brackets. */
static bool read_name(struct reader *r)
{
	size_t len = 1;
	if (*r->s != '<' || is_digit(r->s[1]))
		return fail(r, "a group's name is missing");
	while (!is_name_end(r->s[len]))
		len++;
	if (len == 1 || r->s[len] != '>')
		return fail(r, "a group's name has other characters than letters, digits and _");
	text_append(&r->out, r->s, len + 1);
	r->s += len + 1;
	return true;
}

static bool read_group(struct reader *r)
{
	static const char *const STARTS[] = {"?:", "?=", "?!", "?<=", "?<!"};
	r->open++;
	r->repeatable = false;
	emit(r, "(");
	if (*r->s != '?')
		return true;
	for (size_t i = 0; i < sizeof(STARTS) / sizeof(STARTS[0]); i++) {
		size_t len = strlen(STARTS[i]);
		if (strncmp(r->s, STARTS[i], len) != 0)
			continue;
		emit(r, STARTS[i]);
		r->s += len;
		return true;
	}
	r->s++;
	emit(r, "?");
	return *r->s == '<' ? read_name(r) : fail(r, "a group of this kind is not known");
}

static bool read_outer_escape(struct reader *r)
{
	char c = *r->s;
	r->repeatable = c != 'b' && c != 'B';
	if (!r->repeatable) {
		text_append_printf(&r->out, "\\%c", *r->s++);
		return true;
	}
	if (c >= '1' && c <= '9') {
		size_t len = strspn(r->s, "0123456789");
		text_append_printf(&r->out, "\\g{%.*s}", (int)len, r->s);
		r->s += len;
		return true;
	}
	if (c != 'k')
		return read_escape(r, false);
	r->s++;
	emit(r, "\\k");
	return read_name(r);
}

static bool read_one(struct reader *r)
{
	size_t counted;
	switch (*r->s) {
	case '\\': r->s++; return read_outer_escape(r);
	case '[':
		r->s++;
		r->repeatable = true;
		return read_class(r);
	case '(': r->s++; return read_group(r);
	case ')':
		if (r->open-- == 0)
			return fail(r, "a closing parenthesis has no opening one");
		text_append(&r->out, r->s++, 1);
		r->repeatable = true;
		return true;
	case '^':
	case '$':
	case '|':
		text_append(&r->out, r->s++, 1);
		r->repeatable = false;
		return true;
	case '.':
		r->s++;
		r->repeatable = true;
		emit(r, "[^\\x{a}\\x{d}\\x{2028}\\x{2029}]");
		return true;
	case '*':
	case '+':
	case '?': return read_quantifier(r, 1);
	case '{':
		counted = counted_length(r->s);
		if (counted > 0)
			return read_quantifier(r, counted);
		break;
	}
	r->repeatable = true;
	return read_literal(r);
}

char *schema_pattern_translate(h2o_mem_pool_t *pool, const char *text, size_t len, bool *unbounded, const char **error)
{
	const char *copy = text_copy(pool, h2o_iovec_init((char *)text, len));
	struct reader r = {.s = copy, .end = copy + len, .out = {.pool = pool}};

	text_append_str(&r.out, "");
	if (len > SCHEMA_PATTERN_BYTES)
		fail(&r, "it is too long");
	else if (memchr(text, '\0', len) != NULL || !text_is_utf8(h2o_iovec_init((char *)text, len)))
		fail(&r, "it has a NUL character");
	while (r.error == NULL && r.s < r.end)
		read_one(&r);
	if (r.error == NULL && r.open > 0)
		fail(&r, "an opening parenthesis has no closing one");
	*error = r.error;
	*unbounded = r.unbounded;
	if (r.error != NULL)
		return NULL;
	return r.out.base == NULL ? text_printf(pool, "%s", "") : r.out.base;
}
