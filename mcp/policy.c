/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/policy.h"

#include <string.h>

enum decision policy_decide(const struct tool *tool, const struct scopes *granted, const struct scopes *grantable)
{
	if (scopes_has(granted, tool->scope))
		return ALLOWED;
	if (tool->acquirable && scopes_has(grantable, tool->scope))
		return ACQUIRABLE;
	return HIDDEN;
}

void policy_decide_all(const struct catalogue *catalogue, const struct scopes *granted, const struct scopes *grantable,
                       uint8_t *decisions)
{
	for (size_t i = 0; i < catalogue->count; i++)
		decisions[i] = (uint8_t)policy_decide(&catalogue->tools[i], granted, grantable);
}

struct scopes policy_challenge_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const struct tool *tool,
                                      const struct scopes *granted)
{
	struct scopes scopes = {NULL, 0}, needed = {(const char **)&tool->scope, 1};

	scopes = scopes_union(pool, &scopes, &needed);
	for (size_t i = 0; i < catalogue->count; i++) {
		struct scopes one = {(const char **)&catalogue->tools[i].scope, 1};
		if (scopes_has(granted, catalogue->tools[i].scope))
			scopes = scopes_union(pool, &scopes, &one);
	}
	return scopes;
}

struct scopes policy_read_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue)
{
	struct scopes scopes = {NULL, 0};

	for (size_t i = 0; i < catalogue->count; i++) {
		struct scopes one = {(const char **)&catalogue->tools[i].scope, 1};
		if (catalogue->tools[i].tier == TIER_READ)
			scopes = scopes_union(pool, &scopes, &one);
	}
	return scopes;
}
