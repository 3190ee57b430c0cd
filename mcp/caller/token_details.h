/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9396: authorization details of the type mcp_tool in a token:
 *   {"type": "mcp_tool", "locations": [URL], "tools": ["get_item"], "actions": ["read"], "arguments": {JSON Schema}}
 * `tools` names tools, `actions` tiers (read, write, destroy); at least one of the two is there, and an entry is about
 * the tools that both allow. `arguments` is what their arguments have to be. With `locations` it is about these
 * resources only. Each entry allows something: a call must be
 * covered by one of them. Entries of other types are not ours; whatever cannot be understood in one of ours could be a
 * limit, so it refuses every tool. */
#ifndef SALLYPORT_MCP_TOKEN_DETAILS_H
#define SALLYPORT_MCP_TOKEN_DETAILS_H

#include "common/schema/schema.h"
#include "mcp/catalogue/item.h"

#define TOKEN_DETAIL_TYPE "mcp_tool"

struct token_detail {                                          /* borrows the claims */
	const json_t *tools, *actions, *arguments, *locations; /* NULL: absent */
	bool elsewhere;                                        /* it is about other resources */
};

/* Entries of ours into `entries`, which has room for all. False if they cannot be understood. */
bool token_details_read(const json_t *details, const char *resource, struct token_detail *entries, size_t *count);
/* Whether the entry is about the item. */
bool token_detail_covers(const struct token_detail *detail, const struct item *item);
/* Its `arguments`; NULL if they are no schema. */
const struct schema *token_detail_compile(h2o_mem_pool_t *pool, const struct token_detail *detail);

#endif
