/* SPDX-License-Identifier: Apache-2.0 */
/* Applies a compiled schema to a value: the walk, its budget, and the rules that apply further schemas to the same
 * value. */
#include "schema_checking.h"

#include <string.h>

enum { ALTERNATIVES_EXPLAINED = 4 };

const json_t SCHEMA_NAME = {JSON_STRING, (size_t)-1};

bool schema_give_up(struct schema_checker *c, const char *why)
{
	if (c->exhausted == NULL)
		c->exhausted = why;
	c->steps = SCHEMA_STEPS + 1;
	return false;
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

static inline bool has_type(const struct schema_node *node, const json_t *value)
{
	if (node->kinds >> json_typeof(value) & 1)
		return true;
	return json_is_real(value) && (node->types & SCHEMA_INTEGER) && (schema_types_of(value) & SCHEMA_INTEGER);
}

/* The first rule that is broken ends it. What the ones that are merged would say is not asked for. */
static inline bool check_quietly(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	if (!has_type(node, f->value))
		return false;
	for (const struct schema_rule **rule = node->needed; *rule != NULL; rule++) {
		if (!(*rule)->check(c, *rule, f))
			return false;
	}
	return true;
}

static bool check_rules(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	if (c->quiet > 0)
		return check_quietly(c, node, f);
	if (!has_type(node, f->value))
		return fail_type(c, node, f);
	bool valid = true;
	for (size_t i = 0; i < node->rule_count; i++) {
		const struct schema_rule *rule = &node->rules[i];
		/* What a failed rule did not get to look at is not unevaluated. */
		if (!valid && rule->last)
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
	struct schema_marks marks;
	struct schema_frame own = *f;
	own.marks = &marks;
	if (!schema_marks_open(c, &marks, f->value) || !check_rules(c, node, &own))
		return false;
	if (f->marks != NULL)
		schema_marks_merge(f->marks, &marks);
	return true;
}

static bool check_in_scope(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	if (node->never)
		return schema_fail(c, f, "is not allowed");
	if (json_is_array(f->value) ? node->watches_items : json_is_object(f->value) && node->watches_members)
		return check_watching(c, node, f);
	return check_rules(c, node, f);
}

static bool check_entering(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	const struct schema_scope entered = {node->resource, f->scope};
	struct schema_frame inner = *f;
	inner.scope = &entered;
	return check_in_scope(c, node, &inner);
}

bool schema_check_node(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	if (!schema_spend(c, 1))
		return false;
	return schema_fits_at_once(c, node, f->value) || schema_check_rules(c, node, f);
}

/* Apart, so that the common way needs no room on the stack. */
static __attribute__((noinline)) bool check_carefully(struct schema_checker *c, const struct schema_node *node,
                                                      const struct schema_frame *f)
{
	if (c->depth == SCHEMA_DEPTH)
		return schema_give_up(c, "is nested too deeply to be checked");
	c->depth++;
	bool is_inside = f->scope != NULL && f->scope->resource == node->resource;
	bool valid = is_inside ? check_in_scope(c, node, f) : check_entering(c, node, f);
	c->depth--;
	return valid;
}

bool schema_check_rules(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	const struct schema_node *through = node->through;
	if (c->quiet == 0)
		return check_carefully(c, through, f);
	/* Where the leaf says all, what did not fit at once does not fit; the rules have only the words for it. */
	if (node->leaf.kinds >> json_typeof(f->value) & 1)
		return false;
	if (!through->is_plain || c->depth == SCHEMA_DEPTH || f->scope == NULL ||
	    f->scope->resource != through->resource)
		return check_carefully(c, through, f);
	c->depth++;
	bool valid = check_quietly(c, through, f);
	c->depth--;
	return valid;
}

bool schema_try_node(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f)
{
	struct schema_marks marks;
	struct schema_frame own = *f;
	if (f->marks != NULL) {
		own.marks = &marks;
		if (!schema_marks_open(c, &marks, f->value))
			return false;
	}
	c->quiet++;
	bool valid = schema_check_node(c, node, &own);
	c->quiet--;
	if (valid && f->marks != NULL)
		schema_marks_merge(f->marks, &marks);
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
