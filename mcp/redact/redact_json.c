/* SPDX-License-Identifier: Apache-2.0 */
/* JSON is looked at string by string, each as what it says, and stays JSON. */
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/encoding.h"
#include "mcp/redact/redact_internal.h"
#include "mcp/guard/untrusted.h"

enum { LONG_NUMBER = 12 };

struct walk {
	struct scan *s;
	h2o_iovec_t kept;
	size_t at;
	bool is_json;  /* so far */
	bool is_bytes; /* the value that comes is base64 */
	bool is_clean; /* as it is written, nothing is in it: only what is escaped needs a look */
};

/* ---- strings ---- */

/* The next quotation mark or backslash from `at` on. */
static size_t find_special(const struct scan *s, size_t at)
{
#ifdef __SSE2__
	for (; s->len - at >= 16; at += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(s->base + at));
		unsigned hits = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
		                                                         _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
		if (hits != 0)
			return at + (unsigned)__builtin_ctz(hits);
	}
#endif
	while (at < s->len && s->base[at] != '"' && s->base[at] != '\\')
		at++;
	return at;
}

/* The quotation mark that ends the string whose first character is at `at`; s->len if there is none. */
static size_t string_end(const struct scan *s, size_t at, bool *has_escapes)
{
	*has_escapes = false;
	if (at > s->len)
		return s->len;
	for (at = find_special(s, at); at < s->len && s->base[at] == '\\'; at = find_special(s, at)) {
		*has_escapes = true;
		at = s->len - at > 2 ? at + 2 : s->len;
	}
	return at < s->len ? at : s->len;
}

/* Whether each escape is one of JSON (RFC 8259, 7). */
static bool has_true_escapes(const struct scan *s, size_t at, size_t end)
{
	for (at = find_special(s, at); at < end; at = find_special(s, at + 2)) {
		const char *p = s->base + at;
		if (end - at < 2 || p[1] == '\0' || strchr("\"\\/bfnrtu", p[1]) == NULL)
			return false;
		if (p[1] != 'u')
			continue;
		if (end - at < 6)
			return false;
		for (int i = 2; i < 6; i++)
			if (hex_value(p[i]) < 0)
				return false;
	}
	return true;
}

static unsigned hex4(const char *p)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i];
		value = value << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value & 0xFFFF;
}

