/* SPDX-License-Identifier: Apache-2.0 */
/* Who may see and call which tool. One function decides, for tools/list and tools/call alike. */
#ifndef SALLYPORT_MCP_POLICY_H
#define SALLYPORT_MCP_POLICY_H

#include "mcp/catalogue.h"

enum decision {
	HIDDEN,     /* as if there were no such tool: byte for byte the same answers */
	ACQUIRABLE, /* listed; a call is answered by a challenge for the scope */
	ALLOWED
};

/* `granted`: scopes of the token; `grantable`: those that the person could be granted. */
enum decision policy_decide(const struct tool *tool, const struct scopes *granted, const struct scopes *grantable);
/* One byte for each tool of the catalogue. */
void policy_decide_all(const struct catalogue *catalogue, const struct scopes *granted, const struct scopes *grantable,
                       uint8_t *decisions);
/* Scopes that a challenge for the tool names: the one it needs, and those of the token that open any tool here. A
 * client that takes the challenge's scopes alone for its next authorization then loses nothing. */
struct scopes policy_challenge_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const struct tool *tool,
                                      const struct scopes *granted);
/* Scopes of all tools of tier read. */
struct scopes policy_read_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue);

#endif
