/* SPDX-License-Identifier: Apache-2.0 */
/* What suffices: computed from the rules of a node, which stay the whole truth. A kind of values stays in leaf->kinds
 * as long as each rule says nothing about it, or is wholly in the leaf. */
#include "schema_checking.h"

enum {
	OF_NULL = 1 << JSON_NULL,
	OF_FLAG = 1 << JSON_TRUE | 1 << JSON_FALSE,
	OF_INTEGER = 1 << JSON_INTEGER,
	OF_REAL = 1 << JSON_REAL,
	OF_STRING = 1 << JSON_STRING,
	OF_ARRAY = 1 << JSON_ARRAY,
	OF_OBJECT = 1 << JSON_OBJECT,
	OF_ALL = OF_NULL | OF_FLAG | OF_INTEGER | OF_REAL | OF_STRING | OF_ARRAY | OF_OBJECT,
};

/* A real may be an integer, or not: that is for the rules. */
static unsigned kinds_of(unsigned types)
{
	return (types & SCHEMA_NULL ? OF_NULL : 0u) | (types & SCHEMA_BOOLEAN ? OF_FLAG : 0u) |
	       (types & (SCHEMA_INTEGER | SCHEMA_NUMBER) ? OF_INTEGER : 0u) | (types & SCHEMA_NUMBER ? OF_REAL : 0u) |
	       (types & SCHEMA_STRING ? OF_STRING : 0u) | (types & SCHEMA_ARRAY ? OF_ARRAY : 0u) |
	       (types & SCHEMA_OBJECT ? OF_OBJECT : 0u);
}

static unsigned add_limit(struct schema_leaf *leaf, const struct schema_rule *rule)
{
	json_int_t limit = rule->number.integer;
	if (!rule->number.is_integer)
		return OF_ALL & ~(unsigned)(OF_INTEGER | OF_REAL);
	if (rule->exclusive && limit == (rule->upper ? INT64_MIN : INT64_MAX))
		return OF_ALL & ~(unsigned)(OF_INTEGER | OF_REAL);
	if (rule->exclusive)
		limit += rule->upper ? -1 : 1;
	if (rule->upper && limit < leaf->max)
		leaf->max = limit;
	if (!rule->upper && limit > leaf->min)
		leaf->min = limit;
	return OF_ALL & ~(unsigned)OF_REAL;
}

static unsigned add_length(struct schema_leaf *leaf, const struct schema_rule *rule)
{
	if (rule->upper && rule->count < leaf->max_len)
		leaf->max_len = rule->count;
	if (!rule->upper && rule->count > leaf->min_len)
		leaf->min_len = rule->count;
	return OF_ALL;
}

/* The texts among the values of an enum, or a const that is one. */
static unsigned add_texts(h2o_mem_pool_t *pool, struct schema_leaf *leaf, const struct schema_rule *rule)
{
	size_t count = rule->check == schema_check_const ? 1 : json_array_size(rule->value);
	if (leaf->texts != NULL)
		return 0;
	h2o_iovec_t *texts = h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*texts));
	for (size_t i = 0; i < count; i++) {
		const json_t *value = rule->check == schema_check_const ? rule->value : json_array_get(rule->value, i);
		if (json_is_string(value))
			texts[leaf->text_count++] = schema_string(value);
	}
	leaf->texts = texts;
	return OF_STRING;
}

static unsigned add_pattern(struct schema_leaf *leaf, const struct schema_rule *rule)
{
	leaf->pattern = rule->pattern;
	return OF_ALL;
}

/* The kinds that are left. */
static unsigned add_rule(h2o_mem_pool_t *pool, struct schema_leaf *leaf, const struct schema_rule *rule)
{
	static schema_check_fn *const ARRAYS[] = {schema_check_item_count, schema_check_unique, schema_check_array,
	                                          schema_check_contains, schema_check_unevaluated_items};
	static schema_check_fn *const OBJECTS[] = {
	    schema_check_member_count,        schema_check_required, schema_check_dependent_required,
	    schema_check_dependent_schemas,   schema_check_object,   schema_check_property_names,
	    schema_check_unevaluated_members,
	};
	if (rule->check == schema_check_limit)
		return add_limit(leaf, rule);
	if (rule->check == schema_check_multiple)
		return OF_ALL & ~(unsigned)(OF_INTEGER | OF_REAL);
	if (rule->check == schema_check_length)
		return add_length(leaf, rule);
	if (rule->check == schema_check_pattern)
		return add_pattern(leaf, rule);
	if (rule->check == schema_check_enum || rule->check == schema_check_const)
		return add_texts(pool, leaf, rule);
	if (rule->check == schema_check_format) {
		leaf->format = rule->format;
		return OF_ALL;
	}
	for (size_t i = 0; i < sizeof(ARRAYS) / sizeof(ARRAYS[0]); i++) {
		if (rule->check == ARRAYS[i])
			return OF_ALL & ~(unsigned)OF_ARRAY;
	}
	for (size_t i = 0; i < sizeof(OBJECTS) / sizeof(OBJECTS[0]); i++) {
		if (rule->check == OBJECTS[i])
			return OF_ALL & ~(unsigned)OF_OBJECT;
	}
	return 0;
}

