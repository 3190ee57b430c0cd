/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/redirect.h"

#include <string.h>

#include "common/reply.h"

static void append_parameter(struct text_buffer *b, const char *name, const char *value)
{
	char last = b->len > 0 ? b->base[b->len - 1] : '\0';
	if (memchr(b->base, '?', b->len) == NULL)
		text_append_str(b, "?");
	else if (last != '?' && last != '&')
		text_append_str(b, "&");
	text_append_str(b, name);
	text_append_str(b, "=");
	text_append_uri(b, text_of(value));
}

static step_result finish(struct request *r, struct text_buffer *b, const char *state)
{
	if (state != NULL)
		append_parameter(b, "state", state);
	append_parameter(b, "iss", authz_of(r)->settings.issuer); /* RFC 9207, 2 */
	/* The code must not travel on in a Referer. */
	reply_header(r, "referrer-policy", "no-referrer");
	return reply_redirect(r, b->base);
}

step_result redirect_with_code(struct request *r, const char *redirect_uri, const char *state, const char *code)
{
	struct text_buffer b = {.pool = &r->pool};
	text_append_str(&b, redirect_uri);
	append_parameter(&b, "code", code);
	return finish(r, &b, state);
}

step_result redirect_with_error(struct request *r, const char *redirect_uri, const char *state,
                                const struct oauth_error *error, const char *text)
{
	struct text_buffer b = {.pool = &r->pool};
	text_append_str(&b, redirect_uri);
	append_parameter(&b, "error", error->code);
	append_parameter(&b, "error_description", text);
	return finish(r, &b, state);
}
