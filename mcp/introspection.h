/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7662: the authorization server says whether a token that verifies is still alive, for which scopes, and which its
 * person could be granted. One question at a time for each token; whoever else comes with it waits for the same answer.
 */
#ifndef SALLYPORT_MCP_INTROSPECTION_H
#define SALLYPORT_MCP_INTROSPECTION_H

#include "mcp/mcp.h"
#include "mcp/token_cache.h"

struct introspection_options {
	struct egress *egress;
	struct jwks *jwks;
	struct token_cache *tokens;
	const struct catalogue *catalogue;
	struct tool_lists *lists;
	const char *resource, *client_id;
	struct secret client_secret;
	int64_t cache_ms; /* of an answer that says that a token is dead */
};

struct introspection;
struct introspection *introspection_open(const struct introspection_options *options);
void introspection_close(struct introspection *introspection);

/* "Basic ..." of this resource server, for what else it asks the authorization server. Lives as long. */
const char *introspection_authorization(const struct introspection *introspection);

/* `claims`: those of the verified token. The request's next step finds the token in the cache, as alive or dead; if it
 * is not there, nobody could say: an outage, or something about the token changed while the question was under way
 * (introspection_disturbed). STEP_WAIT, or STEP_NEXT if nothing can be asked. */
step_result introspection_ask(struct introspection *introspection, struct request *r, h2o_iovec_t token,
                              const uint8_t digest[SHA256_SIZE], json_t *claims);
/* The same for nobody who waits: the cache knows it when the answer is there. */
void introspection_check(struct introspection *introspection, h2o_iovec_t token, const uint8_t digest[SHA256_SIZE],
                         json_t *claims);
/* Something has changed about the tokens of a grant or client, or about one of this jti: answers to questions that are
 * under way may be older than that and are not kept, and those to the next ones for a moment only. */
void introspection_disturb(struct introspection *introspection, enum token_key key, h2o_iovec_t value);
void introspection_disturb_all(struct introspection *introspection);
/* How many questions were disturbed so far. */
uint64_t introspection_disturbed(const struct introspection *introspection);

#endif
