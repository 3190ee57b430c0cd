/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_review.h"

#include <stdlib.h>
#include <string.h>

#include "mcp/backend/upstream/upstream_pins.h"

const char *review_state_name(enum review_state state)
{
	static const char *const NAMES[] = {"same", "new", "changed", "gone", "no_rule", "broken"};

	return NAMES[state];
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct reviewed *)a)->name, ((const struct reviewed *)b)->name);
}

/* What is listed and is a definition, by name. */
static json_t *definitions_of(h2o_mem_pool_t *pool, const json_t *tools)
{
	json_t *definitions = json_keep(pool, json_object()), *tool;
	size_t i;

	json_array_foreach ((json_t *)tools, i, tool) {
		h2o_iovec_t name;
		const json_t *definition = pins_definition(pool, tool, &name);
		if (definition != NULL)
			json_object_set(definitions, name.base, (json_t *)definition);
	}
	return definitions;
}

static void look_at(struct loading *l, const struct upstream_file *file, struct reviewed *item,
                    const struct lint_others *others)
{
	const struct upstream_rule *rule = upstream_file_rule(file, item->name);

	item->digest = pins_digest(l->pool, item->definition);
	item->lint = (struct lint){.pool = l->pool};
	if (rule == NULL)
		item->state = REVIEW_NO_RULE;
	else if (item->approved == NULL)
		item->state = REVIEW_NEW;
	else
		item->state = json_equal(item->definition, item->approved) ? REVIEW_SAME : REVIEW_CHANGED;
	if (item->state == REVIEW_NEW || item->state == REVIEW_CHANGED)
		lint_definition(&item->lint, l, file, rule, item->definition, others);
}

static void add_broken(struct loading *l, struct review *review, const json_t *tools)
{
	const json_t *tool;
	size_t i;

	json_array_foreach ((json_t *)tools, i, tool) {
		h2o_iovec_t name;
		if (pins_definition(l->pool, tool, &name) != NULL)
			continue;
		if (name.len > 80)
			name.len = 80;
		review->items[review->count++] = (struct reviewed){
		    .name = name.base != NULL ? review_visible(l->pool, name) : "(without a name)",
		    .state = REVIEW_BROKEN,
		};
	}
}

const char *upstream_review(struct loading *l, const struct upstream_file *file, const json_t *tools,
                            const struct catalogue *catalogue, struct review *ret)
{
	const json_t *definitions = definitions_of(l->pool, tools);
	const struct lint_others others = {catalogue, definitions};
	const char *problem, *name;
	json_t *value;

	ret->pins = pins_load(l->pool, file->approved, file->name, &problem);
	if (ret->pins == NULL) {
		if (strncmp(problem, "/tools/", 7) != 0)
			return problem;
		ret->pins = json_keep(l->pool, json_object()); /* all of them again */
	}
	size_t most = json_array_size(tools) + json_object_size(ret->pins);
	ret->count = 0;
	ret->items = h2o_mem_alloc_pool(l->pool, (most + 1) * sizeof(*ret->items));
	json_object_foreach ((json_t *)definitions, name, value) {
		struct reviewed *item = &ret->items[ret->count++];
		*item = (struct reviewed){.name = name, .definition = value};
		item->approved = json_object_get(json_object_get(ret->pins, name), "definition");
		look_at(l, file, item, &others);
	}
	json_object_foreach ((json_t *)ret->pins, name, value)
		if (json_object_get(definitions, name) == NULL)
			ret->items[ret->count++] = (struct reviewed){
			    .name = name, .state = REVIEW_GONE, .approved = json_object_get(value, "definition")};
	add_broken(l, ret, tools);
	qsort(ret->items, ret->count, sizeof(*ret->items), by_name);
	return NULL;
}
