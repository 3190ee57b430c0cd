/* SPDX-License-Identifier: Apache-2.0 */
/* The second pass: a node's keywords become rules. Keywords that depend on each other become one rule. */
#include "schema_checking.h"

#include <stdlib.h>
#include <string.h>

typedef bool build_fn(struct schema_compiler *k, struct schema_node *node);

/* The keyword's value, if its vocabulary is in force. Most schemas have few of the many that are asked for. */
static inline const json_t *member(const struct schema_node *node, const char *name)
{
	if (!(node->signs & schema_name_sign(h2o_iovec_init(name, strlen(name)))))
		return NULL;
	const json_t *value = json_object_get(node->source, name);
	if (value == NULL || !(schema_find_keyword(name)->vocabularies & node->resource->vocabularies))
		return NULL;
	return value;
}

static const char *place_of(const struct schema_compiler *k, const struct schema_node *node, const char *name)
{
	return schema_place(k->pool, node->place, name);
}

static const struct schema_node *child(const struct schema_compiler *k, const struct schema_node *node,
                                       const char *name)
{
	return member(node, name) == NULL ? NULL : schema_node_at(k, place_of(k, node, name));
}

static struct schema_rule *add_rule(struct schema_node *node, schema_check_fn *check, const json_t *value)
{
	struct schema_rule *ret = &node->rules[node->rule_count++];
	*ret = (struct schema_rule){.check = check, .value = value};
	return ret;
}

static unsigned type_named(const char *name)
{
	static const struct {
		const char *name;
		unsigned bits;
	} ALL[] = {
	    {"null", SCHEMA_NULL},     {"boolean", SCHEMA_BOOLEAN}, {"integer", SCHEMA_INTEGER},
	    {"number", SCHEMA_NUMBER}, {"string", SCHEMA_STRING},   {"array", SCHEMA_ARRAY},
	    {"object", SCHEMA_OBJECT},
	};
	for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++) {
		if (strcmp(ALL[i].name, name) == 0)
			return ALL[i].bits;
	}
	return 0;
}

static bool build_type(struct schema_compiler *k, struct schema_node *node)
{
	const json_t *value = member(node, "type");
	(void)k;
	if (json_is_string(value))
		node->types = type_named(json_string_value(value));
	for (size_t i = 0; i < json_array_size(value); i++)
		node->types |= type_named(json_string_value(json_array_get(value, i)));
	return true;
}

static bool build_values(struct schema_compiler *k, struct schema_node *node)
{
	const json_t *value;
	(void)k;
	if ((value = member(node, "enum")) != NULL)
		add_rule(node, schema_check_enum, value);
	if ((value = member(node, "const")) != NULL)
		add_rule(node, schema_check_const, value);
	return true;
}

static void add_limit(struct schema_node *node, const char *name, bool upper, bool exclusive)
{
	const json_t *value = member(node, name);
	if (value == NULL)
		return;
	struct schema_rule *rule = add_rule(node, schema_check_limit, value);
	rule->upper = upper;
	rule->exclusive = exclusive;
	rule->number = schema_number_of(value);
}

static bool build_numbers(struct schema_compiler *k, struct schema_node *node)
{
	(void)k;
	add_limit(node, "minimum", false, false);
	add_limit(node, "exclusiveMinimum", false, true);
	add_limit(node, "maximum", true, false);
	add_limit(node, "exclusiveMaximum", true, true);
	const json_t *value = member(node, "multipleOf");
	if (value != NULL)
		add_rule(node, schema_check_multiple, value)->number = schema_number_of(value);
	return true;
}

static void add_count(struct schema_node *node, const char *name, bool upper, schema_check_fn *check)
{
	const json_t *value = member(node, name);
	if (value == NULL)
		return;
	struct schema_rule *rule = add_rule(node, check, value);
	rule->upper = upper;
	rule->count = (size_t)schema_number_of(value).integer;
}

