/* SPDX-License-Identifier: Apache-2.0 */
/* date-time, date, time (RFC 3339, 5.6) and duration (RFC 3339, appendix A). */
#include "schema_internal.h"

struct cursor {
	const char *s, *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool take(struct cursor *c, char wanted)
{
	if (c->s == c->end || *c->s != wanted)
		return false;
	c->s++;
	return true;
}

/* Exactly `count` digits; -1 if they are not there. */
static int take_number(struct cursor *c, int count)
{
	int ret = 0;
	if (c->end - c->s < count)
		return -1;
	for (int i = 0; i < count; i++, c->s++) {
		if (!is_digit(*c->s))
			return -1;
		ret = ret * 10 + (*c->s - '0');
	}
	return ret;
}

static bool take_date(struct cursor *c)
{
	static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = take_number(c, 4);
	if (year < 0 || !take(c, '-'))
		return false;
	int month = take_number(c, 2);
	if (month < 1 || month > 12 || !take(c, '-'))
		return false;
	int day = take_number(c, 2);
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day >= 1 && day <= DAYS[month - 1] + (month == 2 && leap);
}

/* Minutes east of UTC. */
static bool take_zone(struct cursor *c, int *offset)
{
	*offset = 0;
	if (take(c, 'Z') || take(c, 'z'))
		return true;
	int sign = take(c, '+') ? 1 : take(c, '-') ? -1 : 0;
	if (sign == 0)
		return false;
	int hours = take_number(c, 2);
	if (hours < 0 || hours > 23 || !take(c, ':'))
		return false;
	int minutes = take_number(c, 2);
	*offset = sign * (hours * 60 + minutes);
	return minutes >= 0 && minutes <= 59;
}

static bool take_time(struct cursor *c)
{
	int offset;
	int hour = take_number(c, 2);
	if (hour < 0 || hour > 23 || !take(c, ':'))
		return false;
	int minute = take_number(c, 2);
	if (minute < 0 || minute > 59 || !take(c, ':'))
		return false;
	int second = take_number(c, 2);
	if (second < 0 || second > 60)
		return false;
	if (take(c, '.')) {
		if (c->s == c->end || !is_digit(*c->s))
			return false;
		while (c->s < c->end && is_digit(*c->s))
			c->s++;
	}
	if (!take_zone(c, &offset))
		return false;
	/* A leap second comes at the end of a day in UTC. */
	int utc = (hour * 60 + minute - offset + 2 * 1440) % 1440;
	return second < 60 || utc == 1439;
}

static struct cursor over(h2o_iovec_t t)
{
	return (struct cursor){t.base, t.base + t.len};
}

bool schema_format_date(h2o_iovec_t t)
{
	struct cursor c = over(t);
	return take_date(&c) && c.s == c.end;
}

bool schema_format_time(h2o_iovec_t t)
{
	struct cursor c = over(t);
	return take_time(&c) && c.s == c.end;
}

bool schema_format_date_time(h2o_iovec_t t)
{
	struct cursor c = over(t);
	return take_date(&c) && (take(&c, 'T') || take(&c, 't')) && take_time(&c) && c.s == c.end;
}

static bool take_digits(struct cursor *c)
{
	const char *start = c->s;
	while (c->s < c->end && is_digit(*c->s))
		c->s++;
	return c->s > start;
}

/* Numbers with units in this order, none left out between two (P1Y2D is wrong). The count, or -1. */
static int take_units(struct cursor *c, const char *units)
{
	int count = 0;
	while (c->s < c->end && is_digit(*c->s)) {
		if (!take_digits(c) || c->s == c->end)
			return -1;
		if (count == 0) {
			while (*units != '\0' && *units != *c->s)
				units++;
		}
		if (*units == '\0' || *units++ != *c->s++)
			return -1;
		count++;
	}
	return count;
}

bool schema_format_duration(h2o_iovec_t t)
{
	struct cursor c = over(t);
	if (!take(&c, 'P'))
		return false;
	struct cursor weeks = c;
	if (take_digits(&weeks) && take(&weeks, 'W') && weeks.s == weeks.end)
		return true;
	int days = take_units(&c, "YMD"), times = 0;
	if (days >= 0 && take(&c, 'T')) {
		times = take_units(&c, "HMS");
		if (times == 0)
			return false;
	}
	return days >= 0 && times >= 0 && days + times > 0 && c.s == c.end;
}
