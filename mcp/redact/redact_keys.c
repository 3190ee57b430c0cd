/* SPDX-License-Identifier: Apache-2.0 */
/* PEM private keys, JSON Web Tokens, and the credentials of an Authorization header. */
#include <string.h>

#include "mcp/redact/redact_internal.h"

enum { PEM_LABEL_MAX = 64, PEM_MAX = 32 * 1024, JWT_PART_MIN = 10, BEARER_MIN = 16, BASIC_MIN = 8 };

static const char BEGIN[] = "-----BEGIN ", END[] = "-----END ";

/* Behind the last line of the key. One whose end was cut off goes on as long as it looks like one. */
static size_t pem_end(const struct scan *s, size_t body)
{
	size_t left = s->len - body < PEM_MAX ? s->len - body : PEM_MAX;
	const char *end = memmem(s->base + body, left, END, sizeof(END) - 1);
	const char *more =
	    end != NULL ? memmem(s->base + body, (size_t)(end - s->base) - body, BEGIN, sizeof(BEGIN) - 1) : NULL;

	if (end != NULL && more == NULL) {
		size_t at = (size_t)(end - s->base) + sizeof(END) - 1;
		at = redact_run(s, at, REDACT_ALNUM, PEM_LABEL_MAX);
		while (at < s->len && (redact_is(s, at, REDACT_ALNUM) || s->base[at] == ' '))
			at++;
		return redact_run(s, at, REDACT_DASH, 5);
	}
	while (body < s->len &&
	       (redact_is(s, body, REDACT_ALNUM | REDACT_BASE) || memchr("=\n\r\t \\:,-", s->base[body], 9) != NULL))
		body++;
	while (body > 0 && memchr(" \n\r\t", s->base[body - 1], 4) != NULL)
		body--;
	return body;
}

/* Certificates and public keys may be seen. */
static void check_pem(struct scan *s, size_t at)
{
	static const char PRIVATE[] = "PRIVATE KEY";
	size_t label = at + sizeof(BEGIN) - 1, end = label;

	if (!redact_has(s, at, BEGIN))
		return;
	while (end < s->len && end - label < PEM_LABEL_MAX && (redact_is(s, end, REDACT_ALNUM) || s->base[end] == ' '))
		end++;
	if (memmem(s->base + label, end - label, PRIVATE, sizeof(PRIVATE) - 1) != NULL)
		redact_found(s, at, pem_end(s, end), REDACT_PRIVATE_KEY);
}

/* Three parts, or the five of an encrypted one (RFC 7519, 3; RFC 7516, 3.1). The first is JSON: "eyJ". */
static void check_jwt(struct scan *s, size_t at)
{
	size_t end = redact_word_end(s, at);
	unsigned parts = 1;

	if (!redact_begins(s, at, REDACT_WORD) || end - at < JWT_PART_MIN)
		return;
	while (parts < 5 && end + 1 < s->len && s->base[end] == '.') {
		size_t next = redact_word_end(s, end + 1);
		if (next - end - 1 < JWT_PART_MIN && parts == 1)
			return;
		parts++;
		end = next;
	}
	if (parts >= 3 || (parts == 2 && redact_has(s, end, ".")))
		redact_found(s, at, end, REDACT_JWT);
}

static bool is_word(const struct scan *s, size_t at, const char *word)
{
	size_t len = strlen(word);

	return at <= s->len && s->len - at >= len && strncasecmp(s->base + at, word, len) == 0;
}

/* RFC 6750, 2.1: b64token. A word is none. */
static void check_bearer(struct scan *s, size_t at)
{
	size_t token = at + sizeof("bearer ") - 1, end = token;
	bool has_digit = false;

	if (!redact_begins(s, at, REDACT_ALNUM) || !is_word(s, at, "bearer "))
		return;
	while (end < s->len && (redact_is(s, end, REDACT_WORD | REDACT_BASE | REDACT_DOT) || s->base[end] == '~')) {
		has_digit |= redact_is(s, end, REDACT_DIGIT);
		end++;
	}
	while (end < s->len && s->base[end] == '=')
		end++;
	if (end - token >= BEARER_MIN && has_digit)
		redact_found(s, token, end, REDACT_AUTHORIZATION);
}

/* RFC 7617: what it decodes to is text and has a colon. */
static bool is_user_and_password(const struct scan *s, size_t at, size_t end)
{
	bool has_colon = false;
	unsigned bits = 0, count = 0;

	for (; at < end; at++) {
		int value = redact_base64_value(s->base[at]);
		if (value < 0)
			return false;
		bits = bits << 6 | (unsigned)value;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		unsigned char c = (unsigned char)(bits >> count);
		if (c < 0x20 || c == 0x7F)
			return false;
		has_colon |= c == ':';
	}
	return has_colon;
}

static void check_basic(struct scan *s, size_t at)
{
	size_t token = at + sizeof("basic ") - 1;

	if (!redact_begins(s, at, REDACT_ALNUM) || !is_word(s, at, "basic "))
		return;
	size_t end = redact_run(s, token, REDACT_ALNUM | REDACT_BASE, 2048);
	if (end - token < BASIC_MIN || !is_user_and_password(s, token, end))
		return;
	while (end < s->len && s->base[end] == '=')
		end++;
	redact_found(s, token, end, REDACT_AUTHORIZATION);
}

void redact_add_keys(struct redactor *redactor)
{
	static const char *const BEARER[] = {"bearer ", "Bearer ", "BEARER ", "bEARER ", "BeareR "}, *const BASIC[] = {
													 "basic ",
													 "Basic ",
													 "BASIC "};

	redactor_add_anchor(redactor, BEGIN, 4, check_pem);
	redactor_add_anchor(redactor, "eyJ", 0, check_jwt);
	for (size_t i = 0; i < sizeof(BEARER) / sizeof(BEARER[0]); i++)
		redactor_add_anchor(redactor, BEARER[i], 3, check_bearer);
	for (size_t i = 0; i < sizeof(BASIC) / sizeof(BASIC[0]); i++)
		redactor_add_anchor(redactor, BASIC[i], 2, check_basic);
}
