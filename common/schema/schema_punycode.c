/* SPDX-License-Identifier: Apache-2.0 */
/* Punycode (RFC 3492) of one label. */
#include "schema_internal.h"

enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, FIRST_BIAS = 72, FIRST_POINT = 0x80, POINTS = 64 };

static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;
	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias)
{
	if (k <= bias)
		return T_MIN;
	return k >= bias + T_MAX ? T_MAX : k - bias;
}

/* Code points of valid UTF-8; 0 if there are more than POINTS. */
static size_t read_points(h2o_iovec_t utf8, uint32_t points[POINTS])
{
	size_t count = 0;
	for (size_t i = 0; i < utf8.len; count++) {
		unsigned char lead = (unsigned char)utf8.base[i++];
		unsigned more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
		uint32_t point = more == 0 ? lead : lead & (0x3fu >> more);
		if (count == POINTS || utf8.len - i < more)
			return 0;
		for (; more > 0; more--)
			point = point << 6 | ((unsigned char)utf8.base[i++] & 0x3f);
		points[count] = point;
	}
	return count;
}

struct sink {
	char *base;
	size_t len, size;
	bool full;
};

static void put(struct sink *s, char c)
{
	if (s->len == s->size)
		s->full = true;
	else
		s->base[s->len++] = c;
}

static void put_number(struct sink *s, uint32_t value, uint32_t bias)
{
	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = threshold(k, bias);
		uint32_t digit = value < t ? value : t + (value - t) % (BASE - t);
		put(s, (char)(digit < 26 ? 'a' + digit : '0' + (digit - 26)));
		if (value < t)
			return;
		value = (value - t) / (BASE - t);
	}
}

static uint32_t next_larger(const uint32_t *points, size_t count, uint32_t at_least)
{
	uint32_t ret = UINT32_MAX;
	for (size_t i = 0; i < count; i++) {
		if (points[i] >= at_least && points[i] < ret)
			ret = points[i];
	}
	return ret;
}

size_t schema_punycode_encode(h2o_iovec_t utf8, char *ret, size_t size)
{
	uint32_t points[POINTS], n = FIRST_POINT, delta = 0, bias = FIRST_BIAS, done = 0;
	size_t count = read_points(utf8, points);
	struct sink s = {ret, 0, size, false};

	for (size_t i = 0; i < count; i++) {
		if (points[i] < 0x80) {
			put(&s, (char)points[i]);
			done++;
		}
	}
	uint32_t basic = done;
	if (basic > 0)
		put(&s, '-');
	while (done < count) {
		uint32_t m = next_larger(points, count, n);
		/* 64 points up to 0x10ffff cannot overflow 32 bits. */
		delta += (m - n) * (done + 1);
		n = m;
		for (size_t i = 0; i < count; i++) {
			delta += points[i] < n;
			if (points[i] != n)
				continue;
			put_number(&s, delta, bias);
			bias = adapt(delta, done + 1, done == basic);
			delta = 0;
			done++;
		}
		delta++;
		n++;
	}
	return s.full ? 0 : s.len;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0' + 26;
	c |= 0x20;
	return c >= 'a' && c <= 'z' ? c - 'a' : -1;
}

/* A generalised variable-length integer, added to *i. */
static bool take_number(h2o_iovec_t t, size_t *at, uint32_t bias, uint32_t *i)
{
	uint64_t weight = 1, sum = *i;
	for (uint32_t k = BASE;; k += BASE) {
		int digit = *at == t.len ? -1 : digit_of(t.base[*at]);
		if (digit < 0)
			return false;
		++*at;
		sum += (uint64_t)digit * weight;
		if (sum > INT32_MAX)
			return false;
		uint32_t limit = threshold(k, bias);
		if ((uint32_t)digit < limit)
			break;
		weight *= BASE - limit;
		if (weight > INT32_MAX)
			return false;
	}
	*i = (uint32_t)sum;
	return true;
}

static void put_point(struct sink *s, uint32_t point)
{
	static const unsigned char LEADS[] = {0, 0xc0, 0xe0, 0xf0};
	unsigned more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
	put(s, (char)(LEADS[more] | point >> (6 * more)));
	while (more-- > 0)
		put(s, (char)(0x80 | (point >> (6 * more) & 0x3f)));
}

size_t schema_punycode_decode(h2o_iovec_t text, char *utf8, size_t size)
{
	uint32_t points[POINTS], n = FIRST_POINT, i = 0, bias = FIRST_BIAS;
	size_t count = 0, at = 0;
	struct sink s = {utf8, 0, size, false};

	for (size_t j = 0; j < text.len; j++) {
		if (text.base[j] == '-')
			at = j + 1;
	}
	if (text.len > POINTS)
		return 0;
	for (size_t j = 0; at > 0 && j < at - 1; j++) {
		char c = text.base[j];
		points[count++] = (uint32_t)(unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	while (at < text.len) {
		uint32_t before = i;
		if (count == POINTS || !take_number(text, &at, bias, &i))
			return 0;
		count++;
		bias = adapt(i - before, (uint32_t)count, before == 0);
		n += i / (uint32_t)count;
		i %= (uint32_t)count;
		if (n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff))
			return 0;
		for (size_t j = count - 1; j > i; j--)
			points[j] = points[j - 1];
		points[i++] = n;
	}
	for (size_t j = 0; j < count; j++)
		put_point(&s, points[j]);
	return s.full ? 0 : s.len;
}
