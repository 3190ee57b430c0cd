/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that can be told by their check digits: payment cards, IBANs, national identity numbers. */
#include <string.h>

#include "mcp/redact/redact_internal.h"

enum { DIGITS_MAX = 19, GROUPS_MAX = 7 };

struct number { /* digits in groups, one separator between two */
	uint8_t digits[DIGITS_MAX + 1];
	size_t count, groups;
	size_t lengths[GROUPS_MAX], ends[GROUPS_MAX]; /* ends: places in the text */
	char separators[GROUPS_MAX];
};

static bool is_join(char c)
{
	return c == ' ' || c == '-' || c == '.' || c == '/';
}

static struct number read_number(const struct scan *s, size_t at)
{
	struct number n = {.count = 0};

	while (n.groups < GROUPS_MAX && redact_is(s, at, REDACT_DIGIT)) {
		size_t begin = at;
		for (; redact_is(s, at, REDACT_DIGIT) && n.count < DIGITS_MAX; at++)
			n.digits[n.count++] = (uint8_t)(s->base[at] - '0');
		if (redact_is(s, at, REDACT_DIGIT))
			break; /* too long: what came before it may still be something */
		n.lengths[n.groups] = at - begin;
		n.ends[n.groups] = at;
		if (at >= s->len || !is_join(s->base[at])) {
			n.groups++;
			break;
		}
		n.separators[n.groups++] = s->base[at++];
	}
	return n;
}

/* Groups of these lengths and separators; where they end, or 0. "4-4" and so on. */
static size_t has_form(const struct scan *s, const struct number *n, const char *form)
{
	size_t group = 0;

	for (;; form += 2, group++) {
		if (group >= n->groups || n->lengths[group] != (size_t)(form[0] - '0'))
			return 0;
		if (form[1] == '\0')
			break;
		char separator = n->separators[group];
		if (form[1] == '=' ? separator != n->separators[0] || separator == '/' : separator != form[1])
			return 0;
	}
	return redact_is(s, n->ends[group], REDACT_ALNUM) ? 0 : n->ends[group];
}

static uint64_t value_of(const uint8_t *digits, size_t count)
{
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++)
		value = value * 10 + digits[i];
	return value;
}

static bool is_luhn(const uint8_t *digits, size_t count)
{
	unsigned sum = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned d = digits[count - 1 - i];
		sum += i % 2 == 0 ? d : d < 5 ? d * 2 : d * 2 - 9;
	}
	return sum % 10 == 0;
}

