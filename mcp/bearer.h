/* SPDX-License-Identifier: Apache-2.0 */
/* The BEARER guard: an access token of the authorization server (RFC 9068) for this very resource, verified here and
 * introspected there. */
#ifndef SALLYPORT_MCP_BEARER_H
#define SALLYPORT_MCP_BEARER_H

#include "mcp/mcp.h"
#include "mcp/token_cache.h"

/* The guard's steps. */
extern step_fn *const bearer_steps[];
/* Whom the guard let in; not NULL behind it. */
const struct bearer *bearer_of(const struct request *r);

/* What is known of the token of a request that the guard let in by answers to questions that were asked since then.
 * Where nothing is, `ask` asks. */
enum bearer_state { BEARER_UNKNOWN, BEARER_ALIVE, BEARER_DEAD };
enum bearer_state bearer_check_again(struct request *r, int64_t since_ms, bool ask);

/* The token of an Authorization header: scheme in any case, one run of blanks, one b64token (RFC 6750, 2.1). */
enum bearer_form { BEARER_FINE, BEARER_OTHER_SCHEME, BEARER_MALFORMED };
enum bearer_form bearer_read(h2o_iovec_t header, h2o_iovec_t *ret_token);

#endif
