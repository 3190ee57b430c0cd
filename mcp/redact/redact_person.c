/* SPDX-License-Identifier: Apache-2.0 */
/* E-mail addresses and telephone numbers. */
#include <string.h>

#include "mcp/redact/redact_internal.h"

enum {
	LOCAL_MAX = 64,
	DOMAIN_MAX = 253,
	LOCAL = REDACT_ALNUM | REDACT_DASH | REDACT_BASE | REDACT_DOT | REDACT_LOCAL,
	PHONE_MIN = 9,
	PHONE_MAX = 15, /* ITU-T E.164 */
};

/* What looks like the last label of a domain, and is the end of a file or of a unit of systemd. */
static bool is_other_ending(const char *label, size_t len)
{
	static const char *const ENDINGS[] = {"service", "socket", "timer", "target", "mount", "slice", "scope",
	                                      "device",  "png",    "jpg",   "jpeg",   "gif",   "svg",   "webp",
	                                      "css",     "js",     "ts",    "json",   "html",  "php"};

	for (size_t i = 0; i < sizeof(ENDINGS) / sizeof(ENDINGS[0]); i++)
		if (strlen(ENDINGS[i]) == len && strncasecmp(ENDINGS[i], label, len) == 0)
			return true;
	return false;
}

static bool is_of_domain(char c)
{
	return (REDACT_CLASS[(unsigned char)c] & (REDACT_ALNUM | REDACT_DOT | REDACT_DASH)) != 0 || (c & 0x80) != 0;
}

/* The end of a domain of two labels at least whose last one has letters only, or 0. */
static size_t domain_end(const struct scan *s, size_t at)
{
	size_t start = at, end = at;

	while (end < s->len && end - at < DOMAIN_MAX && is_of_domain(s->base[end]))
		end++;
	while (end > at && !redact_is(s, end - 1, REDACT_LETTER) && (unsigned char)s->base[end - 1] < 0x80)
		end--;
	const char *dot = memrchr(s->base + start, '.', end - start);
	if (dot == NULL || dot == s->base + start || dot[-1] == '.')
		return 0;
	size_t label = (size_t)(dot + 1 - s->base);
	if (end - label < 2 || is_other_ending(s->base + label, end - label))
		return 0;
	for (size_t i = start; i < end; i++) {
		unsigned char c = (unsigned char)s->base[i];
		if (i >= label && c < 0x80 && !redact_is(s, i, REDACT_LETTER) && label + 4 > end)
			return 0;
	}
	return end;
}

/* `at`: of the at sign. git@host:path is where a repository is, and no person's. */
void redact_check_email(struct scan *s, size_t at)
{
	size_t start = at, end;

	if (at > 0 && redact_is_done(s, at - 1)) /* the password in a URL */
		return;
	while (start > 0 && at - start < LOCAL_MAX && redact_is(s, start - 1, LOCAL) && s->base[start - 1] != '/')
		start--;
	while (start < at && !redact_is(s, start, REDACT_ALNUM) && (unsigned char)s->base[start] < 0x80)
		start++;
	if (start < at && start > 0 && s->base[start - 1] == '\\') /* \nname in escaped text */
		start += s->base[start] == 'n' || s->base[start] == 'r' || s->base[start] == 't';
	if (start == at || s->base[at - 1] == '.' || (end = domain_end(s, at + 1)) == 0)
		return;
	if (at - start == 3 && memcmp(s->base + start, "git", 3) == 0 && redact_has(s, end, ":"))
		return;
	redact_found(s, start, end, REDACT_EMAIL);
}

/* ITU-T E.164: of two digits; those of one are 1 and 7, all others have three. */
static bool has_country(const char *digits, size_t count)
{
	static const char TWO[] = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 "
				  "62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 ";
	static const char THREE[] = "21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99 ";
	char two[] = {digits[0], digits[1], ' ', '\0'};

	if (digits[0] == '1') /* North America: area and exchange begin with 2 to 9 */
		return count == 11 && digits[1] >= '2' && digits[4] >= '2';
	if (digits[0] == '7')
		return count == 11 && digits[1] >= '3';
	return strstr(TWO, two) != NULL || strstr(THREE, two) != NULL;
}

/* `at`: of the plus. Digits, between which one or two of " -./()" may stand, or the (0) of some writers. */
void redact_check_phone(struct scan *s, size_t at)
{
	char digits[PHONE_MAX + 1];
	size_t count = 0, end = at + 1, i = at + 1, apart = 0;

	if (!redact_begins(s, at, REDACT_ALNUM | REDACT_BASE | REDACT_DASH))
		return;
	for (; i < s->len && apart <= 2; i++) {
		if (!redact_is(s, i, REDACT_DIGIT)) {
			bool complete = count == 11 && (digits[0] == '1' || digits[0] == '7');
			if (count == 0 || complete || memchr(" -./()", s->base[i], 6) == NULL)
				break;
			apart++;
			continue;
		}
		if (count == PHONE_MAX) {
			if (apart == 0)
				return;
			break;
		}
		digits[count++] = s->base[i];
		apart = 0;
		end = i + 1;
	}
	if (count < PHONE_MIN || redact_is(s, end, REDACT_LETTER) || !has_country(digits, count))
		return;
	redact_found(s, at, end, REDACT_PHONE);
}