static bool is_day(uint64_t month, uint64_t day)
{
	return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* ---- cards ---- */

static bool is_card(const uint8_t *d, size_t count)
{
	static const struct {
		unsigned first, last; /* of the first four digits */
		uint8_t shortest, longest;
	} ISSUERS[] = {
	    {4000, 4999, 16, 16}, {4000, 4999, 19, 19}, {5100, 5599, 16, 16}, {2221, 2720, 16, 16},
	    {3400, 3499, 15, 15}, {3700, 3799, 15, 15}, {3000, 3059, 14, 14}, {3600, 3699, 14, 14},
	    {3800, 3999, 14, 14}, {6011, 6011, 16, 16}, {6440, 6599, 16, 16}, {3528, 3589, 16, 16},
	    {6200, 6299, 16, 19}, {5018, 5018, 16, 19}, {5020, 5020, 16, 19}, {5038, 5038, 16, 19},
	    {5893, 5893, 16, 19}, {6304, 6304, 16, 19}, {6759, 6763, 16, 19}, {2200, 2204, 16, 19},
	};
	unsigned first = (unsigned)value_of(d, 4);

	for (size_t i = 0; i < sizeof(ISSUERS) / sizeof(ISSUERS[0]); i++)
		if (first >= ISSUERS[i].first && first <= ISSUERS[i].last && count >= ISSUERS[i].shortest &&
		    count <= ISSUERS[i].longest)
			return is_luhn(d, count);
	return false;
}

static size_t find_card(const struct scan *s, const struct number *n)
{
	static const struct {
		const char *form;
		size_t count;
	} FORMS[] = {{"4=4=4=4=3", 19}, {"4=4=4=4", 16}, {"4=6=5", 15}, {"4=6=4", 14}};

	if (n->groups > 0 && n->lengths[0] >= 14 && !redact_is(s, n->ends[0], REDACT_ALNUM))
		return is_card(n->digits, n->lengths[0]) ? n->ends[0] : 0;
	for (size_t i = 0; i < sizeof(FORMS) / sizeof(FORMS[0]); i++) {
		size_t end = has_form(s, n, FORMS[i].form);
		if (end > 0 && is_card(n->digits, FORMS[i].count))
			return end;
	}
	return 0;
}

/* ---- national ids ---- */

/* United States: no check digits, but numbers that are never given out. */
static bool is_ssn(const uint8_t *d)
{
	uint64_t area = value_of(d, 3);

	return area != 0 && area != 666 && area < 900 && value_of(d + 3, 2) != 0 && value_of(d + 5, 4) != 0;
}

/* Brazil: two digits mod 11. All the same digit would do, and is nobody's. */
static bool is_cpf(const uint8_t *d)
{
	bool differ = false;

	for (size_t length = 9; length <= 10; length++) {
		unsigned sum = 0;
		for (size_t i = 0; i < length; i++)
			sum += d[i] * (unsigned)(length + 1 - i);
		if (sum * 10 % 11 % 10 != d[length])
			return false;
	}
	for (size_t i = 1; i < 11; i++)
		differ |= d[i] != d[0];
	return differ;
}

/* Belgium: 97 less the rest of nine digits, from the year 2000 on with a 2 before them. */
static bool is_belgian(const uint8_t *d)
{
	uint64_t number = value_of(d, 9), check = value_of(d + 9, 2);

	return is_day(value_of(d + 2, 2), value_of(d + 4, 2)) &&
	       (97 - number % 97 == check || 97 - (2000000000 + number) % 97 == check);
}

/* Sweden: year, month, day and Luhn. */
static bool is_swedish(const uint8_t *d)
{
	return is_day(value_of(d + 2, 2), value_of(d + 4, 2)) && is_luhn(d, 10);
}

/* France: sex, year, month, place, number; 97 less the rest. */
static bool is_french(const uint8_t *d)
{
	uint64_t month = value_of(d + 3, 2);

	return (d[0] == 1 || d[0] == 2) && ((month >= 1 && month <= 12) || (month >= 20 && month <= 42)) &&
	       97 - value_of(d, 13) % 97 == value_of(d + 13, 2);
}

/* China, GB 11643: mod 11 of 17 digits; `check` may be an X. */
static bool is_chinese(const uint8_t *d, char check)
{
	static const uint8_t WEIGHTS[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
	uint64_t year = value_of(d + 6, 4);
	unsigned sum = 0;

	if (year < 1900 || year > 2099 || !is_day(value_of(d + 10, 2), value_of(d + 12, 2)))
		return false;
	for (size_t i = 0; i < sizeof(WEIGHTS); i++)
		sum += d[i] * WEIGHTS[i];
	return "10X98765432"[sum % 11] == (check == 'x' ? 'X' : check);
}

static bool is_dni(uint64_t number, char letter)
{
	return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == letter;
}

/* Numbers that end with a letter or, as Finland's and China's, may. */
static size_t find_lettered(const struct scan *s, const struct number *n)
{
	size_t end = n->groups > 0 ? n->ends[0] : 0;

	if (n->groups == 0)
		return 0;
	if (n->lengths[0] == 8 && redact_is(s, end, REDACT_UPPER) && !redact_is(s, end + 1, REDACT_WORD) &&
	    is_dni(value_of(n->digits, 8), s->base[end]))
		return end + 1;
	if (n->lengths[0] == 8 && redact_has(s, end, "-") && redact_is(s, end + 1, REDACT_UPPER) &&
	    !redact_is(s, end + 2, REDACT_WORD) && is_dni(value_of(n->digits, 8), s->base[end + 1]))
		return end + 2;
	if (n->lengths[0] == 18 && !redact_is(s, end, REDACT_ALNUM) &&
	    is_chinese(n->digits, (char)('0' + n->digits[17])))
		return end;
	if (n->lengths[0] == 17 && end < s->len && (s->base[end] | 0x20) == 'x' &&
	    !redact_is(s, end + 1, REDACT_ALNUM) && is_chinese(n->digits, 'X'))
		return end + 1;
	return 0;
}

/* Finland: day, month, year, century, number, and a letter or digit mod 31. */
static size_t find_finnish(const struct scan *s, size_t at)
{
	uint8_t d[9];

	if (s->len - at < 11 || memchr("-+A", s->base[at + 6], 3) == NULL || redact_is(s, at + 11, REDACT_ALNUM))
		return 0;
	for (size_t i = 0; i < 9; i++) {
		char c = s->base[at + i + (i >= 6)];
		if (c < '0' || c > '9')
			return 0;
		d[i] = (uint8_t)(c - '0');
	}
	return is_day(value_of(d + 2, 2), value_of(d, 2)) &&
	               "0123456789ABCDEFHJKLMNPRSTUVWXY"[value_of(d, 9) % 31] == s->base[at + 10]
	           ? at + 11
	           : 0;
}

static size_t find_national(const struct scan *s, size_t at, const struct number *n)
{
	size_t end;

	if ((end = has_form(s, n, "3-2-4")) > 0 && is_ssn(n->digits))
		return end;
	if ((end = has_form(s, n, "3.3.3-2")) > 0 && is_cpf(n->digits))
		return end;
	if ((end = has_form(s, n, "2.2.2-3.2")) > 0 && is_belgian(n->digits))
		return end;
	if ((end = has_form(s, n, "6-4")) > 0 && is_swedish(n->digits))
		return end;
	if ((end = has_form(s, n, "8-4")) > 0 && is_swedish(n->digits + 2))
		return end;
	if ((end = has_form(s, n, "1 2 2 2 3 3 2")) > 0 && is_french(n->digits))
		return end;
	if (n->groups > 0 && n->lengths[0] == 15 && !redact_is(s, n->ends[0], REDACT_ALNUM) && is_french(n->digits))
		return n->ends[0];
	end = find_lettered(s, n);
	return end > 0 ? end : find_finnish(s, at);
}

/* 2026-11-21: most runs of ordinary text are dates. */
static bool is_date(const struct scan *s, size_t at)
{
	return s->len - at >= 10 && s->base[at + 4] == '-' && s->base[at + 7] == '-' &&
	       (s->base[at] == '1' || s->base[at] == '2') && redact_run(s, at, REDACT_DIGIT, 5) == at + 4 &&
	       redact_run(s, at + 5, REDACT_DIGIT, 2) == at + 7 && redact_run(s, at + 8, REDACT_DIGIT, 3) == at + 10;
}

/* Each group of a run may be the beginning of something. */
void redact_check_digits(struct scan *s, size_t at)
{
	while (at < s->len && (redact_is(s, at, REDACT_DIGIT) || is_join(s->base[at]))) {
		if (!redact_is(s, at, REDACT_DIGIT)) {
			at++;
			continue;
		}
		if (is_date(s, at)) {
			at += 10;
			continue;
		}
		size_t next = redact_run(s, at, REDACT_DIGIT, s->len - at), end = 0;
		if (redact_begins(s, at, REDACT_ALNUM) && next - at <= DIGITS_MAX) {
			const struct number n = read_number(s, at);
			if (n.count >= 14 && (end = find_card(s, &n)) > 0)
				redact_found(s, at, end, REDACT_CARD);
			else if (n.count >= 8 && (end = find_national(s, at, &n)) > 0)
				redact_found(s, at, end, REDACT_NATIONAL_ID);
		}
		at = end > next ? end : next;
	}
}

/* Italy, codice fiscale: six letters, LLDLLDDDL, and a letter that checks. */
void redact_check_fiscal(struct scan *s, size_t at)
{
	static const char FORM[] = "LLLLLLDDLDDLDDDL";
	static const uint8_t ODD[] = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
	                              20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
	unsigned sum = 0;

	if (s->len - at < 16 || redact_is(s, at + 16, REDACT_ALNUM))
		return;
	for (size_t i = 0; i < 16; i++)
		if (!redact_is(s, at + i, FORM[i] == 'L' ? REDACT_LETTER : REDACT_DIGIT))
			return;
	for (size_t i = 0; i < 15; i++) {
		char c = s->base[at + i];
		unsigned value = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c & 0x5F) - 'A');
		sum += i % 2 == 0 ? ODD[value] : value;
	}
	if ((unsigned)((s->base[at + 15] & 0x5F) - 'A') == sum % 26)
		redact_found(s, at, at + 16, REDACT_NATIONAL_ID);
}

