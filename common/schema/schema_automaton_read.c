/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a translated pattern into a machine. The translation has written ASCII characters as \x{..}, so that few forms
 * are left; at any other the pattern is not regular, or not for here. */
#include "schema_automaton.h"

#include <stdlib.h>
#include <string.h>

enum { LAST_POINT = 0x10ffff, PARTS_MAX = 20000, GROUPS_MAX = 200 };

struct machine_reader {
	struct machine *m;
	const char *s;
	size_t parts, groups; /* read so far; open now */
};

static const struct code_points WORD[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct code_points DIGIT[] = {{'0', '9'}};

static struct machine_part read_alternatives(struct machine_reader *r);

uint16_t machine_add(struct machine *m, struct machine_state state)
{
	if (m->count == MACHINE_STATES) {
		m->failed = true;
		return 0;
	}
	m->states[m->count] = state;
	return (uint16_t)m->count++;
}

static uint16_t add_split(struct machine *m, uint16_t next, uint16_t other)
{
	return machine_add(m, (struct machine_state){MACHINE_SPLIT, 0, 0, next, other});
}

static struct machine_part add_edge(struct machine *m, enum machine_kind kind)
{
	uint16_t end = add_split(m, 0, 0);
	return (struct machine_part){machine_add(m, (struct machine_state){(uint8_t)kind, 0, 0, end, end}), end};
}

static struct machine_part nothing(struct machine *m)
{
	uint16_t only = add_split(m, 0, 0);
	return (struct machine_part){only, only};
}

/* Closes an open end. */
static void leads_to(struct machine *m, uint16_t end, uint16_t next)
{
	m->states[end].next = m->states[end].other = next;
}

static bool take(struct machine_reader *r, const char *text)
{
	size_t len = strlen(text);
	if (strncmp(r->s, text, len) != 0)
		return false;
	r->s += len;
	return true;
}

static void refuse(struct machine_reader *r)
{
	r->m->failed = true;
}

/* \x{..}, or a character beyond ASCII as it is. */
static uint32_t read_point(struct machine_reader *r)
{
	uint32_t ret = (unsigned char)*r->s;
	if (take(r, "\\x{")) {
		char *end;
		ret = (uint32_t)strtoul(r->s, &end, 16);
		r->s = end + (*end == '}');
		return ret;
	}
	if (ret < 0x80) {
		refuse(r);
		return 0;
	}
	r->s++;
	ret &= ret >= 0xf0 ? 0x07 : ret >= 0xe0 ? 0x0f : 0x1f;
	for (; ((unsigned char)*r->s & 0xc0) == 0x80; r->s++)
		ret = ret << 6 | ((unsigned char)*r->s & 0x3f);
	return ret;
}

struct character_class {
	struct code_points ranges[MACHINE_RANGES];
	size_t count;
};

static void add_points(struct machine_reader *r, struct character_class *c, uint32_t first, uint32_t last)
{
	if (c->count == MACHINE_RANGES || first > last)
		refuse(r);
	else
		c->ranges[c->count++] = (struct code_points){first, last};
}

static int compare_points(const void *a, const void *b)
{
	const struct code_points *x = a, *y = b;
	return (x->first > y->first) - (x->first < y->first);
}

/* Sorts and joins ranges, in place. */
static void join_points(struct character_class *c)
{
	size_t count = 0;
	qsort(c->ranges, c->count, sizeof(c->ranges[0]), compare_points);
	for (size_t i = 0; i < c->count; i++) {
		struct code_points *last = count == 0 ? NULL : &c->ranges[count - 1];
		if (last == NULL || c->ranges[i].first > last->last + 1)
			c->ranges[count++] = c->ranges[i];
		else if (c->ranges[i].last > last->last)
			last->last = c->ranges[i].last;
	}
	c->count = count;
}

/* Everything that is not in these sorted ranges. */
static void add_others(struct machine_reader *r, struct character_class *c, const struct code_points *ranges,
                       size_t count)
{
	uint32_t next = 0;
	for (size_t i = 0; i < count; i++) {
		if (ranges[i].first > next)
			add_points(r, c, next, ranges[i].first - 1);
		next = ranges[i].last + 1;
	}
	if (next <= LAST_POINT)
		add_points(r, c, next, LAST_POINT);
}

static void add_all(struct machine_reader *r, struct character_class *c, const struct code_points *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_points(r, c, ranges[i].first, ranges[i].last);
}

/* \d, \D, \w, \W; false if there is none of them. */
static bool read_kind(struct machine_reader *r, struct character_class *c)
{
	if (take(r, "\\d"))
		add_all(r, c, DIGIT, 1);
	else if (take(r, "\\D"))
		add_others(r, c, DIGIT, 1);
	else if (take(r, "\\w"))
		add_all(r, c, WORD, 4);
	else if (take(r, "\\W"))
		add_others(r, c, WORD, 4);
	else
		return false;
	return true;
}

static void read_class_member(struct machine_reader *r, struct character_class *c)
{
	if (read_kind(r, c))
		return;
	if (take(r, "-") || take(r, "\\-")) {
		add_points(r, c, '-', '-');
		return;
	}
	uint32_t first = read_point(r);
	if (*r->s != '-') {
		add_points(r, c, first, first);
		return;
	}
	r->s++;
	add_points(r, c, first, read_point(r));
}

static struct machine_part read_class(struct machine_reader *r)
{
	struct character_class c = {.count = 0}, others = {.count = 0};
	bool negated = take(r, "^");
	while (*r->s != ']' && *r->s != '\0' && !r->m->failed)
		read_class_member(r, &c);
	r->s += *r->s == ']';
	join_points(&c);
	if (!negated)
		return machine_characters(r->m, c.ranges, c.count);
	add_others(r, &others, c.ranges, c.count);
	return machine_characters(r->m, others.ranges, others.count);
}

static struct machine_part read_group(struct machine_reader *r)
{
	if (take(r, "?!)")) /* an empty class */
		return machine_characters(r->m, NULL, 0);
	if (!take(r, "?:") && *r->s == '?' && (r->s[1] != '<' || r->s[2] == '=' || r->s[2] == '!'))
		refuse(r);
	else if (*r->s == '?') /* a name without back reference */
		r->s = strchr(r->s, '>') + 1;
	if (r->groups++ == GROUPS_MAX)
		refuse(r);
	struct machine_part ret = r->m->failed ? nothing(r->m) : read_alternatives(r);
	r->groups--;
	if (!take(r, ")"))
		refuse(r);
	return ret;
}

static struct machine_part read_atom(struct machine_reader *r)
{
	struct character_class c = {.count = 0};
	if (++r->parts > PARTS_MAX)
		refuse(r);
	if (r->m->failed)
		return nothing(r->m);
	if (take(r, "^"))
		return add_edge(r->m, MACHINE_BEGIN);
	if (take(r, "$"))
		return add_edge(r->m, MACHINE_END);
	if (take(r, "("))
		return read_group(r);
	if (take(r, "["))
		return read_class(r);
	if (!read_kind(r, &c)) {
		uint32_t point = read_point(r);
		add_points(r, &c, point, point);
	}
	return machine_characters(r->m, c.ranges, c.count);
}

struct repetition {
	long least, most; /* most -1: any number */
};

static struct repetition read_repetition(struct machine_reader *r)
{
	struct repetition ret = {1, 1};
	char *end;
	if (take(r, "*")) {
		ret = (struct repetition){0, -1};
	} else if (take(r, "+")) {
		ret = (struct repetition){1, -1};
	} else if (take(r, "?")) {
		ret = (struct repetition){0, 1};
	} else if (take(r, "{")) {
		ret.least = ret.most = strtol(r->s, &end, 10);
		r->s = end;
		if (take(r, ",")) {
			ret.most = *r->s == '}' ? -1 : strtol(r->s, &end, 10);
			r->s = strchr(r->s, '}');
		}
		r->s++;
	} else {
		return ret;
	}
	take(r, "?"); /* lazy or not: the same texts match */
	if (ret.least > MACHINE_STATES || ret.most > MACHINE_STATES)
		refuse(r);
	return ret;
}

static struct machine_part join(struct machine *m, struct machine_part a, struct machine_part b)
{
	leads_to(m, a.end, b.start);
	return (struct machine_part){a.start, b.end};
}

/* An atom with its quantifier: the atom is read again for each repetition that is counted. */
static struct machine_part read_item(struct machine_reader *r)
{
	struct machine *m = r->m;
	const char *atom = r->s;
	struct machine_part first = read_atom(r), ret = nothing(m);
	struct repetition times = read_repetition(r);
	const char *behind = r->s;
	uint16_t end = add_split(m, 0, 0);

	for (long i = 0; (i < times.least || i < times.most) && !m->failed; i++) {
		r->s = atom;
		struct machine_part next = i == 0 ? first : read_atom(r);
		if (i >= times.least) /* from here on it may end */
			next.start = add_split(m, next.start, end);
		ret = join(m, ret, next);
	}
	if (times.most == -1 && !m->failed) {
		r->s = atom;
		struct machine_part more = times.least == 0 ? first : read_atom(r);
		uint16_t again = add_split(m, more.start, end);
		leads_to(m, more.end, again);
		leads_to(m, ret.end, again);
	} else {
		leads_to(m, ret.end, end);
	}
	r->s = behind;
	return (struct machine_part){ret.start, end};
}

static struct machine_part read_sequence(struct machine_reader *r)
{
	struct machine_part ret = nothing(r->m);
	while (*r->s != '\0' && *r->s != '|' && *r->s != ')' && !r->m->failed)
		ret = join(r->m, ret, read_item(r));
	return ret;
}

static struct machine_part read_alternatives(struct machine_reader *r)
{
	struct machine_part ret = read_sequence(r);
	while (take(r, "|") && !r->m->failed) {
		struct machine_part other = read_sequence(r);
		uint16_t end = add_split(r->m, 0, 0);
		leads_to(r->m, ret.end, end);
		leads_to(r->m, other.end, end);
		ret = (struct machine_part){add_split(r->m, ret.start, other.start), end};
	}
	return ret;
}

uint16_t machine_read(struct machine *m, const char *translated)
{
	struct machine_reader r = {.m = m, .s = translated};
	struct machine_part all = read_alternatives(&r);
	if (*r.s != '\0')
		refuse(&r);
	leads_to(m, all.end, machine_add(m, (struct machine_state){MACHINE_MATCH, 0, 0, 0, 0}));
	return all.start;
}
