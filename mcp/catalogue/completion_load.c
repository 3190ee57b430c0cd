/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/completion.h"

#include "mcp/catalogue/loading.h"
#include "mcp/backend/sql/sql_plan.h"

void completions_open(struct loading *l, struct completions *completions)
{
	size_t size = (json_object_size(l->names) + 1) * sizeof(struct completion);
	const char **names = h2o_mem_alloc_pool(l->pool, size);
	const char *name;
	json_t *member;

	*completions = (struct completions){.names = names, .items = h2o_mem_alloc_pool(l->pool, size)};
	json_object_foreach ((json_t *)l->names, name, member)
		names[completions->name_count++] = name;
}

const char *completions_add(struct loading *l, struct completions *completions, const char *argument,
                            const json_t *complete, const char *place)
{
	struct completion *completion = &completions->items[completions->count++];
	const json_t *sql = json_object_get(complete, "sql");
	const char *problem = NULL;

	*completion = (struct completion){.argument = argument, .values = json_object_get(complete, "values")};
	if (sql != NULL)
		completion->plan = sql_plan_of_values(l, argument, sql, place, &problem);
	return problem;
}
