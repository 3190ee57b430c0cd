/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7662: an issuer says whether a token is alive, for which scopes, and (our own authorization server) which its
 * person could be granted. One question at a time for each token; whoever else comes with it waits for the same answer.
 * There is one of these for each issuer. */
#ifndef SALLYPORT_MCP_INTROSPECTION_H
#define SALLYPORT_MCP_INTROSPECTION_H

#include "mcp/mcp.h"
#include "mcp/caller/token_cache.h"

struct introspection_options {
	struct egress *egress;
	const char *issuer;   /* whom is asked */
	const char *endpoint; /* NULL: what its metadata says */
	struct jwks *jwks;    /* its metadata and keys; may be NULL where the endpoint is not */
	struct token_cache *tokens;
	const char *resource, *client_id;
	struct secret client_secret;
	int64_t cache_ms; /* of an answer that says that a token is dead, and of any where no feed tells of changes */
	const json_t *claims;                 /* members of its answers that callers are known by, too; claims.h */
	const struct foreign_issuer *foreign; /* settings_issuers.h; NULL: it is our own authorization server */
};

struct introspection;
struct introspection *introspection_open(const struct introspection_options *options);
void introspection_close(struct introspection *introspection);

/* "Basic ..." of this resource server, for what else it asks the authorization server. Lives as long. */
const char *introspection_authorization(const struct introspection *introspection);

/* `claims`: those of the token, `verified` or as it shows them; NULL of one that only its issuer can read. The
 * request's next step finds the token in the cache, as alive or dead; if it is not there, nobody could say: an outage,
 * or something about the token changed while the question was under way (introspection_disturbed). STEP_WAIT, or
 * STEP_NEXT if nothing can be asked.
 */
step_result introspection_ask(struct introspection *introspection, struct request *r, h2o_iovec_t token,
                              const uint8_t digest[SHA256_SIZE], json_t *claims, bool verified);
/* The same for nobody who waits: the cache knows it when the answer is there. */
void introspection_check(struct introspection *introspection, h2o_iovec_t token, const uint8_t digest[SHA256_SIZE],
                         json_t *claims, bool verified);
/* Something has changed about the tokens of a grant or client, or about one of this jti: answers to questions that are
 * under way may be older than that and are not kept, and those to the next ones for a moment only. */
void introspection_disturb(struct introspection *introspection, enum token_key key, h2o_iovec_t value);
void introspection_disturb_all(struct introspection *introspection);
/* How many questions were disturbed so far. */
uint64_t introspection_disturbed(const struct introspection *introspection);

#endif
