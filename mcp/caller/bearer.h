/* SPDX-License-Identifier: Apache-2.0 */
/* The BEARER guard: a token for this very resource, of the authorization server (RFC 9068; verified here and
 * introspected there) or of another source (token_source.h), presented by whom it is bound to. */
#ifndef SALLYPORT_MCP_BEARER_H
#define SALLYPORT_MCP_BEARER_H

#include "mcp/mcp.h"
#include "mcp/caller/token_cache.h"

/* The guard's steps. */
extern step_fn *const bearer_steps[];
/* Whom the guard let in; not NULL behind it. */
const struct bearer *bearer_of(const struct request *r);

/* The caller's own token, for credential_exchange.c alone: it is shown to the token endpoint that gives another one for
 * it (RFC 8693), and to nobody else. */
h2o_iovec_t bearer_subject_token(const struct request *r);

/* `r` is of the same caller as `from`, and may outlive it. */
void bearer_inherit(struct request *r, const struct request *from);

/* True if it is time to ask whether the token of a request that the guard let in is still alive: it has expired and
 * stands for nothing that lives on, or nobody tells of its end. */
bool bearer_is_doubtful(struct request *r, int64_t now_ms);
/* What is known of the token of a request that the guard let in by answers to questions that were asked since then.
 * Where nothing is, `ask` asks. Of one that has expired meanwhile nobody can be asked whether its grant is alive: that
 * is known only once its client has come with another token of the grant. */
enum bearer_state { BEARER_UNKNOWN, BEARER_ALIVE, BEARER_DEAD, BEARER_EXPIRED };
enum bearer_state bearer_check_again(struct request *r, int64_t since_ms, bool ask);

#endif
