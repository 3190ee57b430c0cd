/* SPDX-License-Identifier: Apache-2.0 */
/* ipv4 (RFC 2673, 3.2), ipv6 (RFC 4291, 2.2), hostname (RFC 1123 with A-labels of RFC 5890), idn-hostname, email (RFC
 * 5321, 4.1.2) and idn-email (RFC 6531). */
#include "schema_internal.h"

#include <string.h>

enum { NAME_LIMIT = 253, LABEL_LIMIT = 63, LOCAL_LIMIT = 64, UTF8_LABEL_SIZE = 4 * LABEL_LIMIT + 1 };

bool schema_format_ipv4(h2o_iovec_t t)
{
	size_t i = 0;
	for (int part = 0; part < 4; part++) {
		int value = 0;
		size_t start = i;
		if (part > 0 && (i == t.len || t.base[i++] != '.'))
			return false;
		start = i;
		while (i < t.len && i - start < 3 && t.base[i] >= '0' && t.base[i] <= '9')
			value = value * 10 + (t.base[i++] - '0');
		if (i == start || value > 255 || (i - start > 1 && t.base[start] == '0'))
			return false;
	}
	return i == t.len;
}

static size_t hex_span(h2o_iovec_t t, size_t i)
{
	size_t start = i;
	while (i < t.len &&
	       ((t.base[i] >= '0' && t.base[i] <= '9') || ((t.base[i] | 0x20) >= 'a' && (t.base[i] | 0x20) <= 'f')))
		i++;
	return i - start;
}

bool schema_format_ipv6(h2o_iovec_t t)
{
	unsigned groups = 0;
	bool gap = false, separated = true; /* a group may begin here */
	size_t i = 0;
	while (i < t.len) {
		size_t len = hex_span(t, i);
		if (len > 0 && separated && i + len < t.len && t.base[i + len] == '.') {
			groups += 2;
			if (!schema_format_ipv4(h2o_iovec_init(t.base + i, t.len - i)))
				return false;
			separated = false;
			break;
		}
		if (len > 0) {
			if (!separated || len > 4)
				return false;
			groups++;
			separated = false;
			i += len;
			continue;
		}
		bool twice = i + 1 < t.len && t.base[i] == ':' && t.base[i + 1] == ':';
		if (twice ? gap || (separated && i > 0) : t.base[i] != ':' || separated || i + 1 == t.len)
			return false;
		gap = gap || twice;
		separated = true;
		i += twice ? 2 : 1;
	}
	return gap ? groups <= 7 : groups == 8 && !separated;
}

static bool has_ace_prefix(h2o_iovec_t label)
{
	return label.len > 4 && strncasecmp(label.base, "xn--", 4) == 0;
}

