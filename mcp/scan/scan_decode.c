/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that are written in base64 or hex digits: what a model can read is looked at as what it says. */
#include "common/encoding.h"
#include "mcp/redact/redact_internal.h"
#include "mcp/scan/scan_internal.h"

enum { CHUNK = 1024 /* bytes that are decoded at a time */, LOOKED_AT = 48 };

/* 0: they are not all hex digits. */
static size_t read_hex(const char *run, size_t len, char *ret)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		int high = hex_value(run[i]), low = hex_value(run[i + 1]);
		if (high < 0 || low < 0)
			return 0;
		ret[i / 2] = (char)(high << 4 | low);
	}
	return len / 2;
}

/* Text and not the bytes of something else: of its beginning nearly all can be read. */
static bool is_readable(const char *text, size_t len)
{
	size_t wrong = 0, looked_at = len < LOOKED_AT ? len : LOOKED_AT;

	for (size_t i = 0; i < looked_at; i++) {
		unsigned char c = (unsigned char)text[i];
		wrong += (c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7F || c == 0xFF || c == 0xC0;
	}
	return looked_at >= 12 && wrong * 16 <= looked_at &&
	       text_is_utf8(text_beginning(h2o_iovec_init(text, len), looked_at));
}

static void look_at(struct scan_verdict *verdict, h2o_iovec_t text, unsigned depth)
{
	struct scan_verdict inner = {{0}};

	scan_text_at(&inner, text, depth + 1);
	unsigned score = scan_score(&inner);
	if (score < 30)
		return;
	scan_found(verdict, SCAN_ENCODED, score);
	for (size_t i = 0; i < SCAN_FINDINGS; i++)
		scan_found(verdict, i, inner.weights[i]);
}

void scan_decode(struct scan_verdict *verdict, const char *run, size_t len, unsigned depth)
{
	char text[CHUNK + 4];

	for (size_t at = 0; at < len; at += CHUNK) {
		size_t part = len - at < CHUNK ? len - at : CHUNK, size = read_hex(run + at, part, text);
		if (size == 0)
			size = redact_base64(run + at, part, text);
		if (!is_readable(text, size))
			return;
		look_at(verdict, h2o_iovec_init(text, size), depth);
	}
}

/* ---- escapes of one character ---- */

static unsigned hex_digits(const char *p, size_t count, bool *fine)
{
	unsigned value = 0;

	for (size_t i = 0; i < count; i++) {
		int digit = hex_value(p[i]);
		*fine &= digit >= 0;
		value = value << 4 | ((unsigned)digit & 15);
	}
	return value;
}

size_t scan_read_escape(const char *p, size_t left, uint32_t *code)
{
	bool fine = true;

	if (p[0] == '%' && left >= 3) {
		*code = hex_digits(p + 1, 2, &fine);
		return fine && *code < 0x80 ? 3 : 0;
	}
	if (p[0] == '&' && left >= 4 && p[1] == '#') {
		size_t at = 2;
		for (*code = 0; at < left && at < 8 && p[at] >= '0' && p[at] <= '9'; at++)
			*code = *code * 10 + (uint32_t)(p[at] - '0');
		return at > 2 && at < left && p[at] == ';' ? at + 1 : 0;
	}
	if (p[0] != '\\' || left < 2)
		return 0;
	if (p[1] == 'n' || p[1] == 'r' || p[1] == 't' || p[1] == 'b' || p[1] == 'f') {
		*code = p[1] == 'n' ? '\n' : ' ';
		return 2;
	}
	if (p[1] != 'u' || left < 6)
		return 0;
	*code = hex_digits(p + 2, 4, &fine);
	if (fine && (*code & 0xFC00) == 0xD800 && left >= 12 && p[6] == '\\' && p[7] == 'u')
		*code = 0x10000U + ((*code & 0x3FF) << 10) + (hex_digits(p + 8, 4, &fine) & 0x3FF);
	return !fine ? 0 : *code >= 0x10000 ? 12 : 6;
}