static void list_needed(struct schema_compiler *k, struct schema_node *node)
{
	size_t count = 0;
	node->needed = h2o_mem_alloc_pool(k->pool, (node->rule_count + 1) * sizeof(node->needed[0]));
	for (size_t i = 0; i < node->rule_count; i++) {
		if (!node->rules[i].merged)
			node->needed[count++] = &node->rules[i];
	}
	node->needed[count] = NULL;
}

static void make_leaf(struct schema_compiler *k, struct schema_node *node)
{
	struct schema_leaf *leaf = &node->leaf;
	*leaf = (struct schema_leaf){.min = INT64_MIN, .max = INT64_MAX, .max_len = SIZE_MAX};
	node->kinds = node->types == 0 ? OF_ALL : kinds_of(node->types);
	leaf->kinds = node->never ? 0 : node->kinds;
	for (size_t i = 0; i < node->rule_count; i++)
		leaf->kinds &= add_rule(k->pool, leaf, &node->rules[i]);
	if (leaf->text_count > SCHEMA_LEAF_TEXTS)
		leaf->kinds &= ~(unsigned)OF_STRING;
	leaf->of_text = leaf->texts != NULL || leaf->pattern != NULL || leaf->format != NULL;
	/* a code point has one to four bytes */
	leaf->sure_len = leaf->min_len == 0 ? 0 : leaf->min_len > SIZE_MAX / 4 ? SIZE_MAX : 4 * (leaf->min_len - 1) + 1;
	if (leaf->sure_len > leaf->max_len)
		leaf->sure_len = SIZE_MAX; /* none is sure */
	leaf->sure_more = leaf->sure_len == SIZE_MAX ? 0 : leaf->max_len - leaf->sure_len;
	leaf->any = leaf->kinds;
	if (leaf->of_text || leaf->min_len > 0 || leaf->max_len < SIZE_MAX)
		leaf->any &= ~(unsigned)OF_STRING;
	if (leaf->min > INT64_MIN || leaf->max < INT64_MAX)
		leaf->any &= ~(unsigned)OF_INTEGER;
}

/* A way through $dynamicRef must be gone step by step: each resource on it counts. */
static const struct schema_node *behind(const struct schema_compiler *k, const struct schema_node *node)
{
	const struct schema_rule *only = node->rules;
	if (node->rule_count != 1 || node->types != 0 || only->check != schema_check_reference)
		return NULL;
	if (only->reference.dynamic != NULL || (k->is_dynamic && only->reference.node->resource != node->resource))
		return NULL;
	return only->reference.node;
}

void schema_compile_leaves(struct schema_compiler *k)
{
	for (size_t i = 0; i < k->node_count; i++) {
		struct schema_node *node = k->nodes[i];
		node->through = node;
		for (const struct schema_node *next = node; next != NULL; next = behind(k, next))
			node->through = next;
		list_needed(k, node);
		make_leaf(k, node);
	}
	for (size_t i = 0; i < k->node_count; i++)
		k->nodes[i]->leaf = k->nodes[i]->through->leaf;
}

static bool has_length(const struct schema_leaf *leaf, h2o_iovec_t text)
{
	size_t points;
	if (text.len - leaf->sure_len <= leaf->sure_more)
		return true;
	points = text_code_points(text);
	return points >= leaf->min_len && points <= leaf->max_len;
}

static bool is_among(const struct schema_leaf *leaf, h2o_iovec_t text)
{
	for (size_t i = 0; i < leaf->text_count; i++) {
		if (schema_same_text(leaf->texts[i], text))
			return true;
	}
	return false;
}

bool schema_leaf_fits_text(struct schema_checker *c, const struct schema_leaf *leaf, h2o_iovec_t text)
{
	c->steps += text.len / 64 + leaf->text_count / 8;
	if (!has_length(leaf, text) || (leaf->texts != NULL && !is_among(leaf, text)))
		return false;
	if (leaf->pattern != NULL && !schema_check_text(c, leaf->pattern, text))
		return false;
	return leaf->format == NULL || schema_format_fits(leaf->format, text);
}
