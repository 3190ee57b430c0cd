/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values as JSON Schema sees them: a number is its mathematical value, however it is written. */
#include "schema_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2^63: the first double above int64. */
#define INT64_END 9223372036854775808.0

static bool is_whole(double d)
{
	/* A whole number outside int64 is no integer here: nothing behind the check could hold it. */
	return d >= -INT64_END && d < INT64_END && floor(d) == d;
}

unsigned schema_types_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_NULL: return SCHEMA_NULL;
	case JSON_TRUE:
	case JSON_FALSE: return SCHEMA_BOOLEAN;
	case JSON_INTEGER: return SCHEMA_INTEGER | SCHEMA_NUMBER;
	case JSON_REAL: return is_whole(json_real_value(value)) ? SCHEMA_INTEGER | SCHEMA_NUMBER : SCHEMA_NUMBER;
	case JSON_STRING: return SCHEMA_STRING;
	case JSON_ARRAY: return SCHEMA_ARRAY;
	case JSON_OBJECT: return SCHEMA_OBJECT;
	}
	return 0;
}

struct schema_number schema_number_of(const json_t *value)
{
	if (json_is_integer(value))
		return (struct schema_number){.is_integer = true, .integer = json_integer_value(value)};
	double d = json_real_value(value);
	if (is_whole(d))
		return (struct schema_number){.is_integer = true, .integer = (json_int_t)d};
	return (struct schema_number){.real = d};
}

/* A double outside int64, or with a fraction, against an integer: exact, unlike (double)integer. */
static int compare_mixed(json_int_t a, double b)
{
	if (b >= INT64_END)
		return -1;
	if (b < -INT64_END)
		return 1;
	double whole = floor(b);
	json_int_t w = (json_int_t)whole;
	if (a != w)
		return a < w ? -1 : 1;
	return b > whole ? -1 : 0;
}

int schema_number_compare(struct schema_number a, struct schema_number b)
{
	if (a.is_integer && b.is_integer)
		return (a.integer > b.integer) - (a.integer < b.integer);
	if (a.is_integer)
		return compare_mixed(a.integer, b.real);
	if (b.is_integer)
		return -compare_mixed(b.integer, a.real);
	return (a.real > b.real) - (a.real < b.real);
}

struct decimal { /* digits * 10^exponent, digits not divisible by 10 unless 0 */
	uint64_t digits;
	int exponent;
};

/* The shortest decimal that reads back as this double is what its author wrote. */
static struct decimal decimal_of_real(double d)
{
	char text[40];
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision - 1, fabs(d));
		if (strtod(text, NULL) == fabs(d))
			break;
	}
	struct decimal ret = {0};
	const char *s = text;
	bool fraction = false;
	for (; *s != '\0' && *s != 'e'; s++) {
		if (*s < '0' || *s > '9') {
			fraction = true;
			continue;
		}
		ret.digits = ret.digits * 10 + (uint64_t)(*s - '0');
		ret.exponent -= fraction;
	}
	if (*s == 'e')
		ret.exponent += atoi(s + 1);
	return ret;
}

static struct decimal decimal_of(struct schema_number n)
{
	struct decimal ret = {0};
	if (n.is_integer)
		ret.digits = n.integer < 0 ? -(uint64_t)n.integer : (uint64_t)n.integer;
	else
		ret = decimal_of_real(n.real);
	while (ret.digits != 0 && ret.digits % 10 == 0) {
		ret.digits /= 10;
		ret.exponent++;
	}
	return ret;
}

bool schema_number_is_multiple(struct schema_number a, struct schema_number divisor)
{
	struct decimal x = decimal_of(a), y = decimal_of(divisor);
	if (x.digits == 0)
		return true;
	/* 10 does not divide x.digits, so x is no multiple of a power of ten above its own. */
	if (y.digits == 0 || x.exponent < y.exponent)
		return false;
	uint64_t rest = x.digits % y.digits;
	for (int i = x.exponent - y.exponent; i > 0 && rest != 0; i--)
		rest = (uint64_t)((unsigned __int128)rest * 10 % y.digits);
	return rest == 0;
}

static bool equal_objects(const json_t *a, const json_t *b, size_t *steps)
{
	const char *name;
	json_t *value;
	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach ((json_t *)a, name, value) {
		const json_t *other = json_object_get(b, name);
		if (other == NULL || !schema_equal(value, other, steps))
			return false;
	}
	return true;
}

bool schema_equal(const json_t *a, const json_t *b, size_t *steps)
{
	++*steps;
	if (json_is_number(a) && json_is_number(b))
		return schema_number_compare(schema_number_of(a), schema_number_of(b)) == 0;
	if (json_typeof(a) != json_typeof(b))
		return false;
	switch (json_typeof(a)) {
	case JSON_STRING:
		*steps += json_string_length(a) / 256;
		return json_string_length(a) == json_string_length(b) &&
		       memcmp(json_string_value(a), json_string_value(b), json_string_length(a)) == 0;
	case JSON_ARRAY:
		if (json_array_size(a) != json_array_size(b))
			return false;
		for (size_t i = 0; i < json_array_size(a); i++) {
			if (!schema_equal(json_array_get(a, i), json_array_get(b, i), steps))
				return false;
		}
		return true;
	case JSON_OBJECT: return equal_objects(a, b, steps);
	default: return true;
	}
}

static uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	for (size_t i = 0; i < len; i++)
		seed = (seed ^ p[i]) * 0x100000001b3u;
	return seed ^ (seed >> 29);
}

static uint64_t hash_number(const json_t *value)
{
	struct schema_number n = schema_number_of(value);
	if (n.is_integer)
		return hash_bytes(3, &n.integer, sizeof(n.integer));
	return hash_bytes(5, &n.real, sizeof(n.real));
}

uint64_t schema_hash(const json_t *value, size_t *steps)
{
	const char *name;
	json_t *member;
	uint64_t ret = 0x9e3779b97f4a7c15u * (1 + (uint64_t)json_typeof(value));

	++*steps;
	switch (json_typeof(value)) {
	case JSON_INTEGER:
	case JSON_REAL: return hash_number(value);
	case JSON_STRING:
		*steps += json_string_length(value) / 256;
		return hash_bytes(ret, json_string_value(value), json_string_length(value));
	case JSON_ARRAY:
		for (size_t i = 0; i < json_array_size(value); i++) {
			uint64_t item = schema_hash(json_array_get(value, i), steps);
			ret = hash_bytes(ret, &item, sizeof(item));
		}
		return ret;
	case JSON_OBJECT:
		json_object_foreach ((json_t *)value, name, member) {
			/* A sum: the order of members does not count. */
			ret += hash_bytes(schema_hash(member, steps), name, strlen(name));
		}
		return ret;
	default: return ret;
	}
}
