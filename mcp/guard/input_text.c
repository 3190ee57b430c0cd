/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/guard/input_text.h"

#include <string.h>

static const struct {
	const char *name;
	enum input_characters bit;
} GROUPS[] = {
    {"controls", CHARACTERS_CONTROLS},   {"direction", CHARACTERS_DIRECTION}, {"joiners", CHARACTERS_JOINERS},
    {"invisible", CHARACTERS_INVISIBLE}, {"tags", CHARACTERS_TAGS},
};
enum { GROUP_COUNT = sizeof(GROUPS) / sizeof(GROUPS[0]), DEPTH_MAX = JSON_DEPTH_LIMIT + 1 };

unsigned input_text_group(h2o_iovec_t name)
{
	for (size_t i = 0; i < GROUP_COUNT; i++)
		if (text_is(name, GROUPS[i].name))
			return GROUPS[i].bit;
	return 0;
}

/* ---- one text ---- */

/* Beginnings of UTF-8 sequences that may be one: of the rest, nothing is decoded. U+0080 to U+00BF, U+0340 to U+037F,
 * U+0600 to U+07BF, U+0800 to U+0FFF, U+1000 to U+3FFF, U+F000 to U+FFFF, and what has four bytes. */
static bool may_hide(unsigned char c)
{
	return c < 0x20 || c == 0x7f || c == 0xc2 || c == 0xcd || (c >= 0xd8 && c <= 0xde) || c == 0xe0 ||
	       (c >= 0xe1 && c <= 0xe3) || c == 0xef || c >= 0xf0;
}

/* Eight bytes from U+0020 to U+007E. */
static bool is_plain(const char *at)
{
	const uint64_t HIGH = 0x8080808080808080ULL, ONES = 0x0101010101010101ULL;
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	uint64_t below = (word - ONES * 0x20) & ~word,
		 is_delete = ((word ^ ONES * 0x7f) - ONES) & ~(word ^ ONES * 0x7f);
	return ((word | below | is_delete) & HIGH) == 0;
}

static bool is_direction(uint32_t code)
{
	return code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

static bool is_joiner(uint32_t code)
{
	return code == 0x200c || code == 0x200d || (code >= 0xfe00 && code <= 0xfe0f);
}

static unsigned group_of(uint32_t code, h2o_iovec_t one)
{
	if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029)
		return CHARACTERS_CONTROLS;
	if (is_direction(code))
		return CHARACTERS_DIRECTION;
	if (is_joiner(code))
		return CHARACTERS_JOINERS;
	if (code >= 0xe0000 && code <= 0xe0fff)
		return CHARACTERS_TAGS;
	return text_has_invisible(one) ? CHARACTERS_INVISIBLE : 0;
}

static bool is_text_control(h2o_iovec_t text, size_t at)
{
	char c = text.base[at];

	return c == '\t' || c == '\n' || (c == '\r' && at + 1 < text.len && text.base[at + 1] == '\n');
}

/* How many joiners may follow the character: emoji are made of several with two between them at most, and letters of
 * some scripts have one. Nothing can be hidden so but behind what is seen. */
static unsigned joiners_behind(unsigned char c)
{
	if (c >= 0x80)
		return 2;
	return (c >= '0' && c <= '9') || c == '#' || c == '*' ? 1 : 0;
}

/* Where the first is that is not allowed; the length if there is none. */
static size_t find(h2o_iovec_t text, unsigned allowed, uint32_t *code, unsigned *group)
{
	unsigned joiners = 0;

	for (size_t at = 0, len; at < text.len; at += len) {
		unsigned char c = (unsigned char)text.base[at];
		len = 8;
		if (text.len - at > len && is_plain(text.base + at)) {
			joiners = joiners_behind((unsigned char)text.base[at + 7]);
			continue;
		}
		len = 1;
		if (!may_hide(c) || is_text_control(text, at)) {
			joiners = joiners_behind(c);
			continue;
		}
		*code = text_read(text.base + at, text.len - at, &len);
		*group = group_of(*code, h2o_iovec_init(text.base + at, len));
		if (*group == CHARACTERS_JOINERS && joiners > 0)
			joiners--;
		else if ((*group & ~allowed) != 0)
			return at;
		else
			joiners = *group == 0 ? 2 : 0;
	}
	return text.len;
}

/* ---- all of them ---- */

struct place { /* from the innermost outwards */
	const struct place *in;
	const char *name; /* NULL: an item */
	size_t index;
};

static void append_place(struct text_buffer *b, const struct place *place)
{
	if (place == NULL) {
		text_append_str(b, "arguments");
		return;
	}
	append_place(b, place->in);
	if (place->name != NULL)
		text_append_printf(b, ".%s", place->name);
	else
		text_append_printf(b, "[%zu]", place->index);
}

static const char *problem_of(h2o_mem_pool_t *pool, h2o_iovec_t text, unsigned allowed, const struct place *place,
                              bool is_name)
{
	const char *group_name = "";
	uint32_t code;
	unsigned group;
	size_t at = find(text, allowed, &code, &group);
	struct text_buffer b = {.pool = pool};

	if (at == text.len)
		return NULL;
	for (size_t i = 0; i < GROUP_COUNT; i++)
		if (GROUPS[i].bit == group)
			group_name = GROUPS[i].name;
	append_place(&b, place);
	text_append_printf(&b, ": %s has U+%04X at character %zu (%s), which this tool does not take",
	                   is_name ? "the name of a member" : "the text", code,
	                   text_code_points(h2o_iovec_init(text.base, at)) + 1, group_name);
	return b.base;
}

static const char *look_at(h2o_mem_pool_t *pool, const json_t *value, unsigned allowed, const struct place *in,
                           unsigned depth)
{
	const char *problem = NULL;
	struct place place = {.in = in};
	json_t *member;
	size_t i, len;

	if (json_is_string(value))
		return problem_of(pool, h2o_iovec_init((char *)json_string_value(value), json_string_length(value)),
		                  allowed, in, false);
	if (depth == DEPTH_MAX)
		return NULL;
	json_object_keylen_foreach((json_t *)value, place.name, len, member)
	{
		problem = problem_of(pool, h2o_iovec_init((char *)place.name, len), allowed, in, true);
		if (problem == NULL)
			problem = look_at(pool, member, allowed, &place, depth + 1);
		if (problem != NULL)
			return problem;
	}
	place.name = NULL;
	json_array_foreach ((json_t *)value, i, member) {
		place.index = i;
		problem = look_at(pool, member, allowed, &place, depth + 1);
		if (problem != NULL)
			return problem;
	}
	return NULL;
}

const char *input_text_problem(h2o_mem_pool_t *pool, const json_t *arguments, unsigned allowed)
{
	return look_at(pool, arguments, allowed, NULL, 0);
}
