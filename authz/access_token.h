/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: RFC 9068 JWTs of type at+jwt, for one resource, with the id of the grant that they come from. */
#ifndef SALLYPORT_ACCESS_TOKEN_H
#define SALLYPORT_ACCESS_TOKEN_H

#include "authz/store.h"

/* NULL if there is no key to sign with (answer 503). *ret_jti names the token in records. */
const char *access_token_mint(struct request *r, const struct granted *g, const char **ret_jti);

struct access_token { /* texts live with the request */
	uint8_t grant_id[16];
	const char *jti, *subject, *client_id, *audience, *scope;
	int64_t issued_at, expires_at;
};
/* False while the keys are not loaded: nobody can then say what a token is (answer 503). */
bool access_token_readable(struct request *r);
/* False unless the text is an access token that this server signed and that has not expired. */
bool access_token_read(struct request *r, h2o_iovec_t text, struct access_token *ret);

#endif
