/* SPDX-License-Identifier: Apache-2.0 */
/* Which types a translated schema lets through: what a query or a header can carry is known before a tool is made. */
#include <string.h>

#include "mcp/import/import.h"

enum { ALL = IMPORT_NULL | IMPORT_SCALAR | IMPORT_ARRAY | IMPORT_OBJECT };

static unsigned type_named(const json_t *name)
{
	static const struct {
		const char *name;
		unsigned type;
	} TYPES[] = {
	    {"null", IMPORT_NULL},     {"boolean", IMPORT_BOOLEAN}, {"integer", IMPORT_NUMBER},
	    {"number", IMPORT_NUMBER}, {"string", IMPORT_STRING},   {"array", IMPORT_ARRAY},
	    {"object", IMPORT_OBJECT},
	};

	for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
		if (json_is_string(name) && strcmp(json_string_value(name), TYPES[i].name) == 0)
			return TYPES[i].type;
	return ALL;
}

static unsigned type_of_value(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return IMPORT_OBJECT;
	case JSON_ARRAY: return IMPORT_ARRAY;
	case JSON_STRING: return IMPORT_STRING;
	case JSON_INTEGER:
	case JSON_REAL: return IMPORT_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE: return IMPORT_BOOLEAN;
	default: return IMPORT_NULL;
	}
}

/* Those of each of a list, together. */
static unsigned types_of_list(const json_t *list, unsigned (*types_of)(const json_t *))
{
	unsigned types = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		types |= types_of(json_array_get(list, i));
	return types;
}

unsigned import_types(const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type"), *member;
	unsigned types = ALL;

	if (json_is_array(type))
		types &= types_of_list(type, type_named);
	else if (type != NULL)
		types &= type_named(type);
	if (json_is_array(member = json_object_get(schema, "enum")))
		types &= types_of_list(member, type_of_value);
	if ((member = json_object_get(schema, "const")) != NULL)
		types &= type_of_value(member);
	if (json_is_array(member = json_object_get(schema, "anyOf")))
		types &= types_of_list(member, import_types);
	if (json_is_array(member = json_object_get(schema, "oneOf")))
		types &= types_of_list(member, import_types);
	member = json_object_get(schema, "allOf");
	for (size_t i = 0; i < json_array_size(member); i++)
		types &= import_types(json_array_get(member, i));
	return types;
}

/* Items of one branch at least that all arrays must pass. */
bool import_items_are_scalar(const json_t *schema)
{
	const json_t *items = json_object_get(schema, "items"), *all = json_object_get(schema, "allOf");
	const json_t *any = json_object_get(schema, "anyOf");

	if (json_object_get(schema, "prefixItems") != NULL)
		return false;
	if (items != NULL)
		return (import_types(items) & ~(unsigned)IMPORT_SCALAR) == 0;
	for (size_t i = 0; i < json_array_size(all); i++)
		if (import_items_are_scalar(json_array_get(all, i)))
			return true;
	if (any == NULL)
		any = json_object_get(schema, "oneOf");
	for (size_t i = 0; i < json_array_size(any); i++) {
		const json_t *one = json_array_get(any, i);
		if ((import_types(one) & IMPORT_ARRAY) != 0 && !import_items_are_scalar(one))
			return false;
	}
	return json_array_size(any) > 0;
}
