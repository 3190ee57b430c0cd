/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of access tokens that were verified and introspected: a bounded table by the SHA-256 of the token, the
 * least recently used one goes first. So a steady request costs neither a signature nor a round trip. */
#ifndef SALLYPORT_MCP_TOKEN_CACHE_H
#define SALLYPORT_MCP_TOKEN_CACHE_H

#include "common/secret.h"
#include "mcp/tool_list.h"

/* Shared by the table and the requests under way (h2o_mem_link_shared); never changes. */
struct bearer {
	uint8_t digest[SHA256_SIZE];
	bool active;     /* false: the authorization server said that the token is dead; the rest is empty */
	int64_t dies_ms; /* clock_monotonic_ms from which on it is not believed any more */
	int64_t expires; /* the token's exp */
	const char *subject, *username, *client_id, *grant_id; /* "" if unknown */
	const char *scope;                                     /* granted ones as text */
	struct tool_list *list;                                /* what it sees */
	const uint8_t *decisions;                              /* policy_decide_all */
	struct bearer *next, *older, *newer;                   /* the table's own */
};

struct bearer_facts {
	const uint8_t *digest;
	bool active;
	int64_t dies_ms, expires;
	const char *subject, *username, *client_id, *grant_id, *scope;
	struct tool_list *list; /* its reference is taken; NULL if not active */
	const uint8_t *decisions;
	size_t tool_count;
};

/* A new reference; texts are copied. */
struct bearer *bearer_make(const struct bearer_facts *facts);

struct token_cache;
struct token_cache *token_cache_open(size_t capacity);
void token_cache_close(struct token_cache *cache);
/* NULL if it is not there or must not be believed any more. Borrowed: link it to a pool before anything else happens.
 */
struct bearer *token_cache_find(struct token_cache *cache, const uint8_t digest[SHA256_SIZE], int64_t now_ms);
/* Takes the reference; replaces one of the same digest. */
void token_cache_put(struct token_cache *cache, struct bearer *bearer);
size_t token_cache_count(const struct token_cache *cache);

#endif
