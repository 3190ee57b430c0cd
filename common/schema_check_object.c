/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about objects (JSON Schema core, 10.3.2, 11.3; validation, 6.5). */
#include "schema_internal.h"

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

static bool check_child(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f,
                        const char *name, const json_t *value)
{
	const struct schema_path path = {f->path, name, 0};
	const struct schema_frame inner = {value, &path, f->scope, NULL};
	return schema_check_node(c, node, &inner);
}

static const struct schema_node *find_property(const struct schema_object *object, const char *name)
{
	size_t low = 0, high = object->property_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, object->properties[middle].name);
		if (order == 0)
			return object->properties[middle].node;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* *seen: some pattern fits the name. */
static bool check_patterns(struct schema_checker *c, const struct schema_object *object, const struct schema_frame *f,
                           const char *name, const json_t *value, bool *seen)
{
	bool valid = true;
	for (size_t i = 0; i < object->pattern_count; i++) {
		if (!schema_check_text(c, object->patterns[i].pattern, text_of(name))) {
			if (c->exhausted != NULL)
				return false;
			continue;
		}
		*seen = true;
		if (!check_child(c, object->patterns[i].node, f, name, value))
			valid = false;
	}
	return valid;
}

static bool check_member(struct schema_checker *c, const struct schema_object *object, const struct schema_frame *f,
                         void *iterator)
{
	const char *name = json_object_iter_key(iterator);
	const json_t *value = json_object_iter_value(iterator);
	const struct schema_node *property = find_property(object, name);
	bool seen = property != NULL, valid = true;

	if (!schema_spend(c, 1))
		return false;
	if (property != NULL && property->never)
		valid = c->quiet == 0 &&
		        schema_fail(c, f, "the member %s is not allowed here", schema_words_member(c->pool, name));
	else if (property != NULL)
		valid = check_child(c, property, f, name, value);
	if (!check_patterns(c, object, f, name, value, &seen))
		valid = false;
	if (!seen && object->additional != NULL) {
		seen = true;
		if (object->additional->never)
			valid = fail_member(c, object, name, f);
		else
			valid = check_child(c, object->additional, f, name, value);
	}
	if (seen && f->marks != NULL)
		schema_mark_member(f->marks, iterator);
	return valid;
}

bool schema_check_object(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	bool valid = true;
	json_t *object = (json_t *)f->value;
	if (!json_is_object(object))
		return true;
	for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
		if (!check_member(c, &rule->object, f, i))
			valid = false;
		if (!valid && (c->quiet > 0 || c->exhausted != NULL))
			return false;
	}
	return valid;
}

/* The name is a value of its own here, so it becomes one. */
static bool check_name(struct schema_checker *c, const struct schema_node *node, const struct schema_frame *f,
                       const char *name)
{
	json_t *value = json_string(name);
	const struct schema_path path = {f->path, name, 0};
	const struct schema_frame inner = {value, &path, f->scope, NULL};
	struct schema_problems found = {.count = 0}, *kept = c->problems;

	c->problems = &found;
	bool valid = value != NULL && schema_check_node(c, node, &inner);
	c->problems = kept;
	json_decref(value);
	if (valid || c->quiet > 0 || c->exhausted != NULL)
		return valid;
	return schema_fail(c, f, "the member name %s %s", schema_words_member(c->pool, name),
	                   found.count > 0 ? found.items[0].text : "is not allowed");
}

bool schema_check_property_names(struct schema_checker *c, const struct schema_rule *rule, const struct schema_frame *f)
{
	bool valid = true;
	json_t *object = (json_t *)f->value;
	if (!json_is_object(object) || rule->reference.node->always)
		return true;
	for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
		if (!check_name(c, rule->reference.node, f, json_object_iter_key(i)))
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
	json_t *object = (json_t *)f->value;
	if (!json_is_object(object))
		return true;
	for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
		if (!schema_spend(c, 1))
			return false;
		if (schema_is_marked_member(f->marks, i))
			continue;
		const char *name = json_object_iter_key(i);
		if (rule->reference.node->never)
			valid = fail_member(c, NULL, name, f);
		else if (!check_child(c, rule->reference.node, f, name, json_object_iter_value(i)))
			valid = false;
		schema_mark_member(f->marks, i);
		if (!valid && c->quiet > 0)
			return false;
	}
	return valid;
}
