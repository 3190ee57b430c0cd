/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: RFC 9068 JWTs of type at+jwt, for one resource, with the id of the grant that they come from. */
#ifndef SALLYPORT_ACCESS_TOKEN_H
#define SALLYPORT_ACCESS_TOKEN_H

#include "authz/store.h"

/* NULL if there is no key to sign with (answer 503). *ret_jti names the token in records. */
const char *access_token_mint(struct request *r, const struct granted *g, const char **ret_jti);

/* Seconds that the access token of a grant lives. */
int64_t access_token_lifetime(const struct request *r, const struct granted *g);

struct access_token { /* texts live with the request */
	uint8_t grant_id[16];
	const char *jti, *subject, *client_id, *audience, *scope;
	const char *certificate; /* x5t#S256 of the certificate that it is bound to; "" if it is not */
	const char *key;         /* jkt of the key that it is bound to; "" if it is not */
	const char *details;     /* its authorization_details (RFC 9396); "" if it has none */
	const char *acr;         /* how its person signed in; "" of nobody's */
	int64_t auth_time;       /* and when; 0 */
	int64_t issued_at, expires_at;
};
/* Appends `,"name":["a","b"]` to an object that has members; nothing for no names. RFC 9068, 2.2.3.1 */
void claims_append_names(struct text_buffer *b, const char *name, const char *const *names, size_t count);
/* Appends `,"cnf":{...}`; nothing if it is bound to nothing (RFC 8705, 3.1; RFC 9449, 6.1). NULL or "": not to this. */
void claims_append_confirmation(struct text_buffer *b, const char *certificate, const char *key);
/* Appends `,"authorization_details":[...]`; nothing for NULL or "". */
void claims_append_details(struct text_buffer *b, const char *details);
/* Appends when and how the person signed in (RFC 9470, 6); nothing for 0: nobody did for a client's own token. */
void claims_append_authentication(struct text_buffer *b, const char *acr, int64_t auth_time);
/* False while the keys are not loaded: nobody can then say what a token is (answer 503). */
bool access_token_readable(struct request *r);
/* The text names a key that is not loaded, but another daemon may have made: keyring_reread first. */
bool access_token_key_is_missing(struct request *r, h2o_iovec_t text);
/* It is published, but this process cannot open it: nobody may be told that the token is none. */
bool access_token_key_is_closed(struct request *r, h2o_iovec_t text);
/* False unless the text is an access token that this server signed and that has not expired. */
bool access_token_read(struct request *r, h2o_iovec_t text, struct access_token *ret);

#endif
