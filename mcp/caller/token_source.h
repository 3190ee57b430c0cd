/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a token is: seen by its form alone, and never tried at more than one. */
#ifndef SALLYPORT_MCP_TOKEN_SOURCE_H
#define SALLYPORT_MCP_TOKEN_SOURCE_H

#include "mcp/mcp.h"

enum token_kind {
	TOKEN_UNKNOWN, /* nobody's */
	TOKEN_SIGNED,  /* a JWT of our own authorization server: verified here, and asked about */
	TOKEN_API_KEY, /* a handle of our own authorization server: asked about */
	TOKEN_FOREIGN, /* of another issuer: asked about there */
	TOKEN_SERVICE  /* a JWT under a shared key: verified here, and nobody is asked */
};
struct token_source {
	enum token_kind kind;
	struct introspection *introspection; /* who is asked; NULL if nobody */
	json_t *shown; /* what the token says of itself, where nobody here can prove it; NULL: nothing */
};
struct token_source token_source_of(const struct mcp *mcp, h2o_mem_pool_t *pool, h2o_iovec_t token);

/* The issuers of mcp.yaml beside our own authorization server. */
struct token_sources *token_sources_open(const struct mcp *mcp);
void token_sources_close(struct token_sources *sources);
/* Once a second. */
void token_sources_tick(void *sources);

/* NULL: the cache knows the token (TOKEN_SERVICE) now. Else why it is none. */
const char *service_bearer_take(const struct mcp *mcp, h2o_mem_pool_t *pool, h2o_iovec_t token,
                                const uint8_t digest[32]);

#endif
