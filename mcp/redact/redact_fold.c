/* SPDX-License-Identifier: Apache-2.0 */
/* Text in which characters look like others, or cannot be seen, is looked at as it looks: what is found is replaced in
 * the original. */
#include <string.h>

#include "mcp/redact/redact_internal.h"

enum { SKIP = -1, KEEP = -2 };

static uint32_t decode_character(const char *p, size_t left, size_t *len)
{
	unsigned char c = (unsigned char)p[0];
	size_t wanted = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
	uint32_t code = wanted <= 1 ? c : c & (0x7FU >> wanted);

	*len = 1;
	if (wanted == 0 || wanted > left)
		return 0xFFFD;
	for (size_t i = 1; i < wanted; i++) {
		if (((unsigned char)p[i] & 0xC0) != 0x80)
			return 0xFFFD;
		code = code << 6 | ((unsigned char)p[i] & 0x3F);
	}
	*len = wanted;
	return code;
}

static bool is_within(uint32_t code, uint32_t first, uint32_t last)
{
	return code >= first && code <= last;
}

/* What it is read as: an ASCII character, SKIP or KEEP. */
static int folded(uint32_t code)
{
	if (is_within(code, 0xFF01, 0xFF5E)) /* full width */
		return (int)(code - 0xFEE0);
	if (code == 0xAD || code == 0x34F || code == 0x180E || code == 0xFEFF || is_within(code, 0x200B, 0x200F) ||
	    is_within(code, 0x202A, 0x202E) || is_within(code, 0x2060, 0x206F) || is_within(code, 0xFE00, 0xFE0F))
		return SKIP;
	if (is_within(code, 0xE0000, 0xE007F)) /* tags: ASCII that cannot be seen */
		return is_within(code, 0xE0021, 0xE007E) ? (int)(code - 0xE0000) : SKIP;
	if (code == 0xA0 || code == 0x202F || code == 0x3000 || is_within(code, 0x2000, 0x200A))
		return ' ';
	if (is_within(code, 0x2010, 0x2015) || code == 0x2212)
		return '-';
	if (is_within(code, 0x660, 0x669))
		return (int)('0' + code - 0x660);
	if (is_within(code, 0x6F0, 0x6F9))
		return (int)('0' + code - 0x6F0);
	if (is_within(code, 0x1D7CE, 0x1D7FF)) /* mathematical */
		return (int)('0' + (code - 0x1D7CE) % 10);
	if (is_within(code, 0x1D400, 0x1D6A3)) {
		uint32_t letter = (code - 0x1D400) % 52;
		return (int)(letter < 26 ? 'A' + letter : 'a' + letter - 26);
	}
	return KEEP;
}

static size_t find_folded(const struct scan *s)
{
	for (size_t at = 0, len; at < s->len; at += len) {
		len = 1;
		if ((unsigned char)s->base[at] < 0x80)
			continue;
		if (folded(decode_character(s->base + at, s->len - at, &len)) != KEEP)
			return at;
	}
	return s->len;
}

/* Goes over one character; how many bytes it is read as. */
static size_t step(const struct scan *s, size_t *at, char *ret)
{
	size_t len;
	int as = folded(decode_character(s->base + *at, s->len - *at, &len));
	const char *from = s->base + *at;

	*at += len;
	if (as == SKIP)
		return 0;
	if (as == KEEP) {
		memcpy(ret, from, len);
		return len;
	}
	ret[0] = (char)as;
	return 1;
}

/* The place from which the byte `wanted` was read. */
static size_t source_of(const struct scan *s, size_t *at, size_t *count, size_t wanted)
{
	char read[4];

	while (*at < s->len) {
		size_t before = *at, len = step(s, at, read);
		if (len > 0 && *count + len > wanted) {
			*at = before;
			return before;
		}
		*count += len;
	}
	return s->len;
}

void redact_scan_folded(struct scan *s)
{
	struct findings inner = {.pool = s->findings->pool};
	size_t at = find_folded(s), count = 0, len = 0;

	if (at == s->len)
		return;
	char *text = redact_scratch(s, s->len + 4);
	for (at = 0; at < s->len;)
		len += step(s, &at, text + len);
	struct scan as_read = {.rules = s->rules, .findings = &inner, .base = text, .len = len, .depth = s->depth + 1};
	redact_scan(&as_read);
	redact_findings_settle(&inner);
	at = 0;
	for (size_t i = 0; i < inner.count; i++) {
		size_t from = source_of(s, &at, &count, inner.list[i].start);
		size_t last = source_of(s, &at, &count, inner.list[i].end - 1), end = last;
		char read[4];
		step(s, &end, read);
		redact_found(s, from, end, inner.list[i].kind);
	}
}
