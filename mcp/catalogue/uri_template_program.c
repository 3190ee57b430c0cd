/* SPDX-License-Identifier: Apache-2.0 */
/* The automaton of a template. There is exactly one way without a character between any two of its instructions, so two
 * ways through it are two readings of the URI. */
#include <string.h>

#include "mcp/catalogue/uri_template_internal.h"

/* Beside unreserved characters and escapes a value may have those that JavaScript's encodeURIComponent leaves alone,
 * for so the official SDK's client expands templates. */
static const char *const SETS[URI_SETS] = {
    [URI_SET_VALUE] = "-_~%!'()*.",
    [URI_SET_LABEL] = "-_~%!'()*",
    [URI_SET_RESERVED] = "-_~%!'()*.:/?#[]@$&+,;=",
};

bool uri_set_has(enum uri_set set, char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr(SETS[set], c) != NULL;
}

/* Its place. */
static size_t emit(struct uri_template *t, struct uri_instruction instruction)
{
	if (t->length == URI_PROGRAM_MAX)
		h2o_fatal("the program of a URI template is too long");
	t->program[t->length] = instruction;
	return t->length++;
}

static size_t emit_op(struct uri_template *t, enum uri_op op, uint8_t variable)
{
	return emit(t, (struct uri_instruction){.op = op, .variable = variable});
}

static void emit_text(struct uri_template *t, h2o_iovec_t text)
{
	for (size_t i = 0; i < text.len; i++)
		emit(t, (struct uri_instruction){.op = URI_CHARACTER, .character = text.base[i]});
}

/* The instruction there leads to what comes next. */
static void lead_here(struct uri_template *t, size_t place)
{
	t->program[place].target = (uint16_t)t->length;
}

static enum uri_set set_of(const struct uri_operator *operator)
{
	if (operator->sign == '.')
		return URI_SET_LABEL;
	return operator->reserved ? URI_SET_RESERVED : URI_SET_VALUE;
}

/* One character or more. */
static void emit_value(struct uri_template *t, const struct uri_operator *operator, uint8_t variable)
{
	emit_op(t, URI_BEGIN, variable);
	size_t set = emit(t, (struct uri_instruction){.op = URI_SET, .set = set_of(operator)});
	t->program[emit_op(t, URI_BRANCH, 0)].target = (uint16_t)set;
	emit_op(t, URI_END, variable);
}

/* "=" and a value, or an empty one in the way of the operator. */
static void emit_named_value(struct uri_template *t, const struct uri_operator *operator, uint8_t variable)
{
	bool with_sign = *operator->if_empty != '\0';

	if (with_sign)
		emit_text(t, text_of("="));
	size_t empty = emit_op(t, URI_BRANCH, 0);
	if (!with_sign)
		emit_text(t, text_of("="));
	emit_value(t, operator, variable);
	size_t done = emit_op(t, URI_JUMP, 0);
	lead_here(t, empty);
	emit_op(t, URI_BEGIN, variable);
	emit_op(t, URI_END, variable);
	lead_here(t, done);
}

/* Any of the variables in their order: one that is the first of them, then others. */
static void emit_named(struct uri_template *t, const struct uri_part *part)
{
	const struct uri_operator *operator= part->operator;
	size_t others[URI_TEMPLATE_VARIABLES_MAX];

	for (size_t i = 0; i < part->count; i++) {
		size_t missing = emit_op(t, URI_BRANCH, 0);
		emit_text(t, text_of(operator->first));
		emit_text(t, text_of(t->variables[part->variables[i]]));
		emit_named_value(t, operator, part->variables[i]);
		others[i] = emit_op(t, URI_JUMP, 0);
		lead_here(t, missing);
	}
	size_t none = emit_op(t, URI_JUMP, 0);
	for (size_t i = 1; i < part->count; i++) {
		lead_here(t, others[i - 1]);
		size_t missing = emit_op(t, URI_BRANCH, 0);
		emit_text(t, text_of(operator->separator));
		emit_text(t, text_of(t->variables[part->variables[i]]));
		emit_named_value(t, operator, part->variables[i]);
		lead_here(t, missing);
	}
	lead_here(t, others[part->count - 1]);
	lead_here(t, none);
}

static void emit_unnamed(struct uri_template *t, const struct uri_part *part)
{
	for (size_t i = 0; i < part->count; i++) {
		emit_text(t, text_of(i == 0 ? part->operator->first : part->operator->separator));
		emit_value(t, part->operator, part->variables[i]);
	}
}

