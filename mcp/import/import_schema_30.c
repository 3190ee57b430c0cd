/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenAPI 3.0 says in its own way (3.0.3, 4.7.24) as JSON Schema 2020-12. */
#include <string.h>

#include "mcp/import/import.h"

/* null is let in beside the type; without a type, nullable says nothing (3.0.3, 4.7.24.1). */
static bool take_nullable(struct import_operation *op, json_t *schema)
{
	const json_t *nullable = json_object_get(schema, "nullable"), *type = json_object_get(schema, "type");

	if (nullable != NULL && !json_is_boolean(nullable))
		return import_refuse(op, "nullable in a schema is neither true nor false");
	if (type != NULL && !json_is_string(type))
		return import_refuse(op, "a schema has a list of types, which OpenAPI 3.0 does not know");
	if (json_is_true(nullable) && type != NULL)
		json_object_set_new(schema, "type", json_pack("[O, s]", (json_t *)type, "null"));
	json_object_del(schema, "nullable");
	return true;
}

/* true: the bound itself is out; then it stands in the member of that name. */
static bool take_exclusive(struct import_operation *op, json_t *schema, const char *exclusive, const char *bound)
{
	const json_t *said = json_object_get(schema, exclusive);
	json_t *limit = json_object_get(schema, bound);

	if (said != NULL && !json_is_boolean(said))
		return import_refuse(op, "%s in a schema is neither true nor false, as OpenAPI 3.0 wants it",
		                     exclusive);
	if (json_is_true(said) && limit != NULL) {
		json_object_set(schema, exclusive, limit);
		json_object_del(schema, bound);
	} else if (said != NULL) {
		json_object_del(schema, exclusive);
	}
	return true;
}

bool import_schema_from_30(struct import_operation *op, json_t *schema)
{
	return take_nullable(op, schema) && take_exclusive(op, schema, "exclusiveMinimum", "minimum") &&
	       take_exclusive(op, schema, "exclusiveMaximum", "maximum");
}
