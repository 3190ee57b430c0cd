/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/guard/untrusted_clean.h"

#include <string.h>

#include "common/encoding.h"

enum { ESCAPE_MAX = 64 /* characters of a control sequence */, STRING_MAX = 4096 /* of what a terminal is told */ };
enum { ESC = 0x1B, BEL = 0x07, CSI = 0x9B, ST = 0x9C };

struct unit { /* one character as it is written in JSON */
	uint32_t code;
	size_t len;
	bool is_escaped;
};

/* Four hex digits; -1: they are none. */
static int hex4(const char *p, size_t left)
{
	int value = 0;

	if (left < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(p[i]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* Behind `backslashes` of them at p: what the escape says. */
static struct unit read_escape(const char *p, size_t left, size_t backslashes)
{
	static const char FROM[] = "bfrnt", TO[] = "\b\f\r\n\t";
	char c = p[backslashes];
	const char *known = c != '\0' ? strchr(FROM, c) : NULL;
	size_t size = backslashes + 5;
	struct unit u = {.code = '\\', .len = backslashes + 1};

	if (known != NULL)
		return (struct unit){(unsigned char)TO[known - FROM], backslashes + 1, true};
	int high = c == 'u' ? hex4(p + backslashes + 1, left - backslashes - 1) : -1;
	if (high < 0)
		return u;
	u = (struct unit){(uint32_t)high, size, true};
	if ((high & 0xFC00) != 0xD800 || left < 2 * size || memcmp(p, p + size, backslashes) != 0 ||
	    p[size + backslashes] != 'u')
		return u;
	int low = hex4(p + size + backslashes + 1, 4);
	if ((low & 0xFC00) == 0xDC00)
		u = (struct unit){0x10000U + (((uint32_t)high & 0x3FF) << 10) + ((uint32_t)low & 0x3FF), 2 * size,
		                  true};
	return u;
}

static struct unit read_unit(const char *p, size_t left, unsigned depth)
{
	struct unit u = {.code = (unsigned char)p[0], .len = 1};

	if (u.code >= 0x80) {
		u.code = text_read(p, left, &u.len);
		return u;
	}
	if (u.code != '\\' || left < 2)
		return u;
	if (p[1] != '\\')
		return read_escape(p, left, 1);
	/* a backslash of the text: in JSON in it, it may begin an escape, unless it is escaped there, too */
	if (depth < 2 || left < 3 || p[2] == '\\' || p[2] == '"')
		return (struct unit){.code = '\\', .len = left >= 4 && depth >= 2 && p[2] == '\\' ? 4 : 2};
	struct unit inner = read_escape(p, left, 2);
	return inner.is_escaped ? inner : (struct unit){.code = '\\', .len = 2};
}

/* The string of JSON ends here: no sequence goes over it. */
static bool is_end(const char *json, size_t at, size_t len, const struct unit *u)
{
	return at >= len || (json[at] == '"' && u->len == 1);
}

/* Behind the characters from `first` to `last`, `most` of them. */
static size_t skip_codes(h2o_iovec_t json, size_t at, unsigned depth, uint32_t first, uint32_t last, size_t most)
{
	for (size_t i = 0; i < most && at < json.len; i++) {
		struct unit u = read_unit(json.base + at, json.len - at, depth);
		if (u.code < first || u.code > last || u.code == '"' || u.code == '\\')
			break;
		at += u.len;
	}
	return at;
}

/* Behind a string for a terminal and its end; `at` itself if that does not come: then it is text. */
static size_t string_end(h2o_iovec_t json, size_t at, unsigned depth)
{
	size_t place = at;

	for (size_t i = 0; i < STRING_MAX && place < json.len; i++) {
		struct unit u = read_unit(json.base + place, json.len - place, depth);
		/* in JSON within JSON, \" is the end of the inner string */
		if (is_end(json.base, place, json.len, &u) || (depth > 1 && u.len == 2 && json.base[place + 1] == '"'))
			return at;
		place += u.len;
		if (u.code == BEL || u.code == ST)
			return place;
		if (u.code != ESC || place >= json.len)
			continue;
		u = read_unit(json.base + place, json.len - place, depth);
		return u.code == '\\' ? place + u.len : place;
	}
	return at;
}

/* ECMA-48: behind the sequence whose ESC (or the one character for ESC and [) ends at `at`. */
static size_t escape_end(h2o_iovec_t json, size_t at, uint32_t code, unsigned depth)
{
	struct unit u = {.code = '['};

	if (code == ESC && at < json.len)
		u = read_unit(json.base + at, json.len - at, depth);
	if (u.code < 0x20 || u.code > 0x7E || u.code == '"' || u.code == '\\')
		return at;
	if (u.code < 0x30)
		return skip_codes(json, skip_codes(json, at, depth, 0x20, 0x2F, ESCAPE_MAX), depth, 0x30, 0x7E, 1);
	at += u.len;
	if (u.code == ']' || u.code == 'P' || u.code == 'X' || u.code == '^' || u.code == '_')
		return string_end(json, at, depth);
	if (u.code != '[')
		return at;
	return skip_codes(json, skip_codes(json, at, depth, 0x20, 0x3F, ESCAPE_MAX), depth, 0x40, 0x7E, 1);
}

static bool is_removed(uint32_t before, const struct unit *u)
{
	if (u->code == '\n' || u->code == '\t' || (u->code < 0x80 && !u->is_escaped && u->code != 0x7F))
		return false;
	return text_is_invisible(u->code) && !looks_is_emoji_form(before, u->code);
}

/* Nothing above ASCII and no escape that may say what cannot be seen. */
static bool is_plain(h2o_iovec_t json)
{
	for (size_t i = 0; i < json.len; i++) {
		unsigned char c = (unsigned char)json.base[i];
		if (c >= 0x7F)
			return false;
		if (c != '\\' || i + 1 == json.len)
			continue;
		char escaped = json.base[i + 1];
		if (escaped == 'u' || escaped == 'r' || escaped == 'b' || escaped == 'f')
			return false;
		i += escaped != '\\'; /* two may be the beginning of one in JSON in a string */
	}
	return true;
}

h2o_iovec_t untrusted_clean(h2o_mem_pool_t *pool, h2o_iovec_t json, unsigned depth, struct untrusted_removed *removed)
{
	struct text_buffer b = {.pool = pool};
	uint32_t before = 0;
	size_t from = 0;

	if (is_plain(json))
		return json;
	for (size_t at = 0; at < json.len;) {
		struct unit u = read_unit(json.base + at, json.len - at, depth);
		size_t end = at + u.len;
		if (!is_removed(before, &u)) {
			before = u.code;
			at = end;
			continue;
		}
		bool escapes = u.code == ESC || u.code == CSI;
		if (escapes)
			end = escape_end(json, end, u.code, depth);
		removed->escapes += escapes;
		removed->of[looks_hidden_kind(u.code)] += !escapes;
		text_append(&b, json.base + from, at - from);
		at = from = end;
	}
	if (from == 0)
		return json;
	text_append(&b, json.base + from, json.len - from);
	return h2o_iovec_init(b.base, b.len);
}

bool untrusted_append_removed(struct text_buffer *b, const struct untrusted_removed *removed)
{
	static const char *const NAMES[HIDDEN_KINDS] = {"control", "bidi", "tag", "invisible"};
	const char *separator = "{";

	for (size_t i = 0; i < HIDDEN_KINDS; i++) {
		if (removed->of[i] == 0)
			continue;
		text_append_printf(b, "%s\"%s\":%u", separator, NAMES[i], removed->of[i]);
		separator = ",";
	}
	if (removed->escapes > 0) {
		text_append_printf(b, "%s\"escape\":%u", separator, removed->escapes);
		separator = ",";
	}
	text_append_str(b, separator[0] == ',' ? "}" : "");
	return separator[0] == ',';
}