void uri_template_build(h2o_mem_pool_t *pool, struct uri_template *template)
{
	if (template->repeats) /* it is never matched */
		return;
	template->program = h2o_mem_alloc_pool(pool, URI_PROGRAM_MAX * sizeof(*template->program));
	for (size_t i = 0; i < template->part_count; i++) {
		const struct uri_part *part = &template->parts[i];
		if (part->operator== NULL)
			emit_text(template, part->literal);
		else if (part->operator->named)
			emit_named(template, part);
		else
			emit_unnamed(template, part);
	}
	emit_op(template, URI_MATCHED, 0);
}

/* ---- two readings ---- */

struct pair {
	uint16_t a, b;
	uint8_t apart; /* the ways have parted */
};

/* All pairs of instructions that the two programs can have come to with the same characters. */
struct pairs {
	const struct uri_template *a, *b;
	uint8_t *seen;
	struct text_buffer open;
};

/* The instructions that take a character, or URI_MATCHED, which can be come to from `at` without one. */
static size_t next_stops(const struct uri_template *t, size_t at, uint16_t *stops, size_t count)
{
	for (;;) {
		const struct uri_instruction *i = &t->program[at];
		switch ((enum uri_op)i->op) {
		case URI_CHARACTER:
		case URI_SET:
		case URI_MATCHED: stops[count] = (uint16_t)at; return count + 1;
		case URI_BRANCH:
			count = next_stops(t, i->target, stops, count);
			at++;
			break;
		case URI_JUMP: at = i->target; break;
		case URI_BEGIN:
		case URI_END: at++; break;
		}
	}
}

static void add_pair(struct pairs *pairs, struct pair pair)
{
	size_t index = ((size_t)pair.a * pairs->b->length + pair.b) * 2 + pair.apart;

	if ((pairs->seen[index / 8] >> index % 8 & 1) != 0)
		return;
	pairs->seen[index / 8] |= (uint8_t)(1 << index % 8);
	text_append(&pairs->open, &pair, sizeof(pair));
}

static void add_pairs(struct pairs *pairs, size_t a, size_t b, bool apart)
{
	uint16_t stops_a[URI_PROGRAM_MAX], stops_b[URI_PROGRAM_MAX];
	size_t count_a = next_stops(pairs->a, a, stops_a, 0), count_b = next_stops(pairs->b, b, stops_b, 0);

	for (size_t i = 0; i < count_a; i++)
		for (size_t j = 0; j < count_b; j++)
			add_pair(pairs, (struct pair){stops_a[i], stops_b[j], apart || stops_a[i] != stops_b[j]});
}

static bool share_character(const struct uri_instruction *a, const struct uri_instruction *b)
{
	if (a->op == URI_MATCHED || b->op == URI_MATCHED)
		return false;
	if (a->op == URI_SET && b->op == URI_SET)
		return true;
	if (a->op == URI_SET)
		return uri_set_has(a->set, b->character);
	return b->op == URI_SET ? uri_set_has(b->set, a->character) : a->character == b->character;
}

/* Two ways that have parted and end at the same time. Two templates are apart from the beginning. */
static bool have_two_ways(const struct uri_template *a, const struct uri_template *b)
{
	h2o_mem_pool_t pool;
	struct pairs pairs = {.a = a, .b = b, .open = {.pool = &pool}};
	size_t size = a->length * b->length * 2 / 8 + 1;
	struct pair pair;
	bool found = false;

	h2o_mem_init_pool(&pool);
	pairs.seen = h2o_mem_alloc_pool(&pool, size);
	memset(pairs.seen, 0, size);
	add_pairs(&pairs, 0, 0, a != b);
	while (pairs.open.len > 0 && !found) {
		pairs.open.len -= sizeof(pair);
		memcpy(&pair, pairs.open.base + pairs.open.len, sizeof(pair));
		const struct uri_instruction *at_a = &a->program[pair.a], *at_b = &b->program[pair.b];
		found = at_a->op == URI_MATCHED && at_b->op == URI_MATCHED && pair.apart;
		if (share_character(at_a, at_b))
			add_pairs(&pairs, pair.a + 1U, pair.b + 1U, pair.apart);
	}
	h2o_mem_clear_pool(&pool);
	return found;
}

const char *uri_template_problem(const struct uri_template *template)
{
	if (template->repeats)
		return "has a variable twice";
	return have_two_ways(template, template) ? "is ambiguous: a URI could be read in two ways" : NULL;
}

bool uri_template_overlaps(const struct uri_template *a, const struct uri_template *b)
{
	return have_two_ways(a, b);
}
