/* SPDX-License-Identifier: Apache-2.0 */
/* A schema that leads back to itself without going into the value ({"$ref": "#"}) could be followed for ever. Such a
 * circle is refused when it is compiled; one through $dynamicRef, which is known only at run time, ends at the depth
 * limit. */
#include "schema_checking.h"

static bool visit(struct schema_compiler *k, struct schema_node *node, unsigned depth);

static bool visit_all(struct schema_compiler *k, const struct schema_node *const *nodes, size_t count, unsigned depth)
{
	for (size_t i = 0; i < count; i++) {
		if (nodes[i] != NULL && !visit(k, (struct schema_node *)nodes[i], depth))
			return false;
	}
	return true;
}

/* The schemas that a rule applies to the same value. */
static bool visit_rule(struct schema_compiler *k, const struct schema_rule *rule, unsigned depth)
{
	if (rule->check == schema_check_reference || rule->check == schema_check_not)
		return visit_all(k, &rule->reference.node, 1, depth);
	if (rule->check == schema_check_all_of || rule->check == schema_check_any_of ||
	    rule->check == schema_check_one_of)
		return visit_all(k, rule->nodes.items, rule->nodes.count, depth);
	if (rule->check == schema_check_if) {
		const struct schema_node *all[] = {rule->condition.test, rule->condition.yes, rule->condition.no};
		return visit_all(k, all, 3, depth);
	}
	if (rule->check != schema_check_dependent_schemas)
		return true;
	for (size_t i = 0; i < rule->named.count; i++) {
		if (!visit_all(k, &rule->named.items[i].node, 1, depth))
			return false;
	}
	return true;
}

static bool visit(struct schema_compiler *k, struct schema_node *node, unsigned depth)
{
	if (node->visit == SCHEMA_LEFT)
		return true;
	if (node->visit == SCHEMA_ENTERED)
		return schema_refuse(k, node->place, "leads back to itself without end");
	if (depth > SCHEMA_DEPTH)
		return schema_refuse(k, node->place, "is reached through too many references");
	node->visit = SCHEMA_ENTERED;
	for (size_t i = 0; i < node->rule_count; i++) {
		if (!visit_rule(k, &node->rules[i], depth + 1))
			return false;
	}
	node->visit = SCHEMA_LEFT;
	return true;
}

bool schema_refuse_endless(struct schema_compiler *k)
{
	for (size_t i = 0; i < k->node_count; i++) {
		if (!visit(k, k->nodes[i], 0))
			return false;
	}
	return true;
}