/* Letters, digits and inner hyphens. */
static bool is_ascii_label(h2o_iovec_t label)
{
	if (label.len == 0 || label.len > LABEL_LIMIT || label.base[0] == '-' || label.base[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		char c = label.base[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		if (!letter && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return true;
}

static bool is_ascii(h2o_iovec_t t)
{
	for (size_t i = 0; i < t.len; i++) {
		if ((unsigned char)t.base[i] >= 0x80)
			return false;
	}
	return true;
}

/* The label in Unicode, for an A-label from `room`, and its length as an A-label. False if it is no label. */
static bool read_label(h2o_iovec_t label, char room[UTF8_LABEL_SIZE], h2o_iovec_t *ret, size_t *ascii_len)
{
	char again[LABEL_LIMIT + 1];
	*ret = label;
	*ascii_len = label.len;
	if (!is_ascii(label)) {
		size_t len = schema_punycode_encode(label, again, sizeof(again));
		*ascii_len = len + 4;
		return len > 0 && len + 4 <= LABEL_LIMIT && schema_idn_label_is_valid(label);
	}
	if (!has_ace_prefix(label))
		return is_ascii_label(label);
	h2o_iovec_t ace = h2o_iovec_init(label.base + 4, label.len - 4);
	ret->base = room;
	ret->len = schema_punycode_decode(ace, room, UTF8_LABEL_SIZE);
	if (label.len > LABEL_LIMIT || ret->len == 0 || is_ascii(*ret) || !schema_idn_label_is_valid(*ret))
		return false;
	size_t len = schema_punycode_encode(*ret, again, sizeof(again));
	return len == ace.len && strncasecmp(again, ace.base, len) == 0;
}

/* 1 for ".", 3 for the ideographic full stops that RFC 3490 counts as dots, 0 for anything else. */
static size_t dot_length(h2o_iovec_t t, size_t i, bool wide)
{
	static const char *const DOTS[] = {"\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1"};
	if (t.base[i] == '.')
		return 1;
	for (size_t j = 0; wide && j < 3; j++) {
		if (i + 3 <= t.len && memcmp(t.base + i, DOTS[j], 3) == 0)
			return 3;
	}
	return 0;
}

/* Goes through the labels; false if one is none or `fits` refuses it. *total: the length as A-labels, with dots. */
static bool all_labels(h2o_iovec_t t, bool wide, size_t *total, bool (*fits)(h2o_iovec_t label, bool *noted),
                       bool *noted)
{
	char room[UTF8_LABEL_SIZE];
	h2o_iovec_t label;
	size_t start = 0, end, ascii_len;

	for (*total = 0;; *total += 1) {
		for (end = start; end < t.len && dot_length(t, end, wide) == 0; end++)
			;
		if (!read_label(h2o_iovec_init(t.base + start, end - start), room, &label, &ascii_len))
			return false;
		*total += ascii_len;
		if (!fits(label, noted))
			return false;
		if (end == t.len)
			return true;
		start = end + dot_length(t, end, wide);
	}
}

static bool note_bidi(h2o_iovec_t label, bool *is_bidi)
{
	*is_bidi = *is_bidi || (!is_ascii(label) && schema_idn_label_is_bidi(label));
	return true;
}

static bool fits_bidi(h2o_iovec_t label, bool *unused)
{
	(void)unused;
	return schema_idn_label_fits_bidi(label);
}

static bool is_host_name(h2o_iovec_t t, bool wide)
{
	bool is_bidi = false;
	size_t total;
	if (t.len == 0 || t.len > 4 * NAME_LIMIT || (wide ? !text_is_utf8(t) : !is_ascii(t)))
		return false;
	if (!all_labels(t, wide, &total, note_bidi, &is_bidi) || total > NAME_LIMIT)
		return false;
	/* One label from right to left puts all of them under the rules (RFC 5893, 2). */
	return !is_bidi || all_labels(t, wide, &total, fits_bidi, &is_bidi);
}

bool schema_format_hostname(h2o_iovec_t t)
{
	return is_host_name(t, false);
}

bool schema_format_idn_hostname(h2o_iovec_t t)
{
	return is_host_name(t, true);
}

/* RFC 5321: Dot-string or Quoted-string. */
static bool is_local_part(h2o_iovec_t t, bool wide)
{
	bool quoted = t.len >= 2 && t.base[0] == '"' && t.base[t.len - 1] == '"';
	if (t.len == 0 || t.len > LOCAL_LIMIT)
		return false;
	for (size_t i = quoted; i < t.len - quoted; i++) {
		unsigned char c = (unsigned char)t.base[i];
		if (c >= 0x80 && wide)
			continue;
		if (quoted) {
			if (c == '\\' && ++i >= t.len - 1)
				return false;
			if (c < ' ' || c >= 0x7f || c == '"')
				return false;
		} else if (c == '.') {
			if (i == 0 || i + 1 == t.len || t.base[i + 1] == '.')
				return false;
		} else if (c <= ' ' || c >= 0x7f || strchr("\"(),:;<>@[\\]", c) != NULL) {
			return false;
		}
	}
	return true;
}

static bool is_address_literal(h2o_iovec_t t)
{
	h2o_iovec_t inner = h2o_iovec_init(t.base + 1, t.len - 2);
	if (inner.len > 5 && strncasecmp(inner.base, "IPv6:", 5) == 0)
		return schema_format_ipv6(h2o_iovec_init(inner.base + 5, inner.len - 5));
	return schema_format_ipv4(inner);
}

static bool is_email(h2o_iovec_t t, bool wide)
{
	size_t at = t.len;
	if (wide && !text_is_utf8(t))
		return false;
	while (at > 0 && t.base[at - 1] != '@')
		at--;
	if (at == 0 || !is_local_part(h2o_iovec_init(t.base, at - 1), wide))
		return false;
	h2o_iovec_t domain = h2o_iovec_init(t.base + at, t.len - at);
	if (domain.len > 2 && domain.base[0] == '[' && domain.base[domain.len - 1] == ']')
		return is_address_literal(domain);
	return is_host_name(domain, wide);
}

bool schema_format_email(h2o_iovec_t t)
{
	return is_email(t, false);
}

bool schema_format_idn_email(h2o_iovec_t t)
{
	return is_email(t, true);
}
