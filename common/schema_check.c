/* SPDX-License-Identifier: Apache-2.0 */
/* Applies a compiled schema to a value: the walk, its budget, and the rules that apply further schemas to the same
 * value. */
#include "schema_internal.h"

#include <string.h>

enum { ALTERNATIVES_EXPLAINED = 4 };

bool schema_give_up(struct schema_checker *c, const char *why)
{
	if (c->exhausted == NULL)
		c->exhausted = why;
	return false;
}

bool schema_spend(struct schema_checker *c, size_t steps)
{
	if (c->exhausted != NULL)
		return false;
	c->steps += steps;
	if (c->steps > SCHEMA_STEPS)
		return schema_give_up(c, "is too large or too intricate to be checked");
	return true;
}

bool schema_fail(struct schema_checker *c, const struct schema_frame *f, const char *format, ...)
{
	if (c->quiet > 0 || c->problems->count == SCHEMA_PROBLEMS_MAX)
		return false;
	va_list arguments;
	va_start(arguments, format);
	char *text = text_vprintf(c->pool, format, arguments);
	va_end(arguments);
	c->problems->items[c->problems->count++] =
	    (struct schema_problem){schema_pointer(c->pool, f->path), text, NULL};
	return false;
}

static bool fail_type(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	if (c->quiet > 0)
		return false;
	unsigned types = schema_types_of(f->value);
	if ((types & SCHEMA_NUMBER) && (node->types & SCHEMA_INTEGER))
		return schema_fail(c, f, "must be %s (whole, of at most 64 bits)",
		                   schema_words_types(c->pool, node->types));
	return schema_fail(c, f, "must be %s, not %s", schema_words_types(c->pool, node->types),
	                   schema_words_types(c->pool, types & SCHEMA_NUMBER ? SCHEMA_NUMBER : types));
}

static bool check_rules(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	if (node->types != 0 && !(node->types & schema_types_of(f->value)))
		return fail_type(c, node, f);
	bool valid = true;
	for (size_t i = 0; i < node->rule_count; i++) {
		const struct schema_rule *rule = &node->rules[i];
		/* What a failed rule did not get to look at is not unevaluated. */
		if (!valid && (c->quiet > 0 || rule->last))
			return false;
		if (!rule->check(c, rule, f))
			valid = false;
		if (c->exhausted != NULL)
			return false;
	}
	return valid;
}

/* With marks of its own: unevaluated* sees what this schema and those in it looked at, not what its neighbours did. */
static bool check_watching(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	struct schema_frame own = *f;
	own.marks = schema_marks_for(c, f->value);
	if (own.marks == NULL || !check_rules(c, node, &own))
		return false;
	if (f->marks != NULL)
		schema_marks_merge(f->marks, own.marks, f->value);
	return true;
}

bool schema_check_node(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	if (!schema_spend(c, 1))
		return false;
	if (node->always)
		return true;
	if (node->never)
		return schema_fail(c, f, "is not allowed");
	if (c->depth == SCHEMA_DEPTH)
		return schema_give_up(c, "is nested too deeply to be checked");

	const struct schema_scope entered = {node->resource, f->scope};
	struct schema_frame inner = *f;
	if (f->scope == NULL || f->scope->resource != node->resource)
		inner.scope = &entered;
	bool watches =
	    (node->watches_items && json_is_array(f->value)) || (node->watches_members && json_is_object(f->value));
	c->depth++;
	bool valid = watches ? check_watching(c, node, &inner) : check_rules(c, node, &inner);
	c->depth--;
	return valid;
}

bool schema_try_node(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	size_t trail_len = f->marks == NULL ? 0 : f->marks->trail_len;
	c->quiet++;
	bool valid = schema_check_node(c, node, f);
	c->quiet--;
	if (!valid && f->marks != NULL)
		schema_marks_undo(f->marks, trail_len);
	return valid;
}

/* The outermost resource that has such a dynamic anchor (core, 8.2.3.2). */
static const struct schema_node *find_dynamic(const struct schema_scope *scope, const char *name,
                                              const struct schema_node *ret)
{
	for (; scope != NULL; scope = scope->outer) {
		for (const struct schema_anchor *a = scope->resource->anchors; a != NULL; a = a->next) {
			if (a->dynamic && strcmp(a->name, name) == 0)
				ret = a->node;
		}
	}
	return ret;
}

bool schema_check_reference(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	const struct schema_node *node = rule->reference.node;
	if (rule->reference.dynamic != NULL)
		node = find_dynamic(f->scope, rule->reference.dynamic, node);
	return schema_check_node(c, node, f);
}

