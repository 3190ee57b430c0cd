/* SPDX-License-Identifier: Apache-2.0 */
/* Text in which characters look like others, or cannot be seen, is looked at as it looks: what is found is replaced in
 * the original. */
#include <string.h>

#include "mcp/redact/redact_internal.h"
#include "mcp/scan/looks.h"

static size_t find_folded(const struct scan *s)
{
	for (size_t at = 0, len; at < s->len; at += len) {
		len = 1;
		if ((unsigned char)s->base[at] < 0x80)
			continue;
		if (looks_plain(text_read(s->base + at, s->len - at, &len)) != LOOKS_ITSELF)
			return at;
	}
	return s->len;
}

/* Goes over one character; how many bytes it is read as. */
static size_t step(const struct scan *s, size_t *at, char *ret)
{
	size_t len;
	uint32_t code = text_read(s->base + *at, s->len - *at, &len);
	int as = code < 0x80 ? LOOKS_ITSELF : looks_plain(code);
	const char *from = s->base + *at;

	*at += len;
	if (as == LOOKS_HIDDEN)
		return 0;
	if (as == LOOKS_ITSELF) {
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
