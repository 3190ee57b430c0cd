/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about objects (JSON Schema core, 10.3.2, 11.3; validation, 6.5). */
#include "schema_checking.h"

#include <string.h>

bool schema_check_member_count(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	size_t count = json_object_size(f->value);
	if (!json_is_object(f->value) || (rule->upper ? count <= rule->count : count >= rule->count))
		return true;
	return schema_fail(c, f, "must have at %s %zu member%s, not %zu", rule->upper ? "most" : "least", rule->count,
	                   rule->count == 1 ? "" : "s", count);
}

bool schema_check_required(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	bool valid = true;
	if (!json_is_object(f->value) || !schema_spend(c, json_array_size(rule->value)))
		return c->exhausted == NULL;
	for (size_t i = 0; i < json_array_size(rule->value); i++) {
		const char *name = json_string_value(json_array_get(rule->value, i));
		if (json_object_get(f->value, name) != NULL)
			continue;
		valid = false;
		if (c->quiet > 0)
			return false;
		schema_fail(c, f, "the required member %s is missing", schema_words_member(c->pool, name));
	}
	return valid;
}

static bool check_dependency(struct schema_checker *c, const char *cause, const json_t *names,
                             const struct schema_frame *f)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		if (!schema_spend(c, 1))
			return false;
		if (json_object_get(f->value, name) == NULL)
			return c->quiet == 0 &&
			       schema_fail(c, f, "the member %s is missing, which %s requires",
			                   schema_words_member(c->pool, name), schema_words_member(c->pool, cause));
	}
	return true;
}

bool schema_check_dependent_required(struct schema_checker *c, const struct schema_rule *rule,
                                     const struct schema_frame *f)
{
	const char *name;
	json_t *names;
	bool valid = true;
	if (!json_is_object(f->value) || !schema_spend(c, json_object_size(rule->value)))
		return c->exhausted == NULL;
	json_object_foreach ((json_t *)rule->value, name, names) {
		if (json_object_get(f->value, name) != NULL && !check_dependency(c, name, names, f))
			valid = false;
	}
	return valid;
}

bool schema_check_dependent_schemas(struct schema_checker *c, const struct schema_rule *rule,
                                    const struct schema_frame *f)
{
	bool valid = true;
	if (!json_is_object(f->value) || !schema_spend(c, rule->named.count))
		return c->exhausted == NULL;
	for (size_t i = 0; i < rule->named.count; i++) {
		if (json_object_get(f->value, rule->named.items[i].name) != NULL &&
		    !schema_check_node(c, rule->named.items[i].node, f))
			valid = false;
	}
	return valid;
}

static bool fail_member(struct schema_checker *c, const struct schema_object *object, const char *name,
                        const struct schema_frame *f)
{
	if (c->quiet > 0)
		return false;
	const char *known = object == NULL ? NULL : schema_words_members(c->pool, object);
	size_t before = c->problems->count;
	schema_fail(c, f, "unknown member %s%s%s%s", schema_words_member(c->pool, name),
	            known == NULL ? "" : " (known: ", known == NULL ? "" : known, known == NULL ? "" : ")");
	if (c->problems->count > before)
		c->problems->items[before].member = text_copy(c->pool, text_of(name));
	return false;
}

/* Apart, so that the common way needs no room on the stack. */
static __attribute__((noinline)) bool check_thoroughly(struct schema_checker *c, const struct schema_node *node,
                                                       const struct schema_frame *f, const char *name,
                                                       const json_t *value)
{
	const struct schema_path path = {f->path, name, 0};
	const struct schema_frame inner = {value, &path, f->scope, NULL};
	return schema_check_rules(c, node, &inner);
}

static inline __attribute__((always_inline)) bool check_child(struct schema_checker *c, const struct schema_node *node,
                                                              const struct schema_frame *f, struct schema_member m)
{
	return schema_fits_at_once(c, node, m.value) || check_thoroughly(c, node, f, m.name.base, m.value);
}

/* *seen: some pattern fits the name. */
static bool check_patterns(struct schema_checker *c, const struct schema_object *object, const struct schema_frame *f,
                           struct schema_member m, bool *seen)
{
	bool valid = true;
	for (size_t i = 0; i < object->pattern_count; i++) {
		if (!schema_check_text(c, object->patterns[i].pattern, m.name)) {
			if (c->exhausted != NULL)
				return false;
			continue;
		}
		*seen = true;
		if (!check_child(c, object->patterns[i].node, f, m))
			valid = false;
	}
	return valid;
}

