/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/policy.h"

#include <string.h>

enum decision policy_decide(const struct item *item, const struct scopes *granted, const struct scopes *grantable)
{
	if (scopes_has(granted, item->scope))
		return ALLOWED;
	if (item->acquirable && scopes_has(grantable, item->scope))
		return ACQUIRABLE;
	return HIDDEN;
}

void policy_decide_all(const struct catalogue *catalogue, const struct scopes *granted, const struct scopes *grantable,
                       uint8_t *decisions)
{
	for (size_t i = 0; i < catalogue->count; i++)
		decisions[i] = (uint8_t)policy_decide(catalogue->items[i], granted, grantable);
}

static void add_scope(h2o_mem_pool_t *pool, struct scopes *scopes, const char *name)
{
	struct scopes one = {&name, 1};

	*scopes = scopes_union(pool, scopes, &one);
}

struct scopes policy_implied(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const struct scopes *scopes)
{
	struct scopes reached = *scopes;
	size_t before;

	do {
		struct scopes step = reached;
		before = reached.count;
		for (size_t i = 0; i < step.count; i++) {
			const json_t *words = json_object_get(settings->scopes, step.names[i]);
			const json_t *implies = json_object_get(words, "implies");
			for (size_t k = 0; k < json_array_size(implies); k++)
				add_scope(pool, &reached, json_string_value(json_array_get(implies, k)));
		}
	} while (reached.count > before);
	return reached;
}

struct scopes policy_challenge_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const struct item *item,
                                      const struct scopes *granted)
{
	struct scopes scopes = {NULL, 0};

	add_scope(pool, &scopes, item->scope);
	for (size_t i = 0; i < catalogue->count; i++)
		if (scopes_has(granted, catalogue->items[i]->scope))
			add_scope(pool, &scopes, catalogue->items[i]->scope);
	return scopes;
}

struct scopes policy_read_scopes(h2o_mem_pool_t *pool, const struct catalogue *catalogue)
{
	struct scopes scopes = {NULL, 0};

	for (size_t i = 0; i < catalogue->count; i++)
		if (catalogue->items[i]->tier == TIER_READ)
			add_scope(pool, &scopes, catalogue->items[i]->scope);
	return scopes;
}
