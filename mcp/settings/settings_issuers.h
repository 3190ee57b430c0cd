/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that are not of our own authorization server: the members `issuers` and `service_tokens` of mcp.yaml. */
#ifndef SALLYPORT_MCP_SETTINGS_ISSUERS_H
#define SALLYPORT_MCP_SETTINGS_ISSUERS_H

#include "common/json.h"
#include "common/scope.h"
#include "common/secret.h"

struct foreign_issuer {       /* an authorization server that is asked about its tokens (RFC 7662) */
	const char *issuer;   /* byte for byte */
	const char *endpoint; /* of introspection; NULL: what its metadata says (RFC 8414) */
	const char *client_id;
	struct secret client_secret;
	int64_t cache_ms;
	const char *audience;    /* that its answers must name */
	bool audience_required;  /* false: an answer without any will do */
	bool opaque;             /* tokens that say nothing of their issuer are of this one */
	const json_t *scope_map; /* {"its scope": ["ours", ...]}; NULL: they are ours */
};

struct service_tokens {     /* HS256 JWTs under a key that both sides were given (service_token.h) */
	const char *issuer; /* NULL: none are taken */
	struct secret key;
	struct scopes allowed;  /* more than these no such token opens */
	int64_t lifetime_max_s; /* nobody can revoke one */
};

struct token_issuers {
	struct foreign_issuer *foreign;
	size_t foreign_count;
	struct service_tokens service;
};

/* A secret that stands in one line of a file. NULL, or what is wrong with the file. */
const char *settings_secret_read(h2o_mem_pool_t *pool, const char *path, struct secret *ret);
#endif
