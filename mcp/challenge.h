/* SPDX-License-Identifier: Apache-2.0 */
/* WWW-Authenticate: RFC 6750, 3; RFC 9728, 5.1. One challenge, Bearer first, every value quoted and without escapes:
 * clients read it with simple patterns. */
#ifndef SALLYPORT_MCP_CHALLENGE_H
#define SALLYPORT_MCP_CHALLENGE_H

#include "mcp/mcp.h"

/* `error`: NULL where no credentials were presented (RFC 6750, 3.1 wants no error code then). `scope`: blank-separated,
 * "" for none. */
char *challenge_text(h2o_mem_pool_t *pool, const char *metadata_url, const char *error, const char *description,
                     const char *scope);

/* 401 without an error: nobody presented a token. */
step_result challenge_missing(struct request *r);
/* 401 invalid_token; `reason` is for the log only. */
step_result challenge_invalid(struct request *r, const char *reason);
/* 400 invalid_request: credentials that cannot be understood. */
step_result challenge_malformed(struct request *r, const char *reason);
/* 403 insufficient_scope with the scopes for the next authorization. */
step_result challenge_scope(struct request *r, const struct scopes *scopes);

#endif
