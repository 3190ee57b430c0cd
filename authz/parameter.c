/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/parameter.h"

#include <string.h>

#include "common/uri.h"

static const char *const SINGLE[] = {"acr_values",
                                     "authorization_details",
                                     "client_id",
                                     "client_secret",
                                     "code",
                                     "code_challenge",
                                     "code_challenge_method",
                                     "code_verifier",
                                     "grant_type",
                                     "nonce",
                                     "dpop_jkt",
                                     "prompt",
                                     "redirect_uri",
                                     "refresh_token",
                                     "request",
                                     "max_age",
                                     "request_uri",
                                     "response_mode",
                                     "response_type",
                                     "scope",
                                     "state",
                                     "token",
                                     "token_type_hint",
                                     "claims",
                                     "login_hint",
                                     "client_assertion",
                                     "client_assertion_type",
                                     NULL};

const char *parameter(const struct form *f, const char *name)
{
	h2o_iovec_t value = form_get(f, name);
	return value.len > 0 ? value.base : NULL;
}

bool parameters_repeat(const struct form *f)
{
	return form_repeats(f, SINGLE);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Clients build it with URL classes: the host may come in capitals, and a bare origin gets a slash. Resources are kept
 * without either, so nothing else can be meant. Path and query stay as they are. */
static const char *canonical_resource(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	struct uri u;
	char *copy = text_copy(pool, text);
	if (!uri_parse(text, &u) || u.host.len == 0)
		return copy;
	h2o_iovec_t last = u.port.len > 0 ? u.port : u.host;
	size_t authority_end = (size_t)(last.base + last.len - text.base);
	for (size_t i = 0; i < authority_end; i++)
		copy[i] = lower(copy[i]);
	if (text_is(u.path, "/") && u.query.base == NULL && !u.has_fragment)
		copy[authority_end] = '\0';
	return copy;
}

bool parameter_resource(struct request *r, const struct form *f, const char **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < f->count; i++) {
		if (!text_is(f->fields[i].name, "resource") || f->fields[i].value.len == 0)
			continue;
		const char *resource = canonical_resource(&r->pool, f->fields[i].value);
		if (*ret != NULL && strcmp(*ret, resource) != 0)
			return false;
		*ret = resource;
	}
	return true;
}