/* Spain, NIE: X, Y or Z, seven digits and a letter. */
void redact_check_foreign_id(struct scan *s, size_t at)
{
	uint64_t number = (uint64_t)(s->base[at] - 'X');

	if (number > 2 || s->len - at < 9 || redact_run(s, at + 1, REDACT_DIGIT, 8) != at + 8)
		return;
	for (size_t i = 1; i < 8; i++)
		number = number * 10 + (uint64_t)(s->base[at + i] - '0');
	if (is_dni(number, s->base[at + 8]) && !redact_is(s, at + 9, REDACT_ALNUM))
		redact_found(s, at, at + 9, REDACT_NATIONAL_ID);
}

/* ---- IBAN ---- */

/* Lengths of the IBAN registry; 0: no such country. */
static size_t iban_length(char first, char second)
{
	static const char COUNTRIES[] =
	    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI"
	    "23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT"
	    "31MU30NL18NO15PK24PL28PS29PT25QA29RO24RS22SA24SC31SD18SE24SI19SK24SM27SV28TL23TN24TR26UA29VA22VG24XK20";

	for (const char *c = COUNTRIES; *c != '\0'; c += 4)
		if (c[0] == first && c[1] == second)
			return (size_t)(c[2] - '0') * 10 + (size_t)(c[3] - '0');
	return 0;
}

