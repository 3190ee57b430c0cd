/* SPDX-License-Identifier: Apache-2.0 */
/* All ways through the automaton at once, one character after the other: nothing is ever tried again. */
#include <string.h>

#include "common/encoding.h"
#include "mcp/catalogue/uri_template_internal.h"

struct span {
	uint16_t begin, end;
	bool is_there;
};

/* A way so far: where it stands, and what it has read. */
struct way {
	size_t at;
	struct span spans[URI_TEMPLATE_VARIABLES_MAX];
};

struct ways {
	struct way *items;
	size_t count;
};

/* Goes on from `way` to the instructions that take a character. */
static void follow(const struct uri_template *t, struct ways *ways, struct way way, size_t position)
{
	for (;;) {
		const struct uri_instruction *i = &t->program[way.at];
		switch ((enum uri_op)i->op) {
		case URI_CHARACTER:
		case URI_SET:
		case URI_MATCHED:
			if (ways->count < t->length) /* no two ways of an unambiguous template stand at one place */
				ways->items[ways->count++] = way;
			return;
		case URI_BEGIN:
			way.spans[i->variable].begin = (uint16_t)position;
			way.at++;
			break;
		case URI_END:
			way.spans[i->variable].end = (uint16_t)position;
			way.spans[i->variable].is_there = true;
			way.at++;
			break;
		case URI_JUMP: way.at = i->target; break;
		case URI_BRANCH:
			way.at++;
			follow(t, ways, way, position);
			way.at = i->target;
			break;
		}
	}
}

static bool takes(const struct uri_instruction *i, char c)
{
	if (i->op == URI_CHARACTER)
		return i->character == c;
	return i->op == URI_SET && uri_set_has(i->set, c);
}

/* False if no way ends with the URI. */
static bool find_way(h2o_mem_pool_t *pool, const struct uri_template *t, h2o_iovec_t uri, struct way *ret)
{
	size_t size = t->length * sizeof(struct way);
	struct ways here = {h2o_mem_alloc_pool(pool, size), 0}, next = {h2o_mem_alloc_pool(pool, size), 0};

	follow(t, &here, (struct way){.at = 0}, 0);
	for (size_t position = 0; position < uri.len && here.count > 0; position++) {
		next.count = 0;
		for (size_t i = 0; i < here.count; i++) {
			struct way *way = &here.items[i];
			if (!takes(&t->program[way->at], uri.base[position]))
				continue;
			way->at++;
			follow(t, &next, *way, position + 1);
		}
		struct ways done = here;
		here = next;
		next = done;
	}
	for (size_t i = 0; i < here.count; i++) {
		if (t->program[here.items[i].at].op != URI_MATCHED)
			continue;
		*ret = here.items[i];
		return true;
	}
	return false;
}

static bool starts_with_literal(const struct uri_template *t, h2o_iovec_t uri)
{
	const struct uri_part *first = &t->parts[0];

	if (t->part_count == 0 || first->operator!= NULL)
		return true;
	return uri.len >= first->literal.len && memcmp(uri.base, first->literal.base, first->literal.len) == 0;
}

/* C0, DEL and C1. */
static bool has_control(h2o_iovec_t text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.base[i], before = i > 0 ? (unsigned char)text.base[i - 1] : 0;
		if (c < 0x20 || c == 0x7F || (before == 0xC2 && c < 0xA0))
			return true;
	}
	return false;
}

static bool decode(h2o_mem_pool_t *pool, h2o_iovec_t text, h2o_iovec_t *ret)
{
	char *decoded = h2o_mem_alloc_pool(pool, text.len + 1);
	size_t len = 0;

	for (size_t at = 0; at < text.len; at++) {
		char c = text.base[at];
		if (c == '%') {
			int high = text.len - at >= 3 ? hex_value(text.base[at + 1]) : -1;
			int low = text.len - at >= 3 ? hex_value(text.base[at + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			at += 2;
		}
		decoded[len++] = c;
	}
	decoded[len] = '\0';
	*ret = h2o_iovec_init(decoded, len);
	return text_is_utf8(*ret) && !has_control(*ret);
}

bool uri_template_match(h2o_mem_pool_t *pool, const struct uri_template *template, h2o_iovec_t uri, h2o_iovec_t *values)
{
	struct way way;

	if (uri.len > URI_SIZE_MAX || template->repeats || !starts_with_literal(template, uri) ||
	    !find_way(pool, template, uri, &way))
		return false;
	for (size_t i = 0; i < template->variable_count; i++) {
		const struct span *span = &way.spans[i];
		values[i] = (h2o_iovec_t){NULL, 0};
		h2o_iovec_t text = h2o_iovec_init(uri.base + span->begin, (size_t)span->end - span->begin);
		if (span->is_there && !decode(pool, text, &values[i]))
			return false;
	}
	return true;
}
