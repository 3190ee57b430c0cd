/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about arrays (JSON Schema core, 10.3.1, 11.2; validation, 6.4). */
#include "schema_internal.h"

#include <stdlib.h>

enum { PAIRWISE_UP_TO = 16 };

bool schema_check_item_count(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	size_t count = json_array_size(f->value);
	if (!json_is_array(f->value) || (rule->upper ? count <= rule->count : count >= rule->count))
		return true;
	return schema_fail(c, f, "must have at %s %zu item%s, not %zu", rule->upper ? "most" : "least", rule->count,
	                   rule->count == 1 ? "" : "s", count);
}

static bool check_pair(struct schema_checker *c, const struct schema_frame *f, size_t i, size_t j)
{
	size_t steps = 0;
	bool equal = schema_equal(json_array_get(f->value, i), json_array_get(f->value, j), &steps);
	if (!schema_spend(c, steps))
		return false;
	return !equal || schema_fail(c, f, "items [%zu] and [%zu] are equal, but all must be different", i < j ? i : j,
	                             i < j ? j : i);
}

struct hashed {
	uint64_t hash;
	size_t index;
};

static int compare_hashed(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

/* Only items with equal hashes are compared; items made to collide run into the budget. */
static bool check_long_unique(struct schema_checker *c, const struct schema_frame *f, size_t count)
{
	size_t steps = 0;
	if (!schema_spend(c, count))
		return false;
	struct hashed *all = h2o_mem_alloc_pool(c->pool, count * sizeof(*all));
	for (size_t i = 0; i < count; i++)
		all[i] = (struct hashed){schema_hash(json_array_get(f->value, i), &steps), i};
	if (!schema_spend(c, steps))
		return false;
	qsort(all, count, sizeof(*all), compare_hashed);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count && all[j].hash == all[i].hash; j++) {
			if (!check_pair(c, f, all[i].index, all[j].index))
				return false;
		}
	}
	return true;
}

bool schema_check_unique(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	size_t count = json_array_size(f->value);
	(void)rule;
	if (count > PAIRWISE_UP_TO)
		return check_long_unique(c, f, count);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!check_pair(c, f, j, i))
				return false;
		}
	}
	return true;
}

static struct schema_path item_path(const struct schema_frame *f, size_t index)
{
	return (struct schema_path){f->path, NULL, index};
}

bool schema_check_array(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	const struct schema_array *array = &rule->array;
	size_t count = json_array_size(f->value);
	bool valid = true;

	if (array->rest == NULL && count > array->prefix.count)
		count = array->prefix.count;
	if (array->rest != NULL && array->rest->never && count > array->prefix.count) {
		valid = schema_fail(c, f, "must have at most %zu item%s, not %zu", array->prefix.count,
		                    array->prefix.count == 1 ? "" : "s", count);
		count = array->prefix.count;
	}
	for (size_t i = 0; i < count; i++) {
		const struct schema_path path = item_path(f, i);
		const struct schema_frame inner = {json_array_get(f->value, i), &path, f->scope, NULL};
		const struct schema_node *node = i < array->prefix.count ? array->prefix.items[i] : array->rest;
		if (!schema_check_node(c, node, &inner))
			valid = false;
		if (!valid && (c->quiet > 0 || c->exhausted != NULL))
			return false;
		if (f->marks != NULL)
			schema_mark_item(f->marks, i);
	}
	return valid;
}

bool schema_check_contains(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	const struct schema_contains *contains = &rule->contains;
	size_t found = 0;
	if (!json_is_array(f->value))
		return true;
	for (size_t i = 0; i < json_array_size(f->value); i++) {
		const struct schema_path path = item_path(f, i);
		const struct schema_frame inner = {json_array_get(f->value, i), &path, f->scope, NULL};
		if (!schema_try_node(c, contains->node, &inner))
			continue;
		found++;
		if (f->marks != NULL)
			schema_mark_item(f->marks, i);
	}
	if (c->exhausted != NULL)
		return false;
	if (found < contains->min)
		return schema_fail(c, f, "must contain at least %zu item%s of the required form, not %zu",
		                   contains->min, contains->min == 1 ? "" : "s", found);
	if (found > contains->max)
		return schema_fail(c, f, "must contain at most %zu item%s of the limited form, not %zu", contains->max,
		                   contains->max == 1 ? "" : "s", found);
	return true;
}

bool schema_check_unevaluated_items(struct schema_checker *c, const struct schema_rule *rule,
                                    const struct schema_frame *f)
{
	bool valid = true;
	if (!json_is_array(f->value))
		return true;
	for (size_t i = 0; i < json_array_size(f->value); i++) {
		const struct schema_path path = item_path(f, i);
		const struct schema_frame inner = {json_array_get(f->value, i), &path, f->scope, NULL};
		if (!schema_spend(c, 1))
			return false;
		if (schema_is_marked_item(f->marks, i))
			continue;
		if (!schema_check_node(c, rule->reference.node, &inner))
			valid = false;
		schema_mark_item(f->marks, i);
		if (!valid && c->quiet > 0)
			return false;
	}
	return valid;
}
