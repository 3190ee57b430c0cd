/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/header_value.h"

#include <math.h>
#include <string.h>

#include "common/encoding.h"

/* RFC 9110, 5.5, without obs-text: visible characters, blanks and tabs. */
static bool is_plain(h2o_iovec_t value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((value.base[i] < 0x20 || value.base[i] > 0x7E) && value.base[i] != '\t')
			return false;
	return true;
}

h2o_iovec_t header_value_decode(h2o_mem_pool_t *pool, h2o_iovec_t value)
{
	static const char START[] = "=?base64?", END[] = "?=";
	size_t start = sizeof(START) - 1, end = sizeof(END) - 1;

	if (!is_plain(value))
		return (h2o_iovec_t){NULL, 0};
	if (value.len < start + end || memcmp(value.base, START, start) != 0 ||
	    memcmp(value.base + value.len - end, END, end) != 0)
		return value;
	h2o_iovec_t decoded = base64_decode(pool, h2o_iovec_init(value.base + start, value.len - start - end));
	return decoded.base != NULL && text_is_utf8(decoded) ? decoded : (h2o_iovec_t){NULL, 0};
}

/* "-42" and "42.0". Leading zeros are no number of JSON. */
static bool read_integer(h2o_iovec_t text, int64_t *ret)
{
	bool negative = text.len > 0 && text.base[0] == '-';
	h2o_iovec_t digits = h2o_iovec_init(text.base + negative, text.len - negative);
	const char *point = memchr(digits.base, '.', digits.len);

	if (point != NULL) {
		size_t whole = (size_t)(point - digits.base);
		if (whole + 1 == digits.len)
			return false;
		for (size_t i = whole + 1; i < digits.len; i++)
			if (digits.base[i] != '0')
				return false;
		digits.len = whole;
	}
	if (!text_to_int64(digits, ret))
		return false;
	*ret = negative ? -*ret : *ret;
	return true;
}

static bool is_number(h2o_iovec_t decoded, const json_t *argument)
{
	/* JSON Schema, 6.1.1: 5.0 is an integer; beyond this a double does not say which */
	static const double EXACT_MAX = 9007199254740991.0;
	double real = json_real_value(argument);
	int64_t said;

	if (!read_integer(decoded, &said))
		return false;
	if (json_is_integer(argument))
		return said == json_integer_value(argument);
	return fabs(real) <= EXACT_MAX && real == floor(real) && said == (int64_t)real;
}

bool header_value_is(h2o_iovec_t decoded, const json_t *argument)
{
	if (json_is_string(argument))
		return text_equal(decoded, h2o_iovec_init(json_string_value(argument), json_string_length(argument)));
	if (json_is_boolean(argument))
		return text_is(decoded, json_is_true(argument) ? "true" : "false");
	return json_is_number(argument) && is_number(decoded, argument);
}
