/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_schema.h"

#include "mcp/guard/untrusted.h"
#include "mcp/guard/input_bounds.h"

/* Revisions whose keywords mean, as far as our validator knows them, what those of 2020-12 do. What they have beyond
 * that is an unknown keyword or a schema that does not compile. */
static bool is_known_dialect(h2o_iovec_t uri)
{
	static const char *const KNOWN[] = {
	    "https://json-schema.org/draft/2020-12/schema",
	    "https://json-schema.org/draft/2019-09/schema",
	    "http://json-schema.org/draft-07/schema",
	    "http://json-schema.org/draft-06/schema",
	};

	if (uri.len > 0 && uri.base[uri.len - 1] == '#')
		uri.len--;
	for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++)
		if (text_is(uri, KNOWN[i]))
			return true;
	return false;
}

/* Only what the schema describes reaches the upstream. */
static bool close_object(json_t *schema)
{
	const char *keyword = input_is_composed(schema) ? "unevaluatedProperties" : "additionalProperties";

	if (json_is_false(json_object_get(schema, "additionalProperties")) ||
	    json_is_false(json_object_get(schema, "unevaluatedProperties")))
		return false;
	json_object_del(schema, "additionalProperties");
	json_object_del(schema, "unevaluatedProperties");
	json_object_set_new(schema, keyword, json_false());
	return true;
}

static void compile(h2o_mem_pool_t *pool, struct upstream_schema *ret)
{
	struct schema_options options = {.assert_formats = true};

	ret->compiled = schema_compile(pool, ret->offered, &options, &ret->problem);
	if (ret->compiled != NULL) {
		ret->problem = NULL;
		return;
	}
	options.allow_unknown_keywords = true;
	ret->partly = true;
	ret->compiled = schema_compile(pool, ret->offered, &options, &ret->problem);
	if (ret->compiled != NULL)
		ret->problem = NULL;
}

static json_t *take_over(h2o_mem_pool_t *pool, const json_t *schema, struct upstream_schema *ret)
{
	json_t *offered = json_keep(pool, untrusted_visible_value(pool, schema));
	const json_t *dialect = json_object_get(schema, "$schema");

	*ret = (struct upstream_schema){.offered = offered};
	if (dialect != NULL && !is_known_dialect(json_get_text(schema, "$schema")))
		ret->problem = "/$schema: is a dialect that cannot be checked";
	else if (!text_is(json_get_text(schema, "type"), "object"))
		ret->problem = "/type: must be object";
	json_object_del(offered, "$schema");
	return offered;
}

static void bound(h2o_mem_pool_t *pool, json_t *offered, struct upstream_schema *ret)
{
	json_t *notes = json_keep(pool, json_array());

	if (!input_bounds_fill(pool, offered, notes))
		ret->problem = "/: has places that cannot be given bounds, which a tool that changes something needs";
	if (json_array_size(notes) > 0)
		ret->filled = notes;
}

void upstream_schema_input(h2o_mem_pool_t *pool, const json_t *schema, bool changes, struct upstream_schema *ret)
{
	json_t *offered = take_over(pool, schema, ret);

	if (ret->problem != NULL)
		return;
	ret->closed = close_object(offered);
	if (changes)
		bound(pool, offered, ret);
	if (ret->problem == NULL)
		compile(pool, ret);
}

void upstream_schema_output(h2o_mem_pool_t *pool, const json_t *schema, struct upstream_schema *ret)
{
	take_over(pool, schema, ret);
	if (ret->problem == NULL)
		compile(pool, ret);
}
