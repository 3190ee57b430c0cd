/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <stdio.h>
#include <string.h>

h2o_iovec_t text_of(const char *s)
{
	return s == NULL ? (h2o_iovec_t){NULL, 0} : (h2o_iovec_t){(char *)s, strlen(s)};
}

bool text_equal(h2o_iovec_t a, h2o_iovec_t b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.base, b.base, a.len) == 0);
}

bool text_is(h2o_iovec_t a, const char *literal)
{
	return text_equal(a, text_of(literal));
}

bool text_starts(h2o_iovec_t a, const char *prefix)
{
	size_t len = strlen(prefix);
	return a.len >= len && (len == 0 || memcmp(a.base, prefix, len) == 0);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

h2o_iovec_t text_trim(h2o_iovec_t a)
{
	while (a.len > 0 && is_blank(a.base[0]))
		a.base++, a.len--;
	while (a.len > 0 && is_blank(a.base[a.len - 1]))
		a.len--;
	return a;
}

h2o_iovec_t text_cut(h2o_iovec_t *rest, char separator)
{
	const char *end = rest->len > 0 ? memchr(rest->base, separator, rest->len) : NULL;
	size_t len = end != NULL ? (size_t)(end - rest->base) : rest->len;
	h2o_iovec_t part = text_trim(h2o_iovec_init(rest->base, len));

	*rest = end != NULL ? h2o_iovec_init(rest->base + len + 1, rest->len - len - 1) : (h2o_iovec_t){NULL, 0};
	return part;
}

/* Not tolower(): that follows the locale. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool text_is_nocase(h2o_iovec_t a, const char *literal)
{
	if (a.len != strlen(literal))
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.base[i]) != lower(literal[i]))
			return false;
	return true;
}

char *text_copy(h2o_mem_pool_t *pool, h2o_iovec_t a)
{
	char *copy = h2o_mem_alloc_pool(pool, a.len + 1);
	if (a.len != 0)
		memcpy(copy, a.base, a.len);
	copy[a.len] = '\0';
	return copy;
}

char *text_vprintf(h2o_mem_pool_t *pool, const char *format, va_list arguments)
{
	va_list again;
	va_copy(again, arguments);
	int len = vsnprintf(NULL, 0, format, arguments);
	if (len < 0)
		h2o_fatal("a text cannot be formatted");
	char *text = h2o_mem_alloc_pool(pool, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text;
}

char *text_printf(h2o_mem_pool_t *pool, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = text_vprintf(pool, format, arguments);
	va_end(arguments);
	return text;
}

static bool is_continuation(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

/* Length of the well-formed sequence at s (RFC 3629, 4), 0 if there is none. */
static size_t utf8_sequence(const uint8_t *s, size_t left)
{
	uint8_t c = s[0];
	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	size_t len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (left < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if (!is_continuation(s[i]))
			return 0;
	/* Overlong forms, surrogates and what is beyond U+10FFFF show in the second byte. */
	if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) || (c == 0xf0 && s[1] < 0x90) ||
	    (c == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

static uint32_t utf8_code_point(const uint8_t *s, size_t len)
{
	static const uint8_t first_bits[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t code = s[0] & first_bits[len];
	for (size_t i = 1; i < len; i++)
		code = code << 6 | (s[i] & 0x3f);
	return code;
}

/* True if each of 8 bytes is ASCII and none is NUL. */
static bool is_plain_word(const uint8_t *s)
{
	uint64_t word;
	memcpy(&word, s, sizeof(word));
	uint64_t high = 0x8080808080808080u;
	return (word & high) == 0 && ((word - 0x0101010101010101u) & ~word & high) == 0;
}

uint32_t text_read(const char *p, size_t left, size_t *len)
{
	size_t size = utf8_sequence((const uint8_t *)p, left);

	*len = size > 0 ? size : 1;
	return size > 0 ? utf8_code_point((const uint8_t *)p, size) : 0xfffd;
}

h2o_iovec_t text_beginning(h2o_iovec_t text, size_t limit)
{
	if (text.len <= limit)
		return text;
	/* no character is longer than four bytes: what is not UTF-8 is cut where the limit says */
	for (size_t back = 0; back < 4 && back <= limit; back++)
		if (!is_continuation((uint8_t)text.base[limit - back]))
			return h2o_iovec_init(text.base, limit - back);
	return h2o_iovec_init(text.base, limit);
}

/* Letters, digits and these. */
static bool is_made_of(h2o_iovec_t text, const char *others)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.base[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!plain && (c == '\0' || strchr(others, c) == NULL))
			return false;
	}
	return text.len > 0;
}

bool text_is_token(h2o_iovec_t a)
{
	return is_made_of(a, "!#$%&'*+-.^_`|~");
}

bool text_is_media_type(h2o_iovec_t a)
{
	enum { LONGEST = 128 };
	const char *slash = a.len > 0 && a.len <= LONGEST ? memchr(a.base, '/', a.len) : NULL;
	size_t type_len = slash != NULL ? (size_t)(slash - a.base) : 0;

	return slash != NULL && is_made_of(h2o_iovec_init(a.base, type_len), "!#$&^_.+-") &&
	       is_made_of(h2o_iovec_init(a.base + type_len + 1, a.len - type_len - 1), "!#$&^_.+-");
}

bool text_is_utf8(h2o_iovec_t a)
{
	const uint8_t *s = (const uint8_t *)a.base;
	for (size_t i = 0; i < a.len;) {
		if (a.len - i >= 8 && is_plain_word(s + i)) {
			i += 8;
			continue;
		}
		size_t len = s[i] == 0 ? 0 : utf8_sequence(s + i, a.len - i);
		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

size_t text_code_points(h2o_iovec_t a)
{
	size_t count = 0;
	for (size_t i = 0; i < a.len; i++)
		count += !is_continuation((uint8_t)a.base[i]);
	return count;
}

/* Unicode 15: categories Cc, Cf, Zl, Zp, Default_Ignorable_Code_Point, blanks that look like
 * nothing, and noncharacters. Sorted. */
static const struct {
	uint32_t first, last;
} invisible[] = {
    {0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x0600, 0x0605},
    {0x061c, 0x061c},   {0x06dd, 0x06dd},   {0x070f, 0x070f},   {0x0890, 0x0891},   {0x08e2, 0x08e2},
    {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f},   {0x2800, 0x2800},   {0x3164, 0x3164},   {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0xfffe, 0xffff},   {0x110bd, 0x110bd},
    {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

bool text_is_invisible(uint32_t code)
{
	if ((code & 0xfffe) == 0xfffe)
		return true;
	size_t low = 0, high = sizeof(invisible) / sizeof(invisible[0]);
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (code > invisible[middle].last)
			low = middle + 1;
		else if (code < invisible[middle].first)
			high = middle;
		else
			return true;
	}
	return false;
}

bool text_has_invisible(h2o_iovec_t a)
{
	const uint8_t *s = (const uint8_t *)a.base;
	for (size_t i = 0; i < a.len;) {
		size_t len = utf8_sequence(s + i, a.len - i);
		if (len == 0 || text_is_invisible(utf8_code_point(s + i, len)))
			return true;
		i += len;
	}
	return false;
}

void text_append_visible(struct text_buffer *b, h2o_iovec_t a)
{
	for (size_t at = 0, len; at < a.len; at += len) {
		uint32_t code = text_read(a.base + at, a.len - at, &len);
		if (text_is_invisible(code))
			text_append_printf(b, "<U+%04X>", code);
		else
			text_append(b, a.base + at, len);
	}
}

bool text_to_int64(h2o_iovec_t a, int64_t *ret)
{
	if (a.len == 0 || a.len > 19 || (a.base[0] == '0' && a.len > 1))
		return false;
	uint64_t value = 0; /* 19 digits fit */
	for (size_t i = 0; i < a.len; i++) {
		if (a.base[i] < '0' || a.base[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(a.base[i] - '0');
	}
	if (value > INT64_MAX)
		return false;
	*ret = (int64_t)value;
	return true;
}

/* Room for `more` bytes and the NUL. Old memory stays in the pool: doubling bounds it. */
static char *buffer_reserve(struct text_buffer *b, size_t more)
{
	if (more >= SIZE_MAX / 4 || b->len >= SIZE_MAX / 4)
		h2o_fatal("a text is too large");
	size_t wanted = b->len + more + 1;
	if (wanted > b->capacity) {
		size_t capacity = b->capacity == 0 ? 256 : b->capacity * 2;
		while (capacity < wanted)
			capacity *= 2;
		char *base = h2o_mem_alloc_pool(b->pool, capacity);
		if (b->len != 0)
			memcpy(base, b->base, b->len);
		b->base = base;
		b->capacity = capacity;
	}
	return b->base + b->len;
}

void text_append(struct text_buffer *b, const void *bytes, size_t len)
{
	char *end = buffer_reserve(b, len);
	if (len != 0)
		memcpy(end, bytes, len);
	end[len] = '\0';
	b->len += len;
}

void text_append_str(struct text_buffer *b, const char *s)
{
	text_append(b, s, strlen(s));
}

void text_append_iovec(struct text_buffer *b, h2o_iovec_t a)
{
	text_append(b, a.base, a.len);
}

void text_append_printf(struct text_buffer *b, const char *format, ...)
{
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	char *end = buffer_reserve(b, 63);
	size_t room = b->capacity - b->len;
	int len = vsnprintf(end, room, format, arguments);
	if (len < 0)
		h2o_fatal("a text cannot be formatted");
	if ((size_t)len >= room)
		vsnprintf(buffer_reserve(b, (size_t)len), (size_t)len + 1, format, again);
	b->len += (size_t)len;
	va_end(again);
	va_end(arguments);
}

static const bool JSON_PLAIN[256] = {[0x20 ... 0x21] = true, [0x23 ... 0x5b] = true, [0x5d ... 0x7e] = true};

static inline bool json_byte_is_plain(uint8_t c)
{
	return JSON_PLAIN[c];
}

static void append_json_escape(struct text_buffer *b, uint32_t code)
{
	static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *name = code < 0x80 && code != 0 ? strchr(names, (int)code) : NULL;
	if (name != NULL)
		text_append(b, (char[]){'\\', letters[name - names]}, 2);
	else
		text_append_printf(b, "\\u%04x", (unsigned)code);
}

/* One character that is not plain; returns how many bytes of s it took. */
static size_t append_json_character(struct text_buffer *b, const uint8_t *s, size_t left)
{
	size_t len = utf8_sequence(s, left);
	if (len == 0) {
		text_append(b, "\xef\xbf\xbd", 3);
		return 1;
	}
	uint32_t code = utf8_code_point(s, len);
	/* Line separators end a line in JavaScript, C1 controls are controls to a terminal. */
	if (code < 0xa0 || code == 0x2028 || code == 0x2029)
		append_json_escape(b, code);
	else
		text_append(b, s, len);
	return len;
}

void text_append_json(struct text_buffer *b, h2o_iovec_t a)
{
	const uint8_t *s = (const uint8_t *)a.base;
	text_append(b, "\"", 1);
	for (size_t i = 0; i < a.len;) {
		size_t run = 0;
		while (i + run < a.len && json_byte_is_plain(s[i + run]))
			run++;
		if (run != 0)
			text_append(b, s + i, run);
		i += run;
		if (i < a.len)
			i += append_json_character(b, s + i, a.len - i);
	}
	text_append(b, "\"", 1);
}

static const char *html_reference(char c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	default: return NULL;
	}
}

void text_append_html(struct text_buffer *b, h2o_iovec_t a)
{
	size_t done = 0;
	for (size_t i = 0; i < a.len; i++) {
		const char *reference = html_reference(a.base[i]);
		if (reference == NULL)
			continue;
		text_append(b, a.base + done, i - done);
		text_append_str(b, reference);
		done = i + 1;
	}
	text_append(b, a.len == 0 ? "" : a.base + done, a.len - done);
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

void text_append_uri(struct text_buffer *b, h2o_iovec_t a)
{
	static const char digits[] = "0123456789ABCDEF";
	text_append(b, "", 0);
	for (size_t i = 0; i < a.len; i++) {
		uint8_t c = (uint8_t)a.base[i];
		if (is_unreserved((char)c))
			text_append(b, &c, 1);
		else
			text_append(b, (char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
	}
}
