/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about arrays (JSON Schema core, 10.3.1, 11.2; validation, 6.4). */
#include "schema_checking.h"

#include <stdlib.h>

enum { PAIRWISE_UP_TO = 16, HASHED_HERE = 256 };

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
	struct hashed here[HASHED_HERE], *all = here;
	if (count > HASHED_HERE)
		all = h2o_mem_alloc_pool(c->pool, count * sizeof(*all));
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

/* Apart, so that the common way needs no room on the stack. */
static __attribute__((noinline)) bool check_thoroughly(struct schema_checker *c, const struct schema_node *node,
                                                       const struct schema_frame *f, size_t index, const json_t *value)
{
	const struct schema_path path = {f->path, NULL, index};
	const struct schema_frame inner = {value, &path, f->scope, NULL};
	return schema_check_rules(c, node, &inner);
}

static inline __attribute__((always_inline)) bool check_item(struct schema_checker *c, const struct schema_node *node,
                                                             const struct schema_frame *f, size_t index)
{
	const json_t *value = json_array_get(f->value, index);
	return schema_fits_at_once(c, node, value) || check_thoroughly(c, node, f, index, value);
}

/* Does what "minItems" and "maxItems" ask in passing; those rules say it. */
bool schema_check_array(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	const struct schema_array *array = &rule->array;
	bool valid = true;
	if (!json_is_array(f->value))
		return true;
	size_t count = json_array_size(f->value);

	if (c->quiet > 0 && (count < array->min || count > array->max))
		return false;
	if (array->rest == NULL && count > array->prefix.count)
		count = array->prefix.count;
	if (array->rest != NULL && array->rest->never && count > array->prefix.count) {
		valid = schema_fail(c, f, "must have at most %zu item%s, not %zu", array->prefix.count,
		                    array->prefix.count == 1 ? "" : "s", count);
		count = array->prefix.count;
	}
	if (!schema_spend(c, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!check_item(c, i < array->prefix.count ? array->prefix.items[i] : array->rest, f, i))
			valid = false;
		if (!valid && (c->quiet > 0 || c->exhausted != NULL))
			return false;
		schema_mark(f->marks, i);
	}
	return valid;
}

bool schema_check_contains(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	const struct schema_contains *contains = &rule->contains;
	size_t found = 0;
	if (!json_is_array(f->value))
		return true;
	if (!schema_spend(c, json_array_size(f->value)))
		return false;
	for (size_t i = 0; i < json_array_size(f->value); i++) {
		c->quiet++;
		bool fits = check_item(c, contains->node, f, i);
		c->quiet--;
		if (!fits)
			continue;
		found++;
		schema_mark(f->marks, i);
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
		if (!schema_spend(c, 1))
			return false;
		if (schema_is_marked(f->marks, i))
			continue;
		if (!check_item(c, rule->reference.node, f, i))
			valid = false;
		schema_mark(f->marks, i);
		if (!valid && c->quiet > 0)
			return false;
	}
	return valid;
}
