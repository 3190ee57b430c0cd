/* SPDX-License-Identifier: Apache-2.0 */
/* THE TABLE of formats (JSON Schema validation, 7.3), and the small ones. */
#include "schema_internal.h"

#include <string.h>

struct schema_format {
	const char *name;
	bool (*fits)(h2o_iovec_t text);
	const char *words;
};

static const struct schema_format FORMATS[] = {
    {"date-time", schema_format_date_time, "a date and time such as 2026-01-31T12:00:00Z (RFC 3339)"},
    {"date", schema_format_date, "a date such as 2026-01-31"},
    {"time", schema_format_time, "a time with its zone such as 12:00:00Z (RFC 3339)"},
    {"duration", schema_format_duration, "a duration such as P1DT12H (ISO 8601)"},
    {"email", schema_format_email, "an e-mail address"},
    {"idn-email", schema_format_idn_email, "an e-mail address"},
    {"hostname", schema_format_hostname, "a host name"},
    {"idn-hostname", schema_format_idn_hostname, "a host name"},
    {"ipv4", schema_format_ipv4, "an IPv4 address such as 192.0.2.1"},
    {"ipv6", schema_format_ipv6, "an IPv6 address such as 2001:db8::1"},
    {"uri", schema_format_uri, "an absolute URI such as https://example.com/"},
    {"uri-reference", schema_format_uri_reference, "a URI or a relative reference"},
    {"iri", schema_format_iri, "an absolute IRI such as https://example.com/"},
    {"iri-reference", schema_format_iri_reference, "an IRI or a relative reference"},
    {"uri-template", schema_format_uri_template, "a URI template (RFC 6570)"},
    {"json-pointer", schema_format_pointer, "a JSON pointer such as /a/0 (RFC 6901)"},
    {"relative-json-pointer", schema_format_relative_pointer, "a relative JSON pointer such as 1/a"},
    {"uuid", schema_format_uuid, "a UUID such as 01234567-89ab-cdef-0123-456789abcdef"},
    {"regex", schema_pattern_is_valid, "a regular expression (ECMA-262)"},
};

const struct schema_format *schema_find_format(const char *name)
{
	for (size_t i = 0; i < sizeof(FORMATS) / sizeof(FORMATS[0]); i++) {
		if (strcmp(FORMATS[i].name, name) == 0)
			return &FORMATS[i];
	}
	return NULL;
}

bool schema_format_fits(const struct schema_format *format, h2o_iovec_t text)
{
	return format->fits(text);
}

const char *schema_format_words(const struct schema_format *format)
{
	return format->words;
}

bool schema_format_uuid(h2o_iovec_t t)
{
	if (t.len != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		char c = t.base[i];
		bool hex = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? c != '-' : !hex)
			return false;
	}
	return true;
}

bool schema_format_pointer(h2o_iovec_t t)
{
	if (t.len > 0 && t.base[0] != '/')
		return false;
	for (size_t i = 0; i < t.len; i++) {
		if (t.base[i] == '~' && (i + 1 == t.len || (t.base[i + 1] != '0' && t.base[i + 1] != '1')))
			return false;
	}
	return true;
}

bool schema_format_relative_pointer(h2o_iovec_t t)
{
	size_t digits = 0;
	while (digits < t.len && t.base[digits] >= '0' && t.base[digits] <= '9')
		digits++;
	if (digits == 0 || (digits > 1 && t.base[0] == '0'))
		return false;
	if (digits + 1 == t.len && t.base[digits] == '#')
		return true;
	return schema_format_pointer(h2o_iovec_init(t.base + digits, t.len - digits));
}
