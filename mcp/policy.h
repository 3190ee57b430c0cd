/* SPDX-License-Identifier: Apache-2.0 */
/* Who may see and use which item. One function decides, for lists and for every method that uses an item. */
#ifndef SALLYPORT_MCP_POLICY_H
#define SALLYPORT_MCP_POLICY_H

#include "mcp/catalogue.h"

enum decision {
	HIDDEN,     /* as if there were no such item: byte for byte the same answers */
	ACQUIRABLE, /* listed; its use is answered by a challenge for the scope */
	ALLOWED
};

/* The scopes and all that they imply in the end. An authorization server of ours has said so itself; of another one
 * nobody else would. */
struct scopes policy_implied(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const struct scopes *scopes);
/* `granted`: scopes of the token; `grantable`: those that the person could be granted. */
enum decision policy_decide(const struct item *item, const struct scopes *granted, const struct scopes *grantable);
/* One byte for each item of the catalogue. */
void policy_decide_all(const struct catalogue *catalogue, const struct scopes *granted, const struct scopes *grantable,
                       uint8_t *decisions);
/* Scopes that a challenge for the item names: the one it needs, and those of the token that open anything here. A
 * client that takes the challenge's scopes alone for its next authorization then loses nothing. */
struct scopes policy_challenge_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const struct item *item,
                                      const struct scopes *granted);
/* Scopes of all items of tier read. */
struct scopes policy_read_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue);

#endif
