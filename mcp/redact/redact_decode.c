/* SPDX-License-Identifier: Apache-2.0 */
/* What is written in percent-encoding or in base64 is looked at as what it says. */
#include <string.h>

#include "common/encoding.h"
#include "mcp/redact/redact_internal.h"

enum {
	URL = REDACT_ALNUM | REDACT_DASH | REDACT_BASE | REDACT_DOT | REDACT_LOCAL | REDACT_URL,
	BASE64 = REDACT_ALNUM | REDACT_DASH | REDACT_BASE,
	PERCENT_BEFORE = 1024,
	PERCENT_MAX = 8 * 1024,
	MIME_LINE_MIN = 60,
};

/* ---- percent-encoding ---- */

static bool is_escape(const struct scan *s, size_t at, size_t end)
{
	return end - at >= 3 && s->base[at] == '%' && hex_value(s->base[at + 1]) >= 0 &&
	       hex_value(s->base[at + 2]) >= 0;
}

/* The place of the decoded character `wanted`, counted from the character `*count`, which is at `at`. */
static size_t source_of(const struct scan *s, size_t at, size_t end, size_t wanted, size_t *count)
{
	for (; *count < wanted && at < end; ++*count)
		at += is_escape(s, at, end) ? 3 : 1;
	return at;
}

void redact_check_percent(struct scan *s, size_t at)
{
	struct findings inner;
	size_t start = at, len = 0, count = 0;

	if (at < s->percent_end || s->depth >= REDACT_DEPTH_MAX || !is_escape(s, at, s->len))
		return;
	while (start > s->percent_end && at - start < PERCENT_BEFORE && redact_is(s, start - 1, URL))
		start--;
	size_t end = redact_run(s, at, URL, PERCENT_MAX);
	char *decoded = redact_scratch(s, end - start);
	for (size_t i = start; i < end; i += is_escape(s, i, end) ? 3 : 1)
		decoded[len++] = is_escape(s, i, end)
		                     ? (char)(hex_value(s->base[i + 1]) << 4 | hex_value(s->base[i + 2]))
		                     : s->base[i];
	s->percent_end = end;
	redact_scan_inner(s, h2o_iovec_init(decoded, len), &inner);
	for (size_t i = 0; i < inner.count; i++) {
		size_t from = source_of(s, start, end, inner.list[i].start, &count);
		start = source_of(s, from, end, inner.list[i].end, &count);
		redact_found(s, from, start, inner.list[i].kind);
	}
}

/* ---- base64 ---- */

int redact_base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

size_t redact_base64(const char *text, size_t len, char *ret)
{
	unsigned bits = 0, count = 0;
	size_t written = 0;

	for (size_t i = 0; i < len; i++) {
		int value = redact_base64_value(text[i]);
		if (value < 0)
			continue;
		bits = bits << 6 | (unsigned)value;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		ret[written++] = (char)(bits >> count);
	}
	return written;
}

/* The end of what begins at `at`, lines as MIME breaks them included. */
static size_t base64_end(const struct scan *s, size_t at)
{
	for (;;) {
		size_t end = redact_run(s, at, BASE64, s->len - at), next = end;
		if (end - at < MIME_LINE_MIN)
			return end;
		next += redact_has(s, next, "\r");
		next += redact_has(s, next, "\n");
		if (next == end || !redact_is(s, next, BASE64))
			return end;
		at = next;
	}
}

/* Text that is encoded has letters of both cases; names and digests seldom do. */
static bool has_both_cases(const struct scan *s, size_t at, size_t end)
{
	unsigned seen = 0;

	for (; at < end && (seen & REDACT_LETTER) != REDACT_LETTER; at++)
		seen |= REDACT_CLASS[(unsigned char)s->base[at]];
	return (seen & REDACT_LETTER) == REDACT_LETTER;
}

void redact_check_base64(struct scan *s, size_t at)
{
	struct findings inner;

	if (at < s->base64_end || s->depth >= REDACT_DEPTH_MAX)
		return;
	at = redact_run(s, at, REDACT_DASH | REDACT_BASE, s->len - at); /* a path's first slash is none of it */
	size_t end = base64_end(s, at);
	s->base64_end = end;
	if (!has_both_cases(s, at, end))
		return;
	char *decoded = redact_scratch(s, (end - at) / 4 * 3 + 3);
	redact_scan_inner(s, h2o_iovec_init(decoded, redact_base64(s->base + at, end - at, decoded)), &inner);
	if (inner.count == 0)
		return;
	while (end < s->len && s->base[end] == '=')
		end++;
	redact_found(s, at, end, inner.list[0].kind);
}
