/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/bearer.h"

#include <string.h>

#include "authz/admin_client.h"
#include "common/dpop.h"
#include "common/reply.h"

static h2o_iovec_t credentials(h2o_iovec_t header, const char *scheme)
{
	size_t len = strlen(scheme);
	if (header.len <= len || !text_is_nocase(h2o_iovec_init(header.base, len), scheme))
		return (h2o_iovec_t){NULL, 0};
	return h2o_iovec_init(header.base + len, header.len - len);
}

h2o_iovec_t bearer_text(struct request *r, bool *repeats)
{
	return credentials(request_header(r, "authorization", repeats), "Bearer ");
}

h2o_iovec_t dpop_text(struct request *r, bool *repeats)
{
	return credentials(request_header(r, "authorization", repeats), "DPoP ");
}

bool bearer_handle(struct request *r, enum handle_type type, struct handle *ret)
{
	bool repeats;
	h2o_iovec_t text = bearer_text(r, &repeats);
	return text.base != NULL && !repeats && handle_open(authz_of(r)->handle_keys, type, text, ret);
}

step_result show_error_challenge(struct request *r, const struct oauth_error *error, const char *text)
{
	if (error->status == 401 || error == &INSUFFICIENT_SCOPE) {
		bool said = request_header(r, "authorization", NULL).base != NULL;
		/* RFC 6750, 3.1: who brought nothing is told no error code. */
		const char *code = said ? text_printf(&r->pool, ", error=\"%s\"", error->code) : "";
		const char *scope = r->endpoint->caller == ADMIN ? ", scope=\"" ADMIN_SCOPE "\"" : "";
		/* RFC 9449, 7.1: who came with DPoP is told so */
		bool with_key = dpop_text(r, NULL).base != NULL;
		reply_header(r, "www-authenticate",
		             text_printf(&r->pool, "%s realm=\"sallyport\"%s%s%s%s%s", with_key ? "DPoP" : "Bearer",
		                         code, scope, with_key ? ", algs=\"" : "", with_key ? DPOP_ALGORITHMS_TEXT : "",
		                         with_key ? "\"" : ""));
	}
	return show_error_json(r, error, text);
}
