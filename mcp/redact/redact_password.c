/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords in URLs (postgres://user:secret@host) and in assignments (password=secret, "api_key": "secret"). */
#include <string.h>

#include "mcp/redact/redact_internal.h"

enum { USER_INFO_MAX = 1024, NAME_MAX_LENGTH = 40, VALUE_MAX = 4096 };

/* ---- URLs ---- */

static bool ends_authority(char c)
{
	return (unsigned char)c <= ' ' || memchr("/?#\"'<>\\`", c, 9) != NULL;
}

/* `at`: of "://". The password stands between the first colon and the last at sign before the host. */
static void check_url(struct scan *s, size_t at)
{
	size_t user = at + 3, end = user, colon = 0, sign = 0;

	if (at == 0 || !redact_is(s, at - 1, REDACT_ALNUM) || redact_is_done(s, user))
		return;
	for (; end < s->len && end - user < USER_INFO_MAX && !ends_authority(s->base[end]); end++) {
		if (s->base[end] == ':' && colon == 0)
			colon = end;
		if (s->base[end] == '@')
			sign = end;
	}
	if (colon > 0 && sign > colon + 1 && s->base[colon + 1] != '[')
		redact_found(s, colon + 1, sign, REDACT_PASSWORD);
}

/* ---- assignments ---- */

/* What may not be a part of a longer word at its end ("keyboard="), and begins where it wants. */
static const char *const TELLING[] = {
    "password",        "passwd",      "passphrase",   "pwd",       "secret",
    "apikey",          "accesstoken", "refreshtoken", "secretkey", "accountkey",
    "secretaccesskey", "authtoken",   "privatekey",   "accesskey", "sharedaccesskey",
};

static bool is_telling(const char *name, size_t len)
{
	if (strcmp(name, "token") == 0) /* next_page_token and its like are none */
		return true;
	for (size_t i = 0; i < sizeof(TELLING) / sizeof(TELLING[0]); i++) {
		size_t length = strlen(TELLING[i]);
		if (length <= len && memcmp(name + len - length, TELLING[i], length) == 0)
			return true;
	}
	return false;
}

/* The name that stands before `end`, and whether its value is a secret. */
static bool has_telling_name(const struct scan *s, size_t end)
{
	char plain[REDACT_NAME_SIZE];
	size_t start = end;

	while (start > 0 && end - start < NAME_MAX_LENGTH && redact_is(s, start - 1, REDACT_WORD))
		start--;
	if (end == start || !redact_plain_name(h2o_iovec_init(s->base + start, end - start), plain))
		return false;
	for (size_t i = 0; i < s->rules->fields_allowed.count; i++)
		if (strcmp(s->rules->fields_allowed.list[i], plain) == 0)
			return false;
	return is_telling(plain, strlen(plain));
}

static size_t skip_blanks(const struct scan *s, size_t at)
{
	while (at < s->len && (s->base[at] == ' ' || s->base[at] == '\t'))
		at++;
	return at;
}

/* Nothing to hide: a placeholder, a parameter of a statement, what was redacted before. */
static bool is_placeholder(const struct scan *s, size_t at, size_t end)
{
	return end == at || memchr("*<[{$%(?", s->base[at], 8) != NULL || redact_has(s, at, "...") ||
	       (end - at == 4 && strncasecmp(s->base + at, "null", 4) == 0) ||
	       (end - at == 4 && strncasecmp(s->base + at, "true", 4) == 0) ||
	       (end - at == 5 && strncasecmp(s->base + at, "false", 5) == 0);
}

/* A value in quotes, each of which may have backslashes before it (JSON in JSON). */
static void take_quoted(struct scan *s, size_t at)
{
	size_t value = at, end;

	while (value < s->len && s->base[value] == '\\')
		value++;
	if (value >= s->len || (s->base[value] != '"' && s->base[value] != '\''))
		return;
	char quote = s->base[value++];
	size_t escapes = value - 1 - at;
	for (end = value; end < s->len && end - value < VALUE_MAX && s->base[end] != quote && s->base[end] != '\n';
	     end++)
		if (s->base[end] == '\\' && escapes == 0 && end + 1 < s->len)
			end++;
	end = end < s->len ? end : s->len;
	while (escapes > 0 && end > value && s->base[end - 1] == '\\')
		end--;
	if (!is_placeholder(s, value, end))
		redact_found(s, value, end, REDACT_PASSWORD);
}

static void take_plain(struct scan *s, size_t at)
{
	size_t end = at;

	while (end < s->len && end - at < VALUE_MAX && (unsigned char)s->base[end] > ' ' &&
	       memchr("&\"'`;,<>\\", s->base[end], 9) == NULL)
		end++;
	while (end > at && memchr(").]}", s->base[end - 1], 4) != NULL)
		end--;
	if (end - at >= 3 && !is_placeholder(s, at, end))
		redact_found(s, at, end, REDACT_PASSWORD);
}

/* `at`: behind the name, quotes or escaped quotes and blanks; then = or :, and the value. */
static void take_value(struct scan *s, size_t at)
{
	size_t name_end = at;

	while (at < s->len && at - name_end < 4 && (s->base[at] == '\\' || s->base[at] == '"' || s->base[at] == '\''))
		at++;
	bool quoted_name = at > name_end;
	size_t sign = skip_blanks(s, at);
	if (sign >= s->len || (s->base[sign] != '=' && s->base[sign] != ':') || !has_telling_name(s, name_end))
		return;
	size_t value = skip_blanks(s, sign + 1);
	if (value >= s->len)
		return;
	if (s->base[value] == '"' || s->base[value] == '\'' || s->base[value] == '\\')
		take_quoted(s, value);
	else if (s->base[sign] == '=' && !quoted_name && value == at + 1)
		take_plain(s, value);
}

/* The three bytes are in a name: it goes on to its end. */
static void check_assignment(struct scan *s, size_t at)
{
	size_t end = redact_word_end(s, at);

	if (end - at <= NAME_MAX_LENGTH && !redact_is_done(s, end))
		take_value(s, end);
}

static void add_in_all_cases(struct redactor *redactor, const char *trigram)
{
	for (unsigned cases = 0; cases < 8; cases++) {
		char one[4] = {0};
		for (unsigned i = 0; i < 3; i++)
			one[i] = (char)((cases >> i & 1) != 0 ? trigram[i] & ~0x20 : trigram[i]);
		redactor_add_anchor(redactor, one, 0, check_assignment);
	}
}

void redact_add_assignments(struct redactor *redactor)
{
	/* pa-ssw-ord, pa-ssp-hrase, p-wd, s-ecr-et, ap-ike-y, access_t-oke-n ... */
	static const char *const TRIGRAMS[] = {"ssw", "ssp", "pwd", "ecr", "oke"};
	static const char *const KEYS[] = {"key=", "key\"", "key:",  "key\\", "key ", "Key=", "Key\"", "Key:",
	                                   "Key ", "KEY=",  "KEY\"", "KEY:",  "KEY ", "key'", "KEY'",  "Key'"};

	for (size_t i = 0; i < sizeof(TRIGRAMS) / sizeof(TRIGRAMS[0]); i++)
		add_in_all_cases(redactor, TRIGRAMS[i]);
	for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++)
		redactor_add_anchor(redactor, KEYS[i], 1, check_assignment);
	redactor_add_anchor(redactor, "://", 0, check_url);
}
