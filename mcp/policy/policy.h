/* SPDX-License-Identifier: Apache-2.0 */
/* Who may see and use which item. One function decides, for lists and for every method that uses an item. */
#ifndef SALLYPORT_MCP_POLICY_H
#define SALLYPORT_MCP_POLICY_H

#include "mcp/catalogue/catalogue.h"
#include "mcp/policy/limits.h"

enum decision {
	HIDDEN,     /* as if there were no such item: byte for byte the same answers */
	ACQUIRABLE, /* listed; its use is answered by a challenge for the scope */
	ALLOWED
};

/* The scopes and all that they imply in the end. An authorization server of ours has said so itself; of another one
 * nobody else would. */
struct scopes policy_implied(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const struct scopes *scopes);
/* Who asks. */
struct asker {
	struct scopes granted, grantable; /* of the token; what the person could be granted; with what they imply */
	struct limits *limits;            /* NULL: nothing limits the caller beside the scopes */
};
enum decision policy_decide(const struct item *item, const struct asker *asker);
/* One byte for each item of the catalogue. */
void policy_decide_all(const struct catalogue *catalogue, const struct asker *asker, uint8_t *decisions);

/* Of an item that is ALLOWED, whether these arguments are. What a limit says of a call is told one by one. */
struct policy_finding {
	const struct rule *rule; /* NULL: the authorization details of the token */
	bool holds;
	struct limit_problem problem; /* if it does not hold */
};
typedef void policy_finding_fn(void *data, const struct policy_finding *finding);
/* True if all limits that are about the caller and the item hold; the rules in shadow mode are told of like others, but
 * never the reason for false. */
bool policy_allows(h2o_mem_pool_t *pool, const struct item *item, struct limits *limits, const json_t *arguments,
                   policy_finding_fn *tell, void *data);
/* Words for the model about what does not hold; they say nothing of claims or of values that were sent. */
const char *policy_words(h2o_mem_pool_t *pool, const struct item *item, const struct policy_finding *finding);
/* Scopes that a challenge for the item names: the one it needs, and those of the token that open anything here. A
 * client that takes the challenge's scopes alone for its next authorization then loses nothing. */
struct scopes policy_challenge_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const struct item *item,
                                      const struct scopes *granted);
/* Scopes of all items of tier read. */
struct scopes policy_read_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue);

#endif
