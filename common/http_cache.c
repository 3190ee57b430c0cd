/* SPDX-License-Identifier: Apache-2.0 */
#include "http_cache.h"

#include <string.h>
#include <time.h>

/* RFC 9111, 1.2.2: too large a number stands for a very long time. */
static bool read_seconds(h2o_iovec_t text, int64_t *ret)
{
	int64_t value = 0;

	if (text.len >= 2 && text.base[0] == '"' && text.base[text.len - 1] == '"')
		text = h2o_iovec_init(text.base + 1, text.len - 2);
	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.base[i] < '0' || text.base[i] > '9')
			return false;
		value = value * 10 + text.base[i] - '0';
		value = value > HTTP_LIFETIME_MAX ? HTTP_LIFETIME_MAX : value;
	}
	*ret = value;
	return true;
}

static void read_directive(struct http_cache *c, h2o_iovec_t directive)
{
	h2o_iovec_t value = directive, name = text_cut(&value, '=');
	int64_t seconds;

	if (text_is_nocase(name, "no-store") || text_is_nocase(name, "no-cache"))
		c->forbids = true;
	if (!text_is_nocase(name, "max-age"))
		return;
	/* RFC 9111, 4.2.1: what cannot be read, or is said twice in two ways, is not fresh. */
	if (!read_seconds(text_trim(value), &seconds) || (c->has_max_age && seconds != c->max_age)) {
		c->forbids = true;
		return;
	}
	c->has_max_age = true;
	c->max_age = seconds;
}

/* RFC 9110, 5.6.7: the fixed form only. h2o's reader does not look at what stands between the fields. */
static bool is_date_form(h2o_iovec_t value)
{
	static const char FORM[] = "Aaa, 00 Aaa 0000 00:00:00 GMT";

	for (size_t i = 0; value.len == HTTP_DATE_MAX && i < HTTP_DATE_MAX; i++) {
		char c = value.base[i];
		bool fits = FORM[i] == '0'   ? c >= '0' && c <= '9'
		            : FORM[i] == 'A' ? c >= 'A' && c <= 'Z'
		            : FORM[i] == 'a' ? c >= 'a' && c <= 'z'
		                             : c == FORM[i];

		if (!fits)
			return false;
	}
	return value.len == HTTP_DATE_MAX;
}

static bool read_date(h2o_iovec_t value, int64_t *ret)
{
	char copy[HTTP_DATE_MAX + 1] = {0};
	struct tm tm = {0};

	if (!is_date_form(value))
		return false;
	memcpy(copy, value.base, value.len);
	if (h2o_time_parse_rfc1123(copy, HTTP_DATE_MAX, &tm) != 0 || tm.tm_year < 70)
		return false;
	*ret = timegm(&tm);
	return *ret > 0;
}

/* RFC 9110, 8.8.3. Sent back as it came, so nothing but its own characters may be in it. */
static bool is_etag(h2o_iovec_t value)
{
	h2o_iovec_t quoted = value;

	if (value.len > HTTP_ETAG_MAX)
		return false;
	if (text_starts(value, "W/"))
		quoted = h2o_iovec_init(value.base + 2, value.len - 2);
	if (quoted.len < 2 || quoted.base[0] != '"' || quoted.base[quoted.len - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < quoted.len; i++)
		if (quoted.base[i] < 0x21 || quoted.base[i] > 0x7e || quoted.base[i] == '"')
			return false;
	return true;
}

static void read_field(struct http_cache *c, h2o_iovec_t name, h2o_iovec_t value)
{
	int64_t seconds;

	if (text_is_nocase(name, "cache-control")) {
		while (value.len > 0)
			read_directive(c, text_cut(&value, ','));
	} else if (text_is_nocase(name, "age") && read_seconds(value, &seconds)) {
		c->age = seconds;
	} else if (text_is_nocase(name, "date")) {
		read_date(value, &c->date);
	} else if (text_is_nocase(name, "expires")) {
		/* RFC 9111, 5.3: what is no date ("0") is a time in the past. */
		if (!read_date(value, &c->expires))
			c->expires = -1;
	} else if (text_is_nocase(name, "etag") && is_etag(value)) {
		memcpy(c->etag, value.base, value.len);
		c->etag[value.len] = '\0';
	} else if (text_is_nocase(name, "last-modified") && read_date(value, &seconds)) {
		memcpy(c->last_modified, value.base, value.len);
		c->last_modified[value.len] = '\0';
	}
}

void http_cache_read(struct http_cache *c, h2o_iovec_t line)
{
	while (line.len > 0 && (line.base[line.len - 1] == '\r' || line.base[line.len - 1] == '\n'))
		line.len--;
	h2o_iovec_t value = line, name;

	if (text_starts(line, "HTTP/")) {
		*c = (struct http_cache){0};
		return;
	}
	if (line.len == 0 || memchr(line.base, ':', line.len) == NULL)
		return;
	name = text_cut(&value, ':');
	read_field(c, name, text_trim(value));
}

int64_t http_cache_lifetime(const struct http_cache *c)
{
	int64_t left;

	if (c->forbids)
		return 0;
	if (c->has_max_age)
		left = c->max_age;
	else if (c->expires == 0)
		return -1;
	else if (c->expires < 0 || c->date == 0)
		return 0;
	else
		left = c->expires - c->date;
	left -= c->age;
	return left < 0 ? 0 : left > HTTP_LIFETIME_MAX ? HTTP_LIFETIME_MAX : left;
}