static size_t write_utf8(uint32_t code, char *ret)
{
	if (code < 0x80) {
		ret[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		ret[0] = (char)(0xC0 | code >> 6);
		ret[1] = (char)(0x80 | (code & 0x3F));
		return 2;
	}
	if (code < 0x10000) {
		ret[0] = (char)(0xE0 | code >> 12);
		ret[1] = (char)(0x80 | (code >> 6 & 0x3F));
		ret[2] = (char)(0x80 | (code & 0x3F));
		return 3;
	}
	ret[0] = (char)(0xF0 | code >> 18);
	ret[1] = (char)(0x80 | (code >> 12 & 0x3F));
	ret[2] = (char)(0x80 | (code >> 6 & 0x3F));
	ret[3] = (char)(0x80 | (code & 0x3F));
	return 4;
}

/* Goes over the escape at *at; how many bytes (at most 4) it says. */
static size_t read_escape(const struct scan *s, size_t *at, size_t end, char *ret)
{
	static const char FROM[] = "bfnrt", TO[] = "\b\f\n\r\t";
	const char *p = s->base + *at;
	size_t left = end - *at;

	if (left < 6 || p[1] != 'u') {
		const char *known = left >= 2 && p[1] != '\0' ? strchr(FROM, p[1]) : NULL;
		ret[0] = known != NULL ? TO[known - FROM] : left >= 2 ? p[1] : p[0];
		*at += left >= 2 ? 2 : left;
		return 1;
	}
	uint32_t code = hex4(p + 2);
	*at += 6;
	if ((code & 0xFC00) == 0xD800 && left >= 12 && p[6] == '\\' && p[7] == 'u') {
		code = 0x10000 + ((code & 0x3FF) << 10) + (hex4(p + 8) & 0x3FF);
		*at += 6;
	}
	return write_utf8(code, ret);
}

static h2o_iovec_t unescape(const struct scan *s, size_t start, size_t end)
{
	char *text = redact_scratch(s, end - start + 4);
	size_t len = 0;

	for (size_t at = start; at < end;) {
		if (s->base[at] == '\\')
			len += read_escape(s, &at, end, text + len);
		else
			text[len++] = s->base[at++];
	}
	return h2o_iovec_init(text, len);
}

/* From the byte `*count` of the text at `at` to the byte `wanted`: the place where it is written. */
static size_t source_of(const struct scan *s, size_t at, size_t end, size_t *count, size_t wanted)
{
	char read[4];

	while (at < end && *count < wanted) {
		size_t before = at, len = 1;
		if (s->base[at] == '\\')
			len = read_escape(s, &at, end, read);
		else
			at++;
		if (*count + len > wanted)
			return before;
		*count += len;
	}
	return at;
}

static void take_over(struct scan *s, size_t start, size_t end, bool has_escapes, bool is_name,
                      const struct findings *inner)
{
	size_t at = start, count = 0;

	for (size_t i = 0; i < inner->count; i++) {
		struct finding f = inner->list[i];
		at = has_escapes ? source_of(s, at, end, &count, f.start) : start + f.start;
		f.start = at;
		at = has_escapes ? source_of(s, at, end, &count, f.end > 0 ? inner->list[i].end : 0)
		                 : start + inner->list[i].end;
		f.end = at;
		f.level++;
		f.is_name |= is_name;
		redact_findings_add(s->findings, f);
	}
}

static void look_at_string(struct scan *s, size_t start, size_t end, bool has_escapes, bool is_name)
{
	struct findings inner;
	bool decodes = has_escapes && s->depth < REDACT_DEPTH_MAX;

	if (end - start < 4)
		return;
	redact_scan_inner(s, decodes ? unescape(s, start, end) : h2o_iovec_init(s->base + start, end - start), &inner);
	take_over(s, start, end, decodes, is_name, &inner);
}

/* The bytes of a resource or a picture: what is found in them is replaced there, and they stay base64. */
static bool look_at_bytes(struct scan *s, size_t start, size_t end)
{
	struct redact_counts counts = {{0}};
	struct findings inner;

	if (s->depth >= REDACT_DEPTH_MAX || (end - start) % 4 != 0)
		return false;
	size_t last = redact_run(s, start, REDACT_ALNUM | REDACT_BASE, end - start);
	if (end - last > 2)
		return false;
	char *bytes = redact_scratch(s, (end - start) / 4 * 3 + 3);
	h2o_iovec_t text = h2o_iovec_init(bytes, redact_base64(s->base + start, last - start, bytes));
	redact_scan_inner(s, text, &inner);
	if (inner.count == 0)
		return true;
	h2o_iovec_t written = redact_write(inner.pool, text, &inner, &counts);
	redact_findings_add(s->findings,
	                    (struct finding){.start = start,
	                                     .end = end,
	                                     .kind = inner.list[0].kind,
	                                     .with = base64_encode(inner.pool, written.base, written.len)});
	return true;
}

/* ---- values ---- */

static size_t skip_space(const struct scan *s, size_t at)
{
	while (at < s->len && (s->base[at] == ' ' || s->base[at] == '\t' || s->base[at] == '\r' || s->base[at] == '\n'))
		at++;
	return at;
}

/* Behind the object or array that begins at `at`. */
static size_t container_end(const struct scan *s, size_t at)
{
	size_t depth = 0;
	bool has_escapes;

	for (; at < s->len; at++) {
		char c = s->base[at];
		if (c == '"')
			at = string_end(s, at + 1, &has_escapes);
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return at + 1;
	}
	return s->len;
}

static size_t number_end(const struct scan *s, size_t at)
{
	while (redact_is(s, at, REDACT_DIGIT | REDACT_DASH | REDACT_BASE | REDACT_DOT) ||
	       (at < s->len && (s->base[at] | 0x20) == 'e'))
		at++;
	return at;
}

/* Of a member with a telling name. True and null are no secrets. */
static void hide_value(struct walk *w)
{
	struct scan *s = w->s;
	struct finding f = {.start = w->at, .kind = REDACT_FIELD, .whole = true};
	bool has_escapes;

	if (w->at >= s->len)
		return;
	char c = s->base[w->at];
	if (c == '"') {
		f.start++;
		f.end = string_end(s, f.start, &has_escapes);
		f.whole = false;
		w->at = f.end + 1;
	} else if (c == '{' || c == '[') {
		f.end = w->at = container_end(s, w->at);
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		f.end = w->at = number_end(s, w->at);
	} else {
		return;
	}
	static const char MARK[] = "[redacted: ";
	bool was_hidden = f.end - f.start >= sizeof(MARK) - 1 && memcmp(s->base + f.start, MARK, sizeof(MARK) - 1) == 0;
	if (f.end > f.start && !was_hidden)
		redact_findings_add(s->findings, f);
}

static bool is_kept(const struct walk *w, size_t start, size_t end)
{
	return w->kept.base != NULL && text_equal(w->kept, h2o_iovec_init(w->s->base + start, end - start));
}

static void take_name(struct walk *w, size_t start, size_t end, bool has_escapes)
{
	struct scan *s = w->s;
	h2o_iovec_t name = h2o_iovec_init(s->base + start, end - start);

	if (has_escapes || !w->is_clean)
		look_at_string(s, start, end, has_escapes, true);
	w->at = skip_space(s, w->at + 1);
	w->is_bytes = text_is(name, "blob") || text_is(name, "data");
	if (has_escapes && s->depth < REDACT_DEPTH_MAX)
		name = unescape(s, start, end);
	if (redact_wants(s, REDACT_FIELD) && redact_name_tells(s->rules, name))
		hide_value(w);
}

static void take_string(struct walk *w)
{
	struct scan *s = w->s;
	size_t start = w->at + 1;
	bool has_escapes, is_bytes = w->is_bytes;
	size_t end = string_end(s, start, &has_escapes);

	w->is_bytes = false;
	w->is_json &= end < s->len && (!has_escapes || has_true_escapes(s, start, end));
	w->at = end < s->len ? end + 1 : s->len;
	size_t next = skip_space(s, w->at);
	if (next < s->len && s->base[next] == ':') {
		w->at = next;
		take_name(w, start, end, has_escapes);
	} else if (!is_kept(w, start, end) && !(is_bytes && look_at_bytes(s, start, end)) &&
	           (has_escapes || !w->is_clean)) {
		look_at_string(s, start, end, has_escapes, false);
	}
}

static void take_number(struct walk *w)
{
	struct findings inner;
	size_t start = w->at;

	w->at = number_end(w->s, start);
	w->is_bytes = false;
	if (w->is_clean || w->at - start < LONG_NUMBER)
		return;
	redact_scan_inner(w->s, h2o_iovec_init(w->s->base + start, w->at - start), &inner);
	if (inner.count > 0)
		redact_findings_add(
		    w->s->findings,
		    (struct finding){.start = start, .end = w->at, .kind = inner.list[0].kind, .whole = true});
}

/* Between strings and numbers: signs, blanks and the letters of true, false and null. */
static const bool MAY_STAND[256] = {
    [' '] = true, ['\t'] = true, ['\r'] = true, ['\n'] = true, ['{'] = true, ['}'] = true, ['['] = true,
    [']'] = true, [':'] = true,  [','] = true,  ['t'] = true,  ['r'] = true, ['u'] = true, ['e'] = true,
    ['f'] = true, ['a'] = true,  ['l'] = true,  ['s'] = true,  ['n'] = true,
};

static void walk(struct walk *w)
{
	struct scan *s = w->s;

	while (w->at < s->len) {
		char c = s->base[w->at];
		if (c == '"') {
			take_string(w);
			continue;
		}
		if (c == '-' || (c >= '0' && c <= '9')) {
			take_number(w);
			continue;
		}
		w->is_json &= MAY_STAND[(unsigned char)c];
		w->at++;
	}
}

/* Nearly every text is clean, which one look at all of it shows. Where it is not, each string is looked at by itself.
 */
static bool is_clean_as_written(const struct scan *s)
{
	struct findings found = {.pool = s->findings->pool};
	struct scan whole = *s;

	whole.findings = &found;
	redact_scan(&whole);
	return found.count == 0;
}

void redact_scan_json(struct scan *s, h2o_iovec_t kept)
{
	struct walk w = {.s = s, .kept = kept, .is_json = true, .is_clean = is_clean_as_written(s)};

	walk(&w);
	if (!w.is_json && !w.is_clean) /* something stands between the strings */
		redact_scan(s);
}

/* ---- text ---- */

/* A part of the text. */
static void scan_part(struct scan *s, size_t start, size_t end)
{
	struct scan part = *s;
	size_t before = s->findings->count, first = start < end ? skip_space(s, start) : end;
	const h2o_iovec_t nothing = {NULL, 0};

	part.base += start;
	part.len = end - start;
	part.done_start = part.done_end = part.run_start = part.run_end = part.percent_end = part.base64_end = 0;
	if (first < end && (s->base[first] == '{' || s->base[first] == '[' || s->base[first] == '"'))
		redact_scan_json(&part, nothing);
	else
		redact_scan(&part);
	for (size_t i = before; i < s->findings->count; i++) {
		s->findings->list[i].start += start;
		s->findings->list[i].end += start;
	}
}

/* What untrusted_wrap has made has lines of ours around the text. Whoever writes them himself wins nothing: between two
 * marks that are the same there is text as elsewhere, and no secret goes over them. */
void redact_scan_any(struct scan *s)
{
	size_t start, end;

	if (!untrusted_is_wrapped(h2o_iovec_init(s->base, s->len), &start, &end)) {
		scan_part(s, 0, s->len);
		return;
	}
	scan_part(s, 0, start);
	scan_part(s, start, end);
	scan_part(s, end, s->len);
}