static bool build_counts(struct schema_compiler *k, struct schema_node *node)
{
	(void)k;
	add_count(node, "minLength", false, schema_check_length);
	add_count(node, "maxLength", true, schema_check_length);
	add_count(node, "minItems", false, schema_check_item_count);
	add_count(node, "maxItems", true, schema_check_item_count);
	add_count(node, "minProperties", false, schema_check_member_count);
	add_count(node, "maxProperties", true, schema_check_member_count);
	return true;
}

static struct schema_pattern *compile_pattern(struct schema_compiler *k, const char *text, size_t len,
                                              const char *place)
{
	const char *error = NULL;
	struct schema_patterns *shared = k->options->patterns;
	struct schema_pattern *ret = shared != NULL ? schema_patterns_get(shared, text, len, &error)
	                                            : schema_pattern_compile(k->pool, text, len, &error);
	if (ret == NULL)
		schema_refuse(k, place, "is no pattern that can be used: %s", error);
	return ret;
}

static bool build_text(struct schema_compiler *k, struct schema_node *node)
{
	const json_t *value = member(node, "pattern");
	if (value != NULL) {
		struct schema_pattern *pattern = compile_pattern(k, json_string_value(value), json_string_length(value),
		                                                 place_of(k, node, "pattern"));
		if (pattern == NULL)
			return false;
		add_rule(node, schema_check_pattern, value)->pattern = pattern;
	}
	value = member(node, "format");
	bool asserted = k->options->assert_formats || (node->resource->vocabularies & SCHEMA_FORMAT_ASSERTION);
	if (value == NULL || !asserted)
		return true;
	const struct schema_format *format = schema_find_format(json_string_value(value));
	if (format != NULL)
		add_rule(node, schema_check_format, value)->format = format;
	else if (!k->options->allow_unknown_keywords)
		return schema_refuse(k, place_of(k, node, "format"), "the format is not known");
	return true;
}

static bool build_members(struct schema_compiler *k, struct schema_node *node)
{
	const json_t *value;
	(void)k;
	if ((value = member(node, "required")) != NULL)
		add_rule(node, schema_check_required, value);
	if ((value = member(node, "dependentRequired")) != NULL)
		add_rule(node, schema_check_dependent_required, value);
	if ((value = member(node, "dependencies")) != NULL)
		add_rule(node, schema_check_dependent_required, value);
	if (json_is_true(value = member(node, "uniqueItems")))
		add_rule(node, schema_check_unique, value);
	return true;
}

static bool build_reference(struct schema_compiler *k, struct schema_node *node, const char *name, bool may_be_dynamic)
{
	const json_t *value = member(node, name);
	const char *dynamic;
	if (value == NULL)
		return true;
	struct schema_rule *rule = add_rule(node, schema_check_reference, value);
	rule->reference.node =
	    schema_resolve(k, node->resource, json_string_value(value), place_of(k, node, name), &dynamic);
	rule->reference.dynamic = may_be_dynamic ? dynamic : NULL;
	k->is_dynamic = k->is_dynamic || rule->reference.dynamic != NULL;
	return rule->reference.node != NULL;
}

static bool build_references(struct schema_compiler *k, struct schema_node *node)
{
	return build_reference(k, node, "$ref", false) && build_reference(k, node, "$dynamicRef", true);
}

static struct schema_nodes children(const struct schema_compiler *k, const struct schema_node *node, const char *name)
{
	const json_t *list = member(node, name);
	struct schema_nodes ret = {NULL, json_array_size(list)};
	if (ret.count == 0)
		return ret;
	ret.items = h2o_mem_alloc_pool(k->pool, ret.count * sizeof(ret.items[0]));
	for (size_t i = 0; i < ret.count; i++)
		ret.items[i] = schema_node_at(k, schema_place_index(k->pool, place_of(k, node, name), i));
	return ret;
}

