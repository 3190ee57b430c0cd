/* SPDX-License-Identifier: Apache-2.0 */
/* What a plain scalar means: YAML 1.2.2, 10.3.2 (core schema). */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "yaml.h"

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcmp(text, *words) == 0)
			return true;
	}
	return false;
}

static size_t digits_at(const char *text)
{
	return strspn(text, "0123456789");
}

/* [-+]? [0-9]+, 0o [0-7]+ or 0x [0-9a-fA-F]+; the base, or 0 if it is no integer. */
static int integer_base(const char *text)
{
	const char *digits = text + (*text == '-' || *text == '+');

	if (strncmp(text, "0o", 2) == 0)
		return text[2] != '\0' && text[2 + strspn(text + 2, "01234567")] == '\0' ? 8 : 0;
	if (strncmp(text, "0x", 2) == 0)
		return text[2] != '\0' && text[2 + strspn(text + 2, "0123456789abcdefABCDEF")] == '\0' ? 16 : 0;
	return *digits != '\0' && digits[digits_at(digits)] == '\0' ? 10 : 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *text)
{
	const char *p = text + (*text == '-' || *text == '+');
	size_t whole = digits_at(p), fraction = 0;

	p += whole;
	if (*p == '.') {
		fraction = digits_at(p + 1);
		p += 1 + fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (*p == 'e' || *p == 'E') {
		p += p[1] == '-' || p[1] == '+' ? 2 : 1;
		if (digits_at(p) == 0)
			return false;
		p += digits_at(p);
	}
	return *p == '\0';
}

static locale_t c_locale;

static void make_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* strtod reads by the locale of the process; a file must not. Files are read by several threads. */
static double number_of(const char *text)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_locale);
	locale_t before = uselocale(c_locale);
	double number = strtod(text, NULL);
	uselocale(before);
	return number;
}

bool yaml_plain_is_text(const char *text)
{
	return strchr("~nNtTfF.+-0123456789", *text) == NULL; /* nor is it empty */
}

json_t *yaml_plain_value(const char *text, const char **why)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const trues[] = {"true", "True", "TRUE", NULL};
	static const char *const falses[] = {"false", "False", "FALSE", NULL};
	static const char *const endless[] = {".inf", ".Inf", ".INF", NULL};
	static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};

	if (yaml_plain_is_text(text))
		return json_string_nocheck(text);
	if (is_one_of(text, nulls))
		return json_null();
	if (is_one_of(text, trues))
		return json_true();
	if (is_one_of(text, falses))
		return json_false();
	int base = integer_base(text);
	if (base != 0) {
		errno = 0;
		/* 0o is YAML's own; strtoll knows 0x */
		int64_t number = strtoll(base == 8 ? text + 2 : text, NULL, base);
		*why = "the integer does not fit 64 bits";
		return errno == 0 ? json_integer(number) : NULL;
	}
	*why = "the number is none of JSON's";
	if (is_one_of(text, nans) || is_one_of(text + (*text == '-' || *text == '+'), endless))
		return NULL;
	if (!is_float(text))
		return json_string_nocheck(text);
	double number = number_of(text);
	return isfinite(number) ? json_real(number) : NULL;
}
