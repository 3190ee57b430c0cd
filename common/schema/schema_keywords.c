/* SPDX-License-Identifier: Apache-2.0 */
/* THE TABLE of keywords: what each must hold, and which vocabulary brings it. */
#include "schema_internal.h"

#include <stdlib.h>
#include <string.h>

#define FORMATS (SCHEMA_FORMAT_ANNOTATION | SCHEMA_FORMAT_ASSERTION)

/* In the order of strcmp(). */
static const struct schema_keyword KEYWORDS[] = {
    {"$anchor", SHAPE_NAME, SCHEMA_CORE},
    {"$comment", SHAPE_TEXT, SCHEMA_CORE},
    {"$defs", SHAPE_SCHEMA_MAP, SCHEMA_CORE},
    {"$dynamicAnchor", SHAPE_NAME, SCHEMA_CORE},
    {"$dynamicRef", SHAPE_REFERENCE, SCHEMA_CORE},
    {"$id", SHAPE_REFERENCE, SCHEMA_CORE},
    {"$ref", SHAPE_REFERENCE, SCHEMA_CORE},
    {"$schema", SHAPE_TEXT, SCHEMA_CORE},
    {"$vocabulary", SHAPE_FLAG_MAP, SCHEMA_CORE},
    {"additionalProperties", SHAPE_SCHEMA, SCHEMA_APPLICATOR},
    {"allOf", SHAPE_SCHEMAS, SCHEMA_APPLICATOR},
    {"anyOf", SHAPE_SCHEMAS, SCHEMA_APPLICATOR},
    {"const", SHAPE_ANY, SCHEMA_VALIDATION},
    {"contains", SHAPE_SCHEMA, SCHEMA_APPLICATOR},
    {"contentEncoding", SHAPE_TEXT, SCHEMA_CONTENT},
    {"contentMediaType", SHAPE_TEXT, SCHEMA_CONTENT},
    {"contentSchema", SHAPE_SCHEMA, SCHEMA_CONTENT},
    {"default", SHAPE_ANY, SCHEMA_META_DATA},
    {"definitions", SHAPE_SCHEMA_MAP, SCHEMA_CORE},          /* the older name, kept by the metaschema */
    {"dependencies", SHAPE_DEPENDENCIES, SCHEMA_APPLICATOR}, /* the older form of the two dependent keywords */
    {"dependentRequired", SHAPE_TEXTS_MAP, SCHEMA_VALIDATION},
    {"dependentSchemas", SHAPE_SCHEMA_MAP, SCHEMA_APPLICATOR},
    {"deprecated", SHAPE_FLAG, SCHEMA_META_DATA},
    {"description", SHAPE_TEXT, SCHEMA_META_DATA},
    {"else", SHAPE_SCHEMA, SCHEMA_APPLICATOR},
    {"enum", SHAPE_ARRAY, SCHEMA_VALIDATION},
    {"examples", SHAPE_ARRAY, SCHEMA_META_DATA},
    {"exclusiveMaximum", SHAPE_NUMBER, SCHEMA_VALIDATION},
    {"exclusiveMinimum", SHAPE_NUMBER, SCHEMA_VALIDATION},
    {"format", SHAPE_TEXT, FORMATS},
    {"if", SHAPE_SCHEMA, SCHEMA_APPLICATOR},
    {"items", SHAPE_SCHEMA, SCHEMA_APPLICATOR},
    {"maxContains", SHAPE_COUNT, SCHEMA_VALIDATION},
    {"maxItems", SHAPE_COUNT, SCHEMA_VALIDATION},
    {"maxLength", SHAPE_COUNT, SCHEMA_VALIDATION},
    {"maxProperties", SHAPE_COUNT, SCHEMA_VALIDATION},
    {"maximum", SHAPE_NUMBER, SCHEMA_VALIDATION},
    {"minContains", SHAPE_COUNT, SCHEMA_VALIDATION},
    {"minItems", SHAPE_COUNT, SCHEMA_VALIDATION},
    {"minLength", SHAPE_COUNT, SCHEMA_VALIDATION},
    {"minProperties", SHAPE_COUNT, SCHEMA_VALIDATION},
    {"minimum", SHAPE_NUMBER, SCHEMA_VALIDATION},
    {"multipleOf", SHAPE_POSITIVE, SCHEMA_VALIDATION},
    {"not", SHAPE_SCHEMA, SCHEMA_APPLICATOR},
    {"oneOf", SHAPE_SCHEMAS, SCHEMA_APPLICATOR},
    {"pattern", SHAPE_TEXT, SCHEMA_VALIDATION},
    {"patternProperties", SHAPE_PATTERN_MAP, SCHEMA_APPLICATOR},
    {"prefixItems", SHAPE_SCHEMAS, SCHEMA_APPLICATOR},
    {"properties", SHAPE_SCHEMA_MAP, SCHEMA_APPLICATOR},
    {"propertyNames", SHAPE_SCHEMA, SCHEMA_APPLICATOR},
    {"readOnly", SHAPE_FLAG, SCHEMA_META_DATA},
    {"required", SHAPE_TEXTS, SCHEMA_VALIDATION},
    {"then", SHAPE_SCHEMA, SCHEMA_APPLICATOR},
    {"title", SHAPE_TEXT, SCHEMA_META_DATA},
    {"type", SHAPE_TYPES, SCHEMA_VALIDATION},
    {"unevaluatedItems", SHAPE_SCHEMA, SCHEMA_UNEVALUATED},
    {"unevaluatedProperties", SHAPE_SCHEMA, SCHEMA_UNEVALUATED},
    {"uniqueItems", SHAPE_FLAG, SCHEMA_VALIDATION},
    {"writeOnly", SHAPE_FLAG, SCHEMA_META_DATA},
};

