/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/guard/input_bounds.h"

struct reading {
	const char *at, *end;
	unsigned depth; /* of groups */
	bool sure;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Behind "[": to its "]". */
static void skip_class(struct reading *p)
{
	for (; p->at < p->end && *p->at != ']'; p->at++)
		if (*p->at == '\\')
			p->at++;
}

/* Behind "{": "2,}" has no end; other braces have one, or stand for themselves. */
static bool repeats_for_ever(const struct reading *p)
{
	const char *at = p->at;

	while (at < p->end && is_digit(*at))
		at++;
	return at > p->at && at + 1 < p->end && at[0] == ',' && at[1] == '}';
}

static void read_one(struct reading *p)
{
	switch (*p->at++) {
	case '\\': p->at++; break;
	case '[': skip_class(p); break;
	case '(': p->depth++; break;
	case ')': p->depth -= p->depth > 0; break;
	case '|': /* ^a|b$ is open at both ends */
		if (p->depth == 0)
			p->sure = false;
		break;
	case '*':
	case '+': p->sure = false; break;
	case '{': p->sure = p->sure && !repeats_for_ever(p); break;
	default: break;
	}
}

bool pattern_is_bounded(h2o_iovec_t pattern)
{
	struct reading p = {.sure = true};
	const char *last = NULL;

	if (pattern.len < 2 || pattern.base[0] != '^')
		return false;
	p.at = pattern.base + 1;
	p.end = pattern.base + pattern.len;
	while (p.sure && p.at < p.end) {
		last = p.at;
		read_one(&p);
	}
	/* the $ is one: not escaped, not in a class or group, and the last of all */
	return p.sure && p.depth == 0 && p.at == p.end && last == p.end - 1 && *last == '$';
}
