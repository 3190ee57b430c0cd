/* SPDX-License-Identifier: Apache-2.0 */
/* WWW-Authenticate: RFC 6750, 3; RFC 9449, 7.1; RFC 9470, 3; RFC 9728, 5.1. Every value is quoted and without escapes:
 * clients read it with simple patterns. Who came with DPoP is answered in that scheme alone, for there are clients that
 * understand its errors only so; all others get Bearer first, in a line of its own, and then DPoP as an offer. */
#ifndef SALLYPORT_MCP_CHALLENGE_H
#define SALLYPORT_MCP_CHALLENGE_H

#include "mcp/mcp.h"

struct challenge {
	const char *error;       /* NULL where no credentials were presented (RFC 6750, 3.1 wants no error code then) */
	const char *description; /* belongs to it */
	const char *scope;       /* blank-separated, "" for none */
	const char *acr_values;  /* of insufficient_user_authentication (RFC 9470, 3); NULL for any */
	int64_t max_age;         /* of the same; 0 for any */
};
/* One challenge of the scheme "Bearer" or "DPoP". */
char *challenge_text(h2o_mem_pool_t *pool, const char *scheme, const char *metadata_url, const struct challenge *c);

/* 401 without an error: nobody presented a token. */
step_result challenge_missing(struct request *r);
/* 401 invalid_token; `reason` is for the log only. */
step_result challenge_invalid(struct request *r, const char *reason);
/* 401 invalid_dpop_proof, of a token that came with DPoP. */
step_result challenge_proof(struct request *r, const char *reason);
/* 401 use_dpop_nonce; the nonce is a header of the answer already. */
step_result challenge_nonce(struct request *r);
/* 400 invalid_request: credentials that cannot be understood. */
step_result challenge_malformed(struct request *r, const char *reason);
/* 401 insufficient_user_authentication with the scopes, too. */
step_result challenge_authentication(struct request *r, const char *acr_values, int64_t max_age,
                                     const struct scopes *scopes);
/* 403 insufficient_authorization_details; the body has the `details` (taken) that would do
 * (draft-ietf-oauth-rar-metadata-remediation). `words` are fixed English, as simple as those of the others. */
step_result challenge_details(struct request *r, const char *words, json_t *details, const struct scopes *scopes);
/* 403 insufficient_scope with the scopes for the next authorization. */
step_result challenge_scope(struct request *r, const struct scopes *scopes);

#endif