static int compare_name(const void *name, const void *keyword)
{
	return strcmp(name, ((const struct schema_keyword *)keyword)->name);
}

const struct schema_keyword *schema_find_keyword(const char *name)
{
	return bsearch(name, KEYWORDS, sizeof(KEYWORDS) / sizeof(KEYWORDS[0]), sizeof(KEYWORDS[0]), compare_name);
}

static bool is_schema(const json_t *value)
{
	return json_is_object(value) || json_is_boolean(value);
}

static bool are_texts(const json_t *value)
{
	size_t steps = 0;
	if (!json_is_array(value))
		return false;
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *item = json_array_get(value, i);
		if (!json_is_string(item))
			return false;
		for (size_t j = 0; j < i && steps < SCHEMA_STEPS; j++) {
			if (schema_equal(json_array_get(value, j), item, &steps))
				return false;
		}
	}
	return steps < SCHEMA_STEPS;
}

static bool is_type_name(const json_t *value)
{
	static const char *const NAMES[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		if (json_is_string(value) && strcmp(json_string_value(value), NAMES[i]) == 0)
			return true;
	}
	return false;
}

static bool are_types(const json_t *value)
{
	if (!json_is_array(value))
		return is_type_name(value);
	for (size_t i = 0; i < json_array_size(value); i++) {
		if (!is_type_name(json_array_get(value, i)))
			return false;
	}
	return json_array_size(value) > 0 && json_array_size(value) <= 7 && are_texts(value);
}

static bool is_count(const json_t *value)
{
	if (!(schema_types_of(value) & SCHEMA_INTEGER))
		return false;
	return json_number_value(value) >= 0;
}

static bool is_name(const json_t *value)
{
	/* core, 8.2.2: [A-Za-z_][-A-Za-z0-9._]* */
	static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	if (!json_is_string(value))
		return false;
	const char *s = json_string_value(value);
	if (*s == '\0' || strchr(LETTERS, *s) == NULL)
		return false;
	for (; *s != '\0'; s++) {
		if (strchr(LETTERS, *s) == NULL && strchr("-.0123456789", *s) == NULL)
			return false;
	}
	return true;
}

static bool is_reference(const json_t *value)
{
	if (!json_is_string(value))
		return false;
	return schema_format_uri_reference(h2o_iovec_init(json_string_value(value), json_string_length(value)));
}

static bool all_members(const json_t *object, bool (*fits)(const json_t *))
{
	const char *name;
	json_t *value;
	if (!json_is_object(object))
		return false;
	json_object_foreach ((json_t *)object, name, value) {
		if (!fits(value))
			return false;
	}
	return true;
}

static bool is_flag(const json_t *value)
{
	return json_is_boolean(value);
}

static bool is_dependency(const json_t *value)
{
	return is_schema(value) || are_texts(value);
}

const char *schema_shape_problem(enum schema_shape shape, const json_t *value)
{
	switch (shape) {
	case SHAPE_ANY: return NULL;
	case SHAPE_TEXT: return json_is_string(value) ? NULL : "must be text";
	case SHAPE_FLAG: return is_flag(value) ? NULL : "must be true or false";
	case SHAPE_COUNT: return is_count(value) ? NULL : "must be a non-negative integer";
	case SHAPE_NUMBER: return json_is_number(value) ? NULL : "must be a number";
	case SHAPE_POSITIVE:
		return json_is_number(value) && json_number_value(value) > 0 ? NULL : "must be a number greater than 0";
	case SHAPE_ARRAY: return json_is_array(value) ? NULL : "must be an array";
	case SHAPE_TYPES:
		return are_types(value) ? NULL
		                        : "must be one of null, boolean, integer, number, string, array, object, "
		                          "or an array of different ones";
	case SHAPE_TEXTS: return are_texts(value) ? NULL : "must be an array of different texts";
	case SHAPE_TEXTS_MAP:
		return all_members(value, are_texts) ? NULL : "must be an object of arrays of different texts";
	case SHAPE_FLAG_MAP:
		return all_members(value, is_flag) ? NULL : "must be an object whose values are true or false";
	case SHAPE_REFERENCE: return is_reference(value) ? NULL : "must be a URI reference";
	case SHAPE_NAME:
		return is_name(value) ? NULL
		                      : "must be a name of letters, digits, \"-\", \"_\" and \".\" that begins with "
		                        "a letter or \"_\"";
	case SHAPE_SCHEMA: return is_schema(value) ? NULL : "must be a schema (an object, true or false)";
	case SHAPE_SCHEMAS: return json_array_size(value) > 0 ? NULL : "must be an array of one schema or more";
	case SHAPE_SCHEMA_MAP:
	case SHAPE_PATTERN_MAP: return json_is_object(value) ? NULL : "must be an object of schemas";
	case SHAPE_DEPENDENCIES:
		return all_members(value, is_dependency) ? NULL
		                                         : "must be an object of schemas or arrays of different texts";
	}
	return "is not supported";
}