static bool check_property(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f,
                           struct schema_member m)
{
	if (!node->never)
		return check_child(c, node, f, m);
	return c->quiet == 0 &&
	       schema_fail(c, f, "the member %s is not allowed here", schema_words_member(c->pool, m.name.base));
}

/* `property`: of this name, or NULL. */
static __attribute__((noinline)) bool check_member(struct schema_checker *c, const struct schema_object *object,
                                                   const struct schema_frame *f, void *at,
                                                   const struct schema_node *property, size_t place)
{
	const struct schema_member m = schema_member_at(at);
	bool seen = property != NULL, valid = property == NULL || check_property(c, property, f, m);
	if (object->pattern_count > 0 && !check_patterns(c, object, f, m, &seen))
		valid = false;
	if (!seen && object->additional != NULL) {
		seen = true;
		valid = object->additional->never ? fail_member(c, object, m.name.base, f)
		                                  : check_child(c, object->additional, f, m);
	}
	if (seen)
		schema_mark(f->marks, place);
	return valid;
}

/* Does what "required" asks in passing; which members are missing is said by that rule. */
bool schema_check_object(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	const struct schema_object *object = &rule->object;
	const struct schema_property *next = object->properties;
	size_t place = 0, missing = object->required_count;
	bool valid = true;
	if (!json_is_object(f->value))
		return true;
	size_t left = json_object_size(f->value);
	if (!schema_spend(c, left) || (c->quiet > 0 && left < missing))
		return false;
	schema_each_member (f->value, at, left) {
		const struct schema_member m = schema_member_at(at);
		const struct schema_property *property = schema_find_property(object, m.name, &next);
		if (property != NULL)
			missing -= property->required;
		if (property == NULL || !property->alone)
			valid &= check_member(c, object, f, at, property == NULL ? NULL : property->node, place);
		else if (check_child(c, property->node, f, m))
			schema_mark(f->marks, place);
		else
			valid = false;
		if (!valid && (c->quiet > 0 || c->exhausted != NULL))
			return false;
		place++;
	}
	return valid && (missing == 0 || c->quiet == 0);
}

/* The problem of the name, said of the object that has it. */
static bool fail_name(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f,
                      const struct schema_frame *inner)
{
	struct schema_problems found, *kept = c->problems;
	found.count = 0;
	c->problems = &found;
	schema_check_node(c, node, inner);
	c->problems = kept;
	return c->exhausted == NULL &&
	       schema_fail(c, f, "the member name %s %s", schema_words_member(c->pool, c->name.base),
	                   found.count > 0 ? found.items[0].text : "is not allowed");
}

static bool check_name(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f,
                       h2o_iovec_t name)
{
	const struct schema_path path = {f->path, name.base, 0};
	const struct schema_frame inner = {&SCHEMA_NAME, &path, f->scope, NULL};

	c->name = name;
	if (schema_try_node(c, node, &inner))
		return true;
	return c->quiet == 0 && c->exhausted == NULL && fail_name(c, node, f, &inner);
}

bool schema_check_property_names(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	bool valid = true;
	if (!json_is_object(f->value))
		return true;
	size_t left = json_object_size(f->value);
	schema_each_member (f->value, at, left) {
		if (!check_name(c, rule->reference.node, f, schema_member_at(at).name))
			valid = false;
		if (!valid && (c->quiet > 0 || c->exhausted != NULL))
			return false;
	}
	return valid;
}

bool schema_check_unevaluated_members(struct schema_checker *c, const struct schema_rule *rule,
                                      const struct schema_frame *f)
{
	bool valid = true;
	if (!json_is_object(f->value))
		return true;
	size_t left = json_object_size(f->value), place = 0;
	schema_each_member (f->value, at, left) {
		const struct schema_member m = schema_member_at(at);
		if (!schema_spend(c, 1))
			return false;
		if (schema_is_marked(f->marks, place++))
			continue;
		if (rule->reference.node->never)
			valid = fail_member(c, NULL, m.name.base, f);
		else if (!check_child(c, rule->reference.node, f, m))
			valid = false;
		schema_mark(f->marks, place - 1);
		if (!valid && c->quiet > 0)
			return false;
	}
	return valid;
}