static bool build_combinations(struct schema_compiler *k, struct schema_node *node)
{
	static const struct {
		const char *name;
		schema_check_fn *check;
	} ALL[] = {{"allOf", schema_check_all_of}, {"anyOf", schema_check_any_of}, {"oneOf", schema_check_one_of}};
	for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++) {
		const json_t *value = member(node, ALL[i].name);
		if (value != NULL)
			add_rule(node, ALL[i].check, value)->nodes = children(k, node, ALL[i].name);
	}
	const struct schema_node *negated = child(k, node, "not"), *test = child(k, node, "if");
	if (negated != NULL)
		add_rule(node, schema_check_not, member(node, "not"))->reference.node = negated;
	if (test != NULL)
		add_rule(node, schema_check_if, member(node, "if"))->condition =
		    (struct schema_condition){test, child(k, node, "then"), child(k, node, "else")};
	return true;
}

static int compare_named(const void *a, const void *b)
{
	return strcmp(((const struct schema_named *)a)->name, ((const struct schema_named *)b)->name);
}

/* The members that hold schemas, sorted by name. */
static struct schema_named *named_children(const struct schema_compiler *k, const struct schema_node *node,
                                           const char *name, size_t *count)
{
	const char *key;
	json_t *value;
	const json_t *map = member(node, name);
	struct schema_named *ret = h2o_mem_alloc_pool(k->pool, (json_object_size(map) + 1) * sizeof(*ret));
	*count = 0;
	json_object_foreach ((json_t *)map, key, value) {
		const struct schema_node *found =
		    schema_node_at(k, schema_place(k->pool, place_of(k, node, name), key));
		if (!json_is_array(value))
			ret[(*count)++] = (struct schema_named){key, found};
	}
	qsort(ret, *count, sizeof(*ret), compare_named);
	return ret;
}

static bool build_patterns(struct schema_compiler *k, struct schema_node *node, struct schema_object *object)
{
	const char *key;
	json_t *value;
	const json_t *map = member(node, "patternProperties");
	object->patterns = h2o_mem_alloc_pool(k->pool, (json_object_size(map) + 1) * sizeof(object->patterns[0]));
	json_object_foreach ((json_t *)map, key, value) {
		const char *place = schema_place(k->pool, place_of(k, node, "patternProperties"), key);
		struct schema_pattern *pattern = compile_pattern(k, key, strlen(key), place);
		if (pattern == NULL)
			return false;
		object->patterns[object->pattern_count++] = (struct schema_matched){pattern, schema_node_at(k, place)};
	}
	return true;
}

/* What these rules ask is done by another one. */
static void merge(struct schema_node *node, schema_check_fn *check)
{
	for (size_t i = 0; i < node->rule_count; i++) {
		if (node->rules[i].check == check)
			node->rules[i].merged = true;
	}
}

/* Names of "required" have a place in the table too, with or without a schema of their own. */
static void build_properties(struct schema_compiler *k, struct schema_node *node, struct schema_object *object)
{
	const char *key;
	json_t *value;
	const json_t *map = member(node, "properties"), *required = member(node, "required");
	const char *place = place_of(k, node, "properties");
	size_t most = json_object_size(map) + json_array_size(required);

	object->properties = h2o_mem_alloc_pool(k->pool, (most + 1) * sizeof(object->properties[0]));
	json_object_foreach ((json_t *)map, key, value) {
		const struct schema_node *found = schema_node_at(k, schema_place(k->pool, place, key));
		bool alone = !found->never && object->pattern_count == 0;
		object->properties[object->property_count++] =
		    (struct schema_property){text_of(key), found, false, alone};
	}
	object->required_count = json_array_size(required);
	for (size_t i = 0; i < object->required_count; i++) {
		h2o_iovec_t name = schema_string(json_array_get(required, i));
		if (json_object_getn(map, name.base, name.len) == NULL)
			object->properties[object->property_count++] = (struct schema_property){.name = name};
	}
	object->properties[object->property_count] = (struct schema_property){.name = {NULL, SIZE_MAX}};
	schema_object_index(k->pool, object);
	for (size_t i = 0; i < object->required_count; i++) {
		h2o_iovec_t name = schema_string(json_array_get(required, i));
		object->properties[schema_object_look_up(object, name) - object->properties].required = true;
	}
}

