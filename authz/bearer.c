/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/bearer.h"

#include "authz/admin_client.h"
#include "common/reply.h"

h2o_iovec_t bearer_text(struct request *r, bool *repeats)
{
	static const char SCHEME[] = "Bearer ";
	size_t len = sizeof(SCHEME) - 1;
	h2o_iovec_t header = request_header(r, "authorization", repeats);
	if (header.len <= len || !text_is_nocase(h2o_iovec_init(header.base, len), SCHEME))
		return (h2o_iovec_t){NULL, 0};
	return h2o_iovec_init(header.base + len, header.len - len);
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
		reply_header(r, "www-authenticate",
		             text_printf(&r->pool, "Bearer realm=\"sallyport\"%s%s", code, scope));
	}
	return show_error_json(r, error, text);
}
