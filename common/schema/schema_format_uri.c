/* SPDX-License-Identifier: Apache-2.0 */
/* uri, uri-reference (RFC 3986), iri, iri-reference (RFC 3987), uri-template (RFC 6570). The grammar only: what a URI
 * may be used for is uri.h's matter. */
#include "schema_internal.h"

#include <string.h>

#include "common/encoding.h"

static const char UNRESERVED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
static const char SUB_DELIMITERS[] = "!$&'()*+,;=";
static const char DIGITS[] = "0123456789";

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool is_encoded(h2o_iovec_t t, size_t i)
{
	return t.base[i] == '%' && i + 2 < t.len && hex_value(t.base[i + 1]) >= 0 && hex_value(t.base[i + 2]) >= 0;
}

/* Only unreserved characters, sub-delimiters, those in `more`, percent-encodings, and with `wide` what is beyond ASCII.
 */
static bool has_only(h2o_iovec_t t, const char *more, bool wide)
{
	for (size_t i = 0; i < t.len; i++) {
		char c = t.base[i];
		if (((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9')) /* most are */
			continue;
		if (is_one_of(c, UNRESERVED) || is_one_of(c, SUB_DELIMITERS) || is_one_of(c, more))
			continue;
		if (is_encoded(t, i))
			i += 2;
		else if (!wide || (unsigned char)c < 0x80)
			return false;
	}
	return true;
}

static h2o_iovec_t part(h2o_iovec_t t, size_t from, size_t to)
{
	return h2o_iovec_init(t.base + from, to - from);
}

static size_t find(h2o_iovec_t t, size_t from, const char *stops)
{
	for (; from < t.len; from++) {
		for (const char *stop = stops; *stop != '\0'; stop++) {
			if (t.base[from] == *stop)
				return from;
		}
	}
	return from;
}

static bool is_scheme(h2o_iovec_t t)
{
	for (size_t i = 0; i < t.len; i++) {
		bool letter = (t.base[i] | 0x20) >= 'a' && (t.base[i] | 0x20) <= 'z';
		if (!letter && (i == 0 || !is_one_of(t.base[i], "0123456789+-.")))
			return false;
	}
	return t.len > 0;
}

static bool is_ip_literal(h2o_iovec_t t)
{
	if (t.len > 0 && (t.base[0] | 0x20) == 'v') {
		size_t dot = 1;
		while (dot < t.len && hex_value(t.base[dot]) >= 0)
			dot++;
		return dot > 1 && dot + 1 < t.len && t.base[dot] == '.' &&
		       has_only(part(t, dot + 1, t.len), ":", false) && memchr(t.base, '%', t.len) == NULL;
	}
	return schema_format_ipv6(t);
}

static bool is_authority(h2o_iovec_t t, bool wide)
{
	const char *at = t.len == 0 ? NULL : memchr(t.base, '@', t.len);
	size_t host = at == NULL ? 0 : (size_t)(at - t.base) + 1, end;
	if (at != NULL && !has_only(part(t, 0, host - 1), ":", wide))
		return false;
	if (host < t.len && t.base[host] == '[') {
		end = find(t, host, "]");
		if (end == t.len || !is_ip_literal(part(t, host + 1, end)))
			return false;
		end++;
	} else {
		end = find(t, host, ":");
		if (!has_only(part(t, host, end), "", wide))
			return false;
	}
	if (end == t.len)
		return true;
	if (t.base[end] != ':')
		return false;
	while (++end < t.len) {
		if (!is_one_of(t.base[end], DIGITS))
			return false;
	}
	return true;
}

static bool is_reference(h2o_iovec_t t, bool wide, bool needs_scheme)
{
	size_t at = find(t, 0, ":/?#");
	bool has_scheme = at < t.len && t.base[at] == ':';
	if (wide && !text_is_utf8(t))
		return false;
	if (has_scheme ? !is_scheme(part(t, 0, at)) : needs_scheme)
		return false; /* a colon in the first segment of a relative path is none either (RFC 3986, 4.2) */
	at = has_scheme ? at + 1 : 0;
	if (at + 1 < t.len && t.base[at] == '/' && t.base[at + 1] == '/') {
		size_t end = find(t, at + 2, "/?#");
		if (!is_authority(part(t, at + 2, end), wide))
			return false;
		at = end;
	}
	size_t path = find(t, at, "?#");
	size_t query = path < t.len && t.base[path] == '?' ? find(t, path, "#") : path;
	return has_only(part(t, at, path), ":@/", wide) &&
	       (query == path || has_only(part(t, path + 1, query), ":@/?", wide)) &&
	       (query == t.len || has_only(part(t, query + 1, t.len), ":@/?", wide));
}

bool schema_format_uri(h2o_iovec_t t)
{
	return is_reference(t, false, true);
}

bool schema_format_uri_reference(h2o_iovec_t t)
{
	return is_reference(t, false, false);
}

bool schema_format_iri(h2o_iovec_t t)
{
	return is_reference(t, true, true);
}

bool schema_format_iri_reference(h2o_iovec_t t)
{
	return is_reference(t, true, false);
}

/* varspec (RFC 6570, 2.3 and 2.4): a name, then "*" or ":" and 1 to 9999. */
static bool is_variable(h2o_iovec_t t)
{
	size_t i = 0;
	bool dot_may_come = false;
	for (; i < t.len && t.base[i] != '*' && t.base[i] != ':'; i++) {
		char c = t.base[i];
		bool encoded = is_encoded(t, i), dot = c == '.';
		if (dot ? !dot_may_come : !encoded && (!is_one_of(c, UNRESERVED) || c == '-' || c == '~'))
			return false;
		dot_may_come = !dot;
		i += encoded ? 2 : 0;
	}
	if (!dot_may_come)
		return false;
	if (i == t.len)
		return true;
	if (t.base[i++] == '*')
		return i == t.len;
	if (i == t.len || t.len - i > 4 || t.base[i] == '0')
		return false;
	for (; i < t.len; i++) {
		if (!is_one_of(t.base[i], DIGITS))
			return false;
	}
	return true;
}

static bool is_expression(h2o_iovec_t t)
{
	size_t i = t.len > 0 && is_one_of(t.base[0], "+#./;?&=,!@|") ? 1 : 0;
	for (;;) {
		size_t end = find(t, i, ",");
		if (!is_variable(part(t, i, end)))
			return false;
		if (end == t.len)
			return true;
		i = end + 1;
	}
}

bool schema_format_uri_template(h2o_iovec_t t)
{
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.base[i];
		if (c == '{') {
			size_t end = find(t, i, "}");
			if (end == t.len || !is_expression(part(t, i + 1, end)))
				return false;
			i = end;
			continue;
		}
		/* literals (2.1) leave these out; "'" is allowed since erratum 6937 */
		if (c <= ' ' || c == 0x7f || is_one_of((char)c, "\"<>\\^`|}") || (c == '%' && !is_encoded(t, i)))
			return false;
	}
	return true;
}