static bool build_object(struct schema_compiler *k, struct schema_node *node)
{
	struct schema_object object = {0};
	object.additional = child(k, node, "additionalProperties");
	if (!build_patterns(k, node, &object))
		return false;
	if (json_object_size(member(node, "properties")) > 0 || object.pattern_count > 0 || object.additional != NULL) {
		build_properties(k, node, &object);
		merge(node, schema_check_required);
		add_rule(node, schema_check_object, node->source)->object = object;
	}
	const struct schema_node *names = child(k, node, "propertyNames");
	if (names != NULL)
		add_rule(node, schema_check_property_names, node->source)->reference.node = names;
	return true;
}

static bool build_dependents(struct schema_compiler *k, struct schema_node *node)
{
	static const char *const NAMES[] = {"dependentSchemas", "dependencies"};
	for (size_t i = 0; i < 2; i++) {
		size_t count;
		struct schema_named *items = named_children(k, node, NAMES[i], &count);
		if (count == 0)
			continue;
		struct schema_rule *rule = add_rule(node, schema_check_dependent_schemas, member(node, NAMES[i]));
		rule->named.items = items;
		rule->named.count = count;
	}
	return true;
}

static bool build_array(struct schema_compiler *k, struct schema_node *node)
{
	struct schema_array array = {children(k, node, "prefixItems"), child(k, node, "items"), 0, SIZE_MAX};
	const json_t *least = member(node, "minItems"), *most = member(node, "maxItems");
	if (least != NULL)
		array.min = (size_t)schema_number_of(least).integer;
	if (most != NULL)
		array.max = (size_t)schema_number_of(most).integer;
	if (array.prefix.count > 0 || array.rest != NULL) {
		merge(node, schema_check_item_count);
		add_rule(node, schema_check_array, node->source)->array = array;
	}
	struct schema_contains contains = {child(k, node, "contains"), 1, SIZE_MAX};
	if (contains.node == NULL)
		return true;
	const json_t *min = member(node, "minContains"), *max = member(node, "maxContains");
	if (min != NULL)
		contains.min = (size_t)schema_number_of(min).integer;
	if (max != NULL)
		contains.max = (size_t)schema_number_of(max).integer;
	add_rule(node, schema_check_contains, node->source)->contains = contains;
	return true;
}

static bool build_unevaluated(struct schema_compiler *k, struct schema_node *node)
{
	const struct schema_node *items = child(k, node, "unevaluatedItems");
	const struct schema_node *members = child(k, node, "unevaluatedProperties");
	node->watches_items = items != NULL;
	node->watches_members = members != NULL;
	if (items != NULL) {
		struct schema_rule *rule = add_rule(node, schema_check_unevaluated_items, node->source);
		rule->reference.node = items;
		rule->last = true;
	}
	if (members != NULL) {
		struct schema_rule *rule = add_rule(node, schema_check_unevaluated_members, node->source);
		rule->reference.node = members;
		rule->last = true;
	}
	return true;
}

/* In the order in which rules run: what is cheap first, what needs the others' work last. */
static build_fn *const BUILDERS[] = {
    build_type,   build_values, build_numbers,    build_counts,       build_text,       build_members,
    build_object, build_array,  build_references, build_combinations, build_dependents, build_unevaluated,
};

bool schema_compile_nodes(struct schema_compiler *k)
{
	/* The list grows while references are resolved. */
	for (size_t i = 0; i < k->node_count; i++) {
		struct schema_node *node = k->nodes[i];
		/* A keyword makes one rule at most, "dependencies" two. */
		node->rules =
		    h2o_mem_alloc_pool(k->pool, (json_object_size(node->source) + 2) * sizeof(node->rules[0]));
		for (size_t j = 0; json_is_object(node->source) && j < sizeof(BUILDERS) / sizeof(BUILDERS[0]); j++) {
			if (!BUILDERS[j](k, node))
				return false;
		}
		if (node->rule_count == 0 && node->types == 0 && !node->never)
			node->always = true;
		node->is_plain = !node->always && !node->never && !node->watches_items && !node->watches_members;
	}
	return k->error == NULL;
}
