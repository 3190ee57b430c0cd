/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_query_plan.h"

#include <string.h>

#include "common/config.h"
#include "mcp/backend/sql/sql_plan.h"

enum { ROWS_DEFAULT = 200 };

const char SQL_QUERY_SCHEMA[] =
    "type: object\n"
    "additionalProperties: false\n"
    "required: [schemas]\n"
    "properties:\n"
    "  schemas:\n"
    "    description: Whose relations may be read; a name without a schema is looked up in them, in this order\n"
    "    type: array\n"
    "    items: {type: string, minLength: 1, maxLength: 63}\n"
    "    minItems: 1\n"
    "    maxItems: 16\n"
    "    uniqueItems: true\n"
    "  functions:\n"
    "    description: 'Beside the safe ones: the name of a built-in function, or schema.name'\n"
    "    type: array\n"
    "    items: {type: string, minLength: 1, maxLength: 127}\n"
    "    maxItems: 256\n"
    "    uniqueItems: true\n"
    "  argument: {description: 'That is the query; default: query', type: string, minLength: 1, maxLength: 128}\n"
    "  claims: {description: 'The database is told who asks: sallyport.claim()', type: boolean}\n"
    "  rows: {type: integer, minimum: 1, maximum: 10000}\n"
    "  bytes: " SQL_BYTES_SCHEMA "\n"
    "  timeout: {type: string, pattern: " DURATION_PATTERN "}\n";

static const char **texts_of(h2o_mem_pool_t *pool, const json_t *array)
{
	size_t count = json_array_size(array);
	const char **texts = h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*texts));

	for (size_t i = 0; i < count; i++)
		texts[i] = json_string_value(json_array_get(array, i));
	texts[count] = NULL;
	return texts;
}

/* Nothing stands before what is built in, and nobody's temporary relation before what is meant. */
static const char *search_path_of(h2o_mem_pool_t *pool, const char *const *schemas)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "pg_catalog");
	for (; *schemas != NULL; schemas++) {
		text_append_str(&b, ", ");
		sql_append_quoted(&b, *schemas);
	}
	text_append_str(&b, ", pg_temp");
	return b.base;
}

static const char *argument_problem(const struct loading *l, const char *argument)
{
	const json_t *schema = json_object_get(l->names, argument);

	if (schema == NULL || !text_is(json_get_text(schema, "type"), "string"))
		return text_printf(l->pool, "/sql_query/argument: %s must be an argument of type string", argument);
	if (json_object_size(l->names) != 1)
		return text_printf(l->pool, "/input/properties: must have no other member than %s", argument);
	return NULL;
}

static const char *functions_problem(const struct loading *l, const json_t *functions)
{
	for (size_t i = 0; i < json_array_size(functions); i++)
		if (!sql_guard_is_function_name(text_of(json_string_value(json_array_get(functions, i)))))
			return text_printf(l->pool, "/sql_query/functions/%zu: must be name or schema.name", i);
	return NULL;
}

const char *sql_query_load(struct loading *l, const json_t *part, struct item *item)
{
	struct sql_query_plan *plan = h2o_mem_alloc_pool(l->pool, sizeof(*plan));
	const char *problem = NULL;

	*plan = (struct sql_query_plan){
	    .rules = {.schemas = texts_of(l->pool, json_object_get(part, "schemas")),
	              .functions = texts_of(l->pool, json_object_get(part, "functions"))},
	    .argument = config_text(part, "argument", "query"),
	    .rows = (unsigned)config_int(part, "rows", ROWS_DEFAULT),
	    .claims = config_bool(part, "claims", false),
	    .untrusted = item->untrusted,
	};
	plan->search_path = search_path_of(l->pool, plan->rules.schemas);
	if (item->tier != TIER_READ)
		problem = "/tier: a query only reads";
	else if (l->settings->analyst.conninfo == NULL)
		problem = "/sql_query: the configuration has no databases.analyst";
	if (problem == NULL)
		problem = argument_problem(l, plan->argument);
	if (problem == NULL)
		problem = functions_problem(l, json_object_get(part, "functions"));
	if (problem == NULL)
		problem = sql_claims_problem(l, part, "/sql_query");
	if (problem == NULL)
		problem = sql_timeout_problem(l, part, "/sql_query", plan->timeout, sizeof(plan->timeout));
	if (problem == NULL)
		problem = sql_bytes_problem(l, part, "/sql_query", &plan->bytes);
	l->catalogue->has_queries = true;
	item->plan = plan;
	return problem;
}
