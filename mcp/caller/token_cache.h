/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of access tokens that were verified and introspected: a bounded table by the SHA-256 of the token, the
 * least recently used one goes first. So a steady request costs neither a signature nor a round trip. Tokens are found
 * by their grant, their jti and their client too, to be dropped when the authorization server says that these died. */
#ifndef SALLYPORT_MCP_TOKEN_CACHE_H
#define SALLYPORT_MCP_TOKEN_CACHE_H

#include "common/confirmation.h"
#include "mcp/policy/view.h"

/* By what a token is dropped. */
enum token_key { TOKEN_GRANT, TOKEN_JTI, TOKEN_CLIENT, TOKEN_KEYS };

struct bearer;
struct bearer_link { /* in the chain of all tokens of one grant, jti or client */
	struct bearer *next, **at;
};

/* Shared by the table and the requests under way (h2o_mem_link_shared); what it says of the token never changes. */
struct bearer {
	uint8_t digest[SHA256_SIZE];
	bool active;      /* false: the authorization server said that the token is dead; keys and expiry only */
	int64_t asked_ms; /* clock_monotonic_ms when the question was sent that the answer is to */
	int64_t dies_ms;  /* clock_monotonic_ms from which on it is not believed, however new */
	int64_t expires;  /* the token's exp */
	const char *subject, *username, *client_id, *grant_id, *jti; /* "" if unknown */
	uint64_t person;                                             /* of the subject's digest: never 0 */
	uint64_t client;                                             /* the same of the client's */
	const char *scope;                                           /* granted ones as text */
	const char *grantable;                                       /* what its person could be granted */
	const char *claims;                                          /* JSON of an object (claims.h) */
	struct confirmation bound;                                   /* to whom; possession.h */
	struct view_place {
		size_t at;
		uint64_t number; /* 0: none */
	} view;                  /* where what it sees of the catalogue was kept when somebody asked (view.h) */
	struct limits *limits;   /* of the catalogue that the number is of (view.h); NULL: none */
	uint64_t limited;        /* 0: nobody has asked */
	json_t *parsed;          /* bearer_claims; NULL before */
	/* the table's own */
	struct bearer *next, *older, *newer;
	struct bearer_link links[TOKEN_KEYS];
};

struct bearer_facts {
	const uint8_t *digest;
	bool active;
	int64_t asked_ms, dies_ms, expires;
	const char *subject, *username, *client_id, *grant_id, *jti, *scope, *grantable, *claims;
	struct confirmation bound;
};

/* A new reference; texts are copied. */
struct bearer *bearer_make(const struct bearer_facts *facts);
/* What is said of the caller, as an object; lives as long as the bearer. Parsed when it is first asked for. */
const json_t *bearer_claims(const struct bearer *bearer);
/* The grant, jti or client of the token; "" if it has none. */
const char *bearer_key(const struct bearer *bearer, enum token_key key);

/* FNV-1a of a grant, jti or client from a random start: who chooses names cannot choose places. */
uint64_t token_key_hash(uint64_t seed, h2o_iovec_t value);

struct token_cache;
/* At most `capacity` living tokens and a quarter of that of dead ones, so that these never push out the living. */
struct token_cache *token_cache_open(size_t capacity);
void token_cache_close(struct token_cache *cache);
/* NULL if it is not there, or must not be believed any more: the age limit is the caller's, for it depends on what is
 * known at this moment. Borrowed: link it to a pool before anything else happens. */
struct bearer *token_cache_find(struct token_cache *cache, const uint8_t digest[SHA256_SIZE], int64_t now_ms,
                                int64_t age_limit_ms);
/* True if an active token of the grant is there that was asked about since then. */
bool token_cache_knows_grant(struct token_cache *cache, h2o_iovec_t grant, int64_t since_ms);
/* Takes the reference; replaces one of the same digest. */
void token_cache_put(struct token_cache *cache, struct bearer *bearer);
/* How many were dropped. */
size_t token_cache_drop(struct token_cache *cache, enum token_key key, h2o_iovec_t value);
void token_cache_drop_all(struct token_cache *cache);
size_t token_cache_count(const struct token_cache *cache);

#endif
