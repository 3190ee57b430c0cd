/* SPDX-License-Identifier: Apache-2.0 */
/* The BEARER guard: a token for this very resource, of the authorization server (RFC 9068; verified here and
 * introspected there) or of another source (token_source.h), presented by whom it is bound to. */
#ifndef SALLYPORT_MCP_BEARER_H
#define SALLYPORT_MCP_BEARER_H

#include "mcp/mcp.h"
#include "mcp/token_cache.h"

/* The guard's steps. */
extern step_fn *const bearer_steps[];
/* Whom the guard let in; not NULL behind it. */
const struct bearer *bearer_of(const struct request *r);

/* `r` is of the same caller as `from`, and may outlive it. */
void bearer_inherit(struct request *r, const struct request *from);

/* What is known of the token of a request that the guard let in by answers to questions that were asked since then.
 * Where nothing is, `ask` asks. */
enum bearer_state { BEARER_UNKNOWN, BEARER_ALIVE, BEARER_DEAD };
enum bearer_state bearer_check_again(struct request *r, int64_t since_ms, bool ask);

#endif
