/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "mcp/redact/redact.h"

/* The whole name, for words that are parts of others ("pin" of "shipping"), and of harmless ones ("page_token"). */
static const char *const WHOLE[] = {
    "token", "secret", "pass",   "pwd",     "pin",  "otp",       "totp",       "cvv",   "cvc",           "ssn",
    "iban",  "pan",    "cookie", "cookies", "auth", "setcookie", "nationalid", "taxid", "authorization", "sid",
};

/* Its end: "db_password", "stripe-api-key". */
static const char *const ENDINGS[] = {
    "password",  "passwd",          "passphrase",       "passcode",     "clientsecret",
    "appsecret", "secretkey",       "apisecret",        "apikey",       "privatekey",
    "accesskey", "secretaccesskey", "accesstoken",      "refreshtoken", "idtoken",
    "authtoken", "bearertoken",     "sessiontoken",     "apitoken",     "securitytoken",
    "sessionid", "cardnumber",      "cardno",           "creditcard",   "socialsecuritynumber",
    "pincode",   "credentials",     "connectionstring",
};

static bool is_separator(char c)
{
	return c == '_' || c == '-' || c == '.' || c == ' ';
}

bool redact_plain_name(h2o_iovec_t name, char plain[REDACT_NAME_SIZE])
{
	size_t len = 0;

	for (size_t i = 0; i < name.len; i++) {
		char c = name.base[i];
		if (is_separator(c))
			continue;
		if (len == REDACT_NAME_SIZE - 1)
			return false;
		plain[len++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	plain[len] = '\0';
	return true;
}

static bool is_among(const struct redact_names *names, const char *plain)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->list[i], plain) == 0)
			return true;
	return false;
}

/* Whether any of the words above ends as the name does: most names are through with this. */
static bool may_tell(h2o_iovec_t name)
{
	static const char ENDS[] = "rdwdsedeeteyenidernolsngssintpvvvcsnanieesthon";
	static uint32_t seconds[32]; /* bits of letters by the one before them */
	unsigned last[2] = {0, 0};
	size_t at = name.len;

	if (seconds['r' & 31] == 0)
		for (const char *e = ENDS; *e != '\0'; e += 2)
			seconds[e[0] & 31] |= 1U << (e[1] & 31);
	for (size_t i = 0; i < 2; i++) {
		while (at > 0 && is_separator(name.base[at - 1]))
			at--;
		last[i] = at > 0 ? (unsigned char)name.base[--at] & 31U : 0;
	}
	return (seconds[last[1]] & 1U << last[0]) != 0;
}

bool redact_name_tells(const struct redact_rules *rules, h2o_iovec_t name)
{
	char plain[REDACT_NAME_SIZE];

	if (name.len < 3 || (rules->fields_added.count == 0 && !may_tell(name)) || !redact_plain_name(name, plain))
		return false;
	if (is_among(&rules->fields_allowed, plain))
		return false;
	if (is_among(&rules->fields_added, plain))
		return true;
	size_t len = strlen(plain);
	if (len < 3)
		return false;
	for (size_t i = 0; i < sizeof(WHOLE) / sizeof(WHOLE[0]); i++)
		if (strcmp(WHOLE[i], plain) == 0)
			return true;
	for (size_t i = 0; i < sizeof(ENDINGS) / sizeof(ENDINGS[0]); i++) {
		size_t length = strlen(ENDINGS[i]);
		if (length <= len && memcmp(plain + len - length, ENDINGS[i], length) == 0)
			return true;
	}
	return false;
}
