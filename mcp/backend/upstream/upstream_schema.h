/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schemas of an upstream's tools, made into ones that our validator checks. What they are turned into is what
 * clients see and what calls are held to; what cannot be checked is said at approval. */
#ifndef SALLYPORT_MCP_UPSTREAM_SCHEMA_H
#define SALLYPORT_MCP_UPSTREAM_SCHEMA_H

#include "common/schema/schema.h"

struct upstream_schema {
	const json_t *offered;         /* the schema as it is shown */
	const struct schema *compiled; /* NULL: it cannot be checked, see `problem` */
	const char *problem;           /* "/properties/x/pattern: ..." */
	bool closed;                   /* it took members that it does not describe; now it takes none */
	const json_t *filled;          /* texts: bounds that were written into it; NULL: none */
	bool partly;                   /* it has keywords that nobody here knows: they are not checked */
};

/* Of arguments: an object without unknown members, and, for a tool that changes something, with bounds everywhere. */
void upstream_schema_input(h2o_mem_pool_t *pool, const json_t *schema, bool changes, struct upstream_schema *ret);
/* Of structuredContent: an object. */
void upstream_schema_output(h2o_mem_pool_t *pool, const json_t *schema, struct upstream_schema *ret);

#endif
