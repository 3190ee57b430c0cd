/* SPDX-License-Identifier: Apache-2.0 */
#include "json_parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT = 64 }; /* longer ones are rare */

struct parser {
	h2o_mem_pool_t *pool;
	const char *at, *end;
	enum json_problem problem;
};

static json_t *parse_value(struct parser *p);

static void *refuse(struct parser *p, enum json_problem problem)
{
	if (p->problem == JSON_FINE)
		p->problem = problem;
	return NULL;
}

static void skip_blanks(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
		p->at++;
}

static bool take(struct parser *p, char c)
{
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static bool is_plain(char c)
{
	return c != '"' && c != '\\' && (unsigned char)c >= 0x20;
}

/* ---- strings ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hexadecimal digits; -1 if they are none. */
static int32_t take_unit(struct parser *p)
{
	int32_t unit = 0;
	if (p->end - p->at < 4)
		return -1;
	for (int i = 0; i < 4; i++, p->at++) {
		int digit = hex_value(*p->at);
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* Behind "\u"; -1: not a character, or the NUL, which no text here may have. */
static int32_t take_character(struct parser *p)
{
	int32_t first = take_unit(p);
	if (first <= 0 || (first >= 0xdc00 && first <= 0xdfff))
		return -1;
	if (first < 0xd800 || first > 0xdfff)
		return first;
	if (!take(p, '\\') || !take(p, 'u'))
		return -1;
	int32_t second = take_unit(p);
	if (second < 0xdc00 || second > 0xdfff)
		return -1;
	return 0x10000 + ((first - 0xd800) << 10 | (second - 0xdc00));
}

static char *put_character(char *out, int32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

/* Behind a backslash; NULL if that is no escape. No escape is shorter than what it stands for. */
static char *take_escape(struct parser *p, char *out)
{
	static const char LETTERS[] = "\"\\/bfnrt", MEANT[] = "\"\\/\b\f\n\r\t";
	if (p->at == p->end)
		return NULL;
	char letter = *p->at++;
	if (letter == 'u') {
		int32_t c = take_character(p);
		return c < 0 ? NULL : put_character(out, c);
	}
	const char *known = memchr(LETTERS, letter, sizeof(LETTERS) - 1);
	if (known == NULL)
		return NULL;
	*out++ = MEANT[known - LETTERS];
	return out;
}

/* Where the string that goes on here ends at its quote; NULL if it does not. */
static const char *find_quote(const struct parser *p)
{
	const char *at = p->at;
	while (at < p->end && *at != '"')
		at += *at == '\\' ? 2 : 1;
	return at < p->end ? at : NULL;
}

static bool unescape(struct parser *p, const char *start, h2o_iovec_t *ret)
{
	const char *quote = find_quote(p);
	if (quote == NULL)
		return false;
	char *text = h2o_mem_alloc_pool(p->pool, (size_t)(quote - start)), *out = text;
	memcpy(out, start, (size_t)(p->at - start));
	out += p->at - start;
	while (p->at < quote) {
		if (is_plain(*p->at)) {
			*out++ = *p->at++;
			continue;
		}
		if (!take(p, '\\') || (out = take_escape(p, out)) == NULL)
			return false;
	}
	p->at = quote + 1;
	*ret = h2o_iovec_init(text, (size_t)(out - text));
	return true;
}

/* Behind the first quote. What has no escapes stays where it is. */
static bool take_text(struct parser *p, h2o_iovec_t *ret)
{
	const char *start = p->at;
	while (p->at < p->end && is_plain(*p->at))
		p->at++;
	if (p->at < p->end && *p->at == '"') {
		*ret = h2o_iovec_init(start, (size_t)(p->at - start));
		p->at++;
		return true;
	}
	if (p->at < p->end && *p->at == '\\' && unescape(p, start, ret))
		return true;
	refuse(p, JSON_BAD_SYNTAX);
	return false;
}

/* ---- numbers ---- */

static size_t skip_digits(struct parser *p)
{
	const char *start = p->at;
	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return (size_t)(p->at - start);
}

/* Moves behind the number's text; false if it is none. */
static bool skip_number(struct parser *p, bool *ret_is_real)
{
	take(p, '-');
	if (!take(p, '0') && skip_digits(p) == 0)
		return false;
	if (p->at < p->end && *p->at >= '0' && *p->at <= '9') /* behind a leading zero */
		return false;
	*ret_is_real = false;
	if (take(p, '.')) {
		*ret_is_real = true;
		if (skip_digits(p) == 0)
			return false;
	}
	if (take(p, 'e') || take(p, 'E')) {
		*ret_is_real = true;
		if (!take(p, '+'))
			take(p, '-');
		if (skip_digits(p) == 0)
			return false;
	}
	return true;
}

static json_t *parse_number(struct parser *p)
{
	char space[NUMBER_TEXT], *text = space;
	const char *start = p->at;
	bool is_real;
	if (!skip_number(p, &is_real))
		return refuse(p, JSON_BAD_SYNTAX);
	size_t len = (size_t)(p->at - start);
	if (len >= sizeof(space))
		text = h2o_mem_alloc_pool(p->pool, len + 1);
	memcpy(text, start, len);
	text[len] = '\0';
	errno = 0;
	if (!is_real) {
		long long integer = strtoll(text, NULL, 10);
		return errno == ERANGE ? refuse(p, JSON_NUMBER_RANGE) : json_integer(integer);
	}
	double real = strtod(text, NULL); /* the locale is never set, so the point is one */
	return isinf(real) ? refuse(p, JSON_NUMBER_RANGE) : json_real(real);
}

/* ---- the rest ---- */

static json_t *parse_word(struct parser *p)
{
	static const h2o_iovec_t TRUE = {(char *)"true", 4}, FALSE = {(char *)"false", 5},
				 NOTHING = {(char *)"null", 4};
	h2o_iovec_t rest = h2o_iovec_init(p->at, (size_t)(p->end - p->at));
	const h2o_iovec_t *word = *p->at == 't' ? &TRUE : *p->at == 'f' ? &FALSE : &NOTHING;
	if (rest.len < word->len || memcmp(rest.base, word->base, word->len) != 0)
		return refuse(p, JSON_BAD_SYNTAX);
	p->at += word->len;
	return word == &TRUE ? json_true() : word == &FALSE ? json_false() : json_null();
}

static json_t *parse_array(struct parser *p)
{
	json_t *array = json_array(), *member;
	skip_blanks(p);
	if (take(p, ']'))
		return array;
	do {
		member = parse_value(p);
		if (member != NULL)
			json_array_append_new(array, member);
		skip_blanks(p);
	} while (member != NULL && take(p, ','));
	if (member != NULL && take(p, ']'))
		return array;
	json_decref(array);
	return refuse(p, JSON_BAD_SYNTAX);
}

static bool take_member(struct parser *p, json_t *object)
{
	h2o_iovec_t name;
	json_t *value;
	skip_blanks(p);
	if (!take(p, '"') || !take_text(p, &name))
		return false;
	if (json_object_size(object) > 0 && json_object_getn(object, name.base, name.len) != NULL) {
		refuse(p, JSON_DUPLICATE_MEMBER);
		return false;
	}
	skip_blanks(p);
	if (!take(p, ':') || (value = parse_value(p)) == NULL)
		return false;
	json_object_setn_new_nocheck(object, name.base, name.len, value);
	skip_blanks(p);
	return true;
}

static json_t *parse_object(struct parser *p)
{
	json_t *object = json_object();
	bool fine;
	skip_blanks(p);
	if (take(p, '}'))
		return object;
	do
		fine = take_member(p, object);
	while (fine && take(p, ','));
	if (fine && take(p, '}'))
		return object;
	json_decref(object);
	return refuse(p, JSON_BAD_SYNTAX);
}

/* As deep as the text, which is bounded. */
static json_t *parse_value(struct parser *p)
{
	h2o_iovec_t text;
	skip_blanks(p);
	if (p->at == p->end)
		return refuse(p, JSON_BAD_SYNTAX);
	if (take(p, '"'))
		return take_text(p, &text) ? json_stringn_nocheck(text.base, text.len) : NULL;
	if (take(p, '{'))
		return parse_object(p);
	if (take(p, '['))
		return parse_array(p);
	if (*p->at == '-' || (*p->at >= '0' && *p->at <= '9'))
		return parse_number(p);
	return parse_word(p);
}

json_t *json_parse(h2o_mem_pool_t *pool, h2o_iovec_t text, enum json_problem *problem)
{
	struct parser p = {.pool = pool, .at = text.base, .end = text.base + text.len, .problem = JSON_FINE};
	json_t *value = parse_value(&p);
	skip_blanks(&p);
	if (value != NULL && p.at != p.end) {
		json_decref(value);
		value = refuse(&p, JSON_BAD_SYNTAX);
	}
	if (value == NULL)
		refuse(&p, JSON_BAD_SYNTAX);
	*problem = p.problem;
	return value;
}
