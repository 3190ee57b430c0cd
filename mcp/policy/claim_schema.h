/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON Schema in which any value may be {"$claim": "/repos"}: a pointer (RFC 6901) to what is known of the caller
 * (claims.h). Without any it is compiled once; with some it is filled in and compiled for each caller. */
#ifndef SALLYPORT_MCP_CLAIM_SCHEMA_H
#define SALLYPORT_MCP_CLAIM_SCHEMA_H

#include "common/schema/schema.h"

enum { CLAIM_PLACES_MAX = 32 /* in one schema */ };

struct claim_schema {
	const json_t *document;
	const struct schema *fixed; /* NULL: it has places */
	size_t place_count;
};

/* Tries each place with values of all kinds: one that nothing fits is refused. `members`: the configuration's claims
 * ({name: ...}, may be NULL) beside the built-in ones. NULL and *problem, which begins with the place. */
const struct claim_schema *claim_schema_load(h2o_mem_pool_t *pool, const json_t *document, const json_t *members,
                                             const char **problem);
/* Compiled with the caller's claims. NULL and *pointer: that claim is missing, or of a kind that its place does not
 * take ("" if it cannot be said which). */
const struct schema *claim_schema_fill(h2o_mem_pool_t *pool, const struct claim_schema *schema, const json_t *claims,
                                       const char **pointer);

#endif