bool schema_check_all_of(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	bool valid = true;
	for (size_t i = 0; i < rule->nodes.count && (valid || c->quiet == 0); i++) {
		if (!schema_check_node(c, rule->nodes.items[i], f))
			valid = false;
	}
	return valid;
}

/* The schema whose types decide, behind references that say nothing else. */
static unsigned types_accepted(const struct schema_node *node)
{
	for (int i = 0; i < 8 && node->types == 0 && node->rule_count == 1; i++) {
		if (node->rules[0].check != schema_check_reference)
			break;
		node = node->rules[0].reference.node;
	}
	return node->types;
}

/* The first problem of one alternative, for example "name: must be a string". */
static const char *first_problem(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	struct schema_problems found = {.count = 0}, *kept = c->problems;
	c->problems = &found;
	schema_check_node(c, node, f);
	c->problems = kept;
	if (found.count == 0)
		return "it fails";
	size_t own = strlen(schema_pointer(c->pool, f->path));
	if (found.items[0].pointer[own] == '\0')
		return found.items[0].text;
	struct schema_problems relative = {.count = 1};
	relative.items[0] = (struct schema_problem){found.items[0].pointer + own, found.items[0].text, NULL};
	const char *text = schema_problems_text(c->pool, &relative, "");
	return *text == '.' ? text + 1 : text;
}

/* Says why none of the alternatives fits. If the value's type leaves only one, its problems say it best. */
static bool fail_alternatives(struct schema_checker *c, const struct schema_nodes *nodes, const struct schema_frame *f)
{
	const struct schema_node *candidate = NULL;
	size_t candidates = 0, shown = 0;
	struct text_buffer b = {.pool = c->pool};

	if (c->quiet > 0 || c->exhausted != NULL || c->problems->count == SCHEMA_PROBLEMS_MAX)
		return false;
	for (size_t i = 0; i < nodes->count; i++) {
		unsigned types = types_accepted(nodes->items[i]);
		if (nodes->items[i]->never || (types != 0 && !(types & schema_types_of(f->value))))
			continue;
		candidate = nodes->items[i];
		candidates++;
	}
	if (candidates == 1)
		return schema_check_node(c, candidate, f);
	for (size_t i = 0; i < nodes->count && shown < ALTERNATIVES_EXPLAINED; i++)
		text_append_printf(&b, " (%zu) %s", ++shown, first_problem(c, nodes->items[i], f));
	if (shown < nodes->count)
		text_append_printf(&b, " and %zu more", nodes->count - shown);
	return schema_fail(c, f, "fits none of %zu alternatives:%s", nodes->count, b.base);
}

bool schema_check_any_of(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	bool valid = false;
	for (size_t i = 0; i < rule->nodes.count; i++) {
		if (!schema_try_node(c, rule->nodes.items[i], f))
			continue;
		valid = true;
		if (f->marks == NULL) /* else every branch that fits has its say */
			break;
	}
	return valid || fail_alternatives(c, &rule->nodes, f);
}

bool schema_check_one_of(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	size_t first = SIZE_MAX;
	for (size_t i = 0; i < rule->nodes.count; i++) {
		if (!schema_try_node(c, rule->nodes.items[i], f))
			continue;
		if (first != SIZE_MAX)
			return schema_fail(c, f, "must fit exactly one of %zu alternatives, but fits (%zu) and (%zu)",
			                   rule->nodes.count, first + 1, i + 1);
		first = i;
	}
	return first != SIZE_MAX || fail_alternatives(c, &rule->nodes, f);
}

bool schema_check_not(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	struct schema_frame inner = *f;
	inner.marks = NULL; /* nothing that it looks at counts as evaluated */
	if (!schema_try_node(c, rule->reference.node, &inner))
		return c->exhausted == NULL;
	const json_t *names = json_object_get(rule->value, "required");
	const json_t *values = json_object_get(rule->value, "enum");
	if (c->quiet == 0 && json_object_size(rule->value) == 1 && json_array_size(names) == 1)
		return schema_fail(c, f, "must not have the member %s",
		                   schema_words_member(c->pool, json_string_value(json_array_get(names, 0))));
	if (c->quiet == 0 && json_object_size(rule->value) == 1 && json_array_size(values) > 0)
		return schema_fail(c, f, "must not be %s", schema_words_values(c->pool, values));
	return schema_fail(c, f, "has a form that is excluded");
}

bool schema_check_if(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	bool fits = schema_try_node(c, rule->condition.test, f);
	const struct schema_node *branch = fits ? rule->condition.yes : rule->condition.no;
	if (c->exhausted != NULL)
		return false;
	return branch == NULL || schema_check_node(c, branch, f);
}
