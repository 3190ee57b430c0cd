/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/authorization.h"

#include <string.h>

/* b64token but for its "=" at the end. A table, for this runs over every token of every request. */
static const bool TOKEN_CHARACTERS[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true, ['.'] = true,
    ['_'] = true,         ['~'] = true,         ['+'] = true,         ['/'] = true,
};

static bool is_token_character(char c)
{
	return TOKEN_CHARACTERS[(unsigned char)c];
}

/* What follows the scheme; base NULL if it is another one. */
static h2o_iovec_t after_scheme(h2o_iovec_t header, const char *scheme)
{
	size_t len = strlen(scheme);

	if (header.len < len || !text_is_nocase(h2o_iovec_init(header.base, len), scheme) ||
	    (header.len > len && is_token_character(header.base[len])))
		return (h2o_iovec_t){NULL, 0};
	return h2o_iovec_init(header.base + len, header.len - len);
}

enum bearer_form bearer_read(h2o_iovec_t header, h2o_iovec_t *ret_token)
{
	h2o_iovec_t rest = after_scheme(header, "Bearer");
	bool with_key = rest.base == NULL;
	size_t at = 0;

	if (with_key)
		rest = after_scheme(header, "DPoP");
	if (rest.base == NULL)
		return BEARER_OTHER_SCHEME;
	while (at < rest.len && rest.base[at] == ' ')
		at++;
	size_t start = at;
	while (at < rest.len && is_token_character(rest.base[at]))
		at++;
	size_t end = at;
	while (at < rest.len && rest.base[at] == '=')
		at++;
	if (start == 0 || end == start || at != rest.len)
		return BEARER_MALFORMED;
	*ret_token = h2o_iovec_init(rest.base + start, at - start);
	return with_key ? BEARER_WITH_KEY : BEARER_FINE;
}
