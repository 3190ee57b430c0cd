/* SPDX-License-Identifier: Apache-2.0 */
/* POST {base}/token: RFC 6749, 3.2. Each grant type is a list of steps in a file of its own. */
#ifndef SALLYPORT_TOKEN_H
#define SALLYPORT_TOKEN_H

#include "authz/answer_cache.h"
#include "authz/token_client.h"

struct token_state {
	struct handle handle;       /* of the code or the refresh token */
	const char *resource;       /* asked for, or NULL */
	const struct scopes *scope; /* asked for, or NULL */
	struct granted granted;
	uint8_t key[SHA256_SIZE]; /* of a verdict that can be kept (token_service.c) */
	struct answer_mark mark;
};
extern step_fn *const token_steps[];

extern step_fn *const token_code_steps[];    /* token_code.c */
extern step_fn *const token_refresh_steps[]; /* token_refresh.c */
extern step_fn *const token_service_steps[]; /* token_service.c */

/* Ends a token request whose code or refresh token no database needs to be asked about: but the client must be proved
 * first, so that nobody can tell the two cases apart. */
step_result fail_grant_after_proof(struct request *r);
/* Steps between the look at a request and its verdict: a DPoP proof counts once. */
step_result token_use_key(struct request *r);
step_result token_check_key(struct request *r);
/* The client is one whose tokens are bound to keys, and shows none (RFC 9449, 5.2). */
step_result fail_key_missing(struct request *r);
/* invalid_grant with one text, whatever the reason was. */
step_result fail_grant(struct request *r);
/* 200 with an access token and, if the grant has them, its refresh token (RFC 6749, 5.1) and an ID token (OpenID
 * Connect Core, 3.1.3.3); `event` names the audit record. */
step_result reply_tokens(struct request *r, const struct granted *g, const char *event);

#endif
