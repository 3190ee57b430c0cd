/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "mcp/redact/redact_internal.h"

#define D REDACT_DIGIT
#define U REDACT_UPPER
#define L REDACT_LOWER

const uint8_t REDACT_CLASS[256] = {
    ['0' ... '9'] = D,
    ['A' ... 'Z'] = U,
    ['a' ... 'z'] = L,
    ['-'] = REDACT_DASH,
    ['_'] = REDACT_DASH,
    ['+'] = REDACT_BASE,
    ['/'] = REDACT_BASE,
    ['.'] = REDACT_DOT,
    ['!'] = REDACT_LOCAL,
    ['#'] = REDACT_LOCAL,
    ['$'] = REDACT_LOCAL,
    ['%'] = REDACT_LOCAL,
    ['&'] = REDACT_LOCAL,
    ['*'] = REDACT_LOCAL,
    ['~'] = REDACT_LOCAL,
    ['\''] = REDACT_LOCAL,
    [':'] = REDACT_URL,
    ['@'] = REDACT_URL,
    ['='] = REDACT_URL,
    ['?'] = REDACT_URL,
    [';'] = REDACT_URL,
    [','] = REDACT_URL,
    [0x80 ... 0xFF] = REDACT_LOCAL,
};

size_t redact_run(const struct scan *s, size_t at, unsigned classes, size_t most)
{
	size_t end = s->len - at < most ? s->len : at + most;

	while (at < end && (REDACT_CLASS[(unsigned char)s->base[at]] & classes) != 0)
		at++;
	return at;
}

bool redact_begins(const struct scan *s, size_t at, unsigned classes)
{
	if (at == 0 || !redact_is(s, at - 1, classes))
		return true;
	char before = s->base[at - 1];
	return at >= 2 && s->base[at - 2] == '\\' && (before == 'n' || before == 'r' || before == 't');
}

bool redact_has(const struct scan *s, size_t at, const char *text)
{
	size_t len = strlen(text);

	return at <= s->len && s->len - at >= len && memcmp(s->base + at, text, len) == 0;
}

size_t redact_word_end(struct scan *s, size_t at)
{
	if (at < s->run_start || at >= s->run_end) {
		s->run_start = at;
		s->run_end = redact_run(s, at, REDACT_WORD, s->len - at);
	}
	return s->run_end;
}