/* The characters of an IBAN, groups of four of which may be apart; false if they are not that many. */
static bool read_iban(const struct scan *s, size_t at, size_t length, char *ret, size_t *ret_end)
{
	char separator = at + 4 < s->len ? s->base[at + 4] : '\0';
	bool grouped = separator == ' ' || separator == '-';

	for (size_t i = 0; i < length; i++, at++) {
		if (grouped && i > 0 && i % 4 == 0) {
			if (at >= s->len || s->base[at] != separator)
				return false;
			at++;
		}
		if (!redact_is(s, at, REDACT_ALNUM))
			return false;
		ret[i] = s->base[at] >= 'a' ? (char)(s->base[at] & 0x5F) : s->base[at];
	}
	*ret_end = at;
	return !redact_is(s, at, REDACT_ALNUM);
}

void redact_check_iban(struct scan *s, size_t at)
{
	size_t length = iban_length((char)(s->base[at] & 0x5F), (char)(s->base[at + 1] & 0x5F)), end;
	char iban[40];
	unsigned rest = 0;

	if (length == 0 || !read_iban(s, at, length, iban, &end))
		return;
	for (size_t i = 0; i < length; i++) { /* the first four stand at the end */
		char c = iban[(i + 4) % length];
		rest = c <= '9' ? (rest * 10 + (unsigned)(c - '0')) % 97 : (rest * 100 + (unsigned)(c - 'A' + 10)) % 97;
	}
	if (rest == 1)
		redact_found(s, at, end, REDACT_IBAN);
}
