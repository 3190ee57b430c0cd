/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/sql_plan.h"

#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "mcp/completion.h"
#include "mcp/sql_text.h"

enum { ROWS_DEFAULT = 100, TIMEOUT_DEFAULT_MS = 5000, TIMEOUT_MAX_MS = 5 * 60 * 1000 };

const char SQL_PLAN_SCHEMA[] =
    "type: object\n"
    "additionalProperties: false\n"
    "required: [statement, parameters]\n"
    "properties:\n"
    "  statement: {description: 'One statement with $1 ...', type: string, minLength: 1, maxLength: 20000}\n"
    "  parameters:\n"
    "    description: Names of the arguments for $1 ..., absent ones are NULL\n"
    "    type: array\n"
    "    items: {type: string, minLength: 1, maxLength: 128}\n"
    "    uniqueItems: true\n"
    "    maxItems: 32\n"
    "  write: {description: 'Run in the role that may write', type: boolean}\n"
    "  timeout: {type: string, pattern: '^[0-9]{1,6}(ms|s|m)$'}\n";

static const char *write_problem(const struct loading *l, const json_t *sql, const struct item *item)
{
	bool write = config_bool(sql, "write", false);

	if (item->tier == TIER_READ && write)
		return item->kind == ITEM_TOOL ? "/sql/write: a tool of tier read must not write"
		                               : "/sql/write: only a tool may write";
	if (item->tier != TIER_READ && !write)
		return "/sql/write: a tool of tier write or destroy must say true";
	if (write && l->settings->write.conninfo == NULL)
		return "/sql/write: the configuration has no databases.write";
	return NULL;
}

static const char *names_problem(const struct loading *l, const json_t *parameters, const char *place)
{
	for (size_t i = 0; i < json_array_size(parameters); i++) {
		const char *name = json_string_value(json_array_get(parameters, i));
		if (json_object_get(l->names, name) == NULL)
			return text_printf(l->pool, "%s/parameters/%zu: %s is no argument", place, i, name);
	}
	return NULL;
}

/* Of `sql`, which stands at `place`: what does not depend on what its rows are for. */
static const char *statement_problem(const struct loading *l, const json_t *sql, const char *place)
{
	const json_t *parameters = json_object_get(sql, "parameters");
	int64_t timeout = config_duration_ms(sql, "timeout", TIMEOUT_DEFAULT_MS);
	bool gap;
	unsigned used = sql_count_parameters(json_get_text(sql, "statement"), &gap);

	if (!config_bool(sql, "write", false) && l->settings->read.conninfo == NULL)
		return text_printf(l->pool, "%s: the configuration has no databases.read", place);
	if (timeout < 1 || timeout > TIMEOUT_MAX_MS)
		return text_printf(l->pool, "%s/timeout: must be between 1ms and 5m", place);
	if (gap || used != json_array_size(parameters))
		return text_printf(l->pool, "%s/parameters: names %zu arguments, but the statement has %u%s", place,
		                   json_array_size(parameters), used, gap ? " with gaps" : "");
	return names_problem(l, parameters, place);
}

static const char **names_of(h2o_mem_pool_t *pool, const json_t *array, size_t *count)
{
	*count = json_array_size(array);
	const char **names = h2o_mem_alloc_pool(pool, (*count + 1) * sizeof(*names));
	for (size_t i = 0; i < *count; i++)
		names[i] = json_string_value(json_array_get(array, i));
	return names;
}

/* The columns that are kept, and what becomes of them. */
static void read_result(struct loading *l, struct sql_plan *plan)
{
	const json_t *result = json_object_get(l->document, "result");
	const char *text = json_get_text(result, "text").base, *blob = json_get_text(result, "blob").base;

	plan->shape = text != NULL ? SQL_TEXT : blob != NULL ? SQL_BLOB : SQL_ROWS;
	plan->columns = names_of(l->pool, json_object_get(result, "columns"), &plan->column_count);
	plan->rows = (unsigned)config_int(result, "rows", ROWS_DEFAULT);
	if (plan->shape == SQL_ROWS)
		return;
	plan->columns[0] = text != NULL ? text : blob;
	plan->column_count = 1;
	plan->rows = 1;
}

/* A reading statement is bounded by the database itself, one row beyond the limit so that the answer can say that there
 * is more. A writing one cannot stand in a sub-select; its surplus rows are dropped here. */
static void add_statement(struct loading *l, const char *name, const json_t *part, const char *place,
                          struct sql_plan *plan)
{
	h2o_iovec_t sql = json_get_text(part, "statement");

	plan->parameters = names_of(l->pool, json_object_get(part, "parameters"), &plan->parameter_count);
	snprintf(plan->timeout, sizeof(plan->timeout), "%lld",
	         (long long)config_duration_ms(part, "timeout", TIMEOUT_DEFAULT_MS));
	struct catalogue_statement statement = {
	    .file = l->file,
	    .name = name,
	    .place = text_printf(l->pool, "%s/statement", place),
	    .sql = plan->write ? text_copy(l->pool, sql_trim(sql)) : sql_bound_rows(l->pool, sql, plan->rows + 1),
	    .parameter_count = plan->parameter_count,
	    .columns = plan->columns,
	    .column_count = plan->column_count,
	    .write = plan->write,
	};
	plan->statement = loading_add_statement(l, &statement);
}

const char *sql_plan_load(struct loading *l, const json_t *part, struct item *item)
{
	struct sql_plan *plan = h2o_mem_alloc_pool(l->pool, sizeof(*plan));
	const char *problem = write_problem(l, part, item);

	if (problem == NULL)
		problem = statement_problem(l, part, "/sql");
	if (problem != NULL)
		return problem;
	/* names are unique, so equal numbers mean that every argument reaches the statement */
	if (json_object_size(l->names) != json_array_size(json_object_get(part, "parameters")))
		return item->kind == ITEM_TOOL ? "/input/properties: has a member that the statement does not use"
		                               : "/sql/parameters: leaves a variable out";
	*plan = (struct sql_plan){.write = config_bool(part, "write", false), .untrusted = item->untrusted};
	read_result(l, plan);
	add_statement(l, item->name, part, "/sql", plan);
	item->plan = plan;
	return NULL;
}

const struct sql_plan *sql_plan_of_values(struct loading *l, const char *name, const json_t *part, const char *place,
                                          const char **problem)
{
	struct sql_plan *plan = h2o_mem_alloc_pool(l->pool, sizeof(*plan));

	*problem = statement_problem(l, part, place);
	if (*problem != NULL)
		return NULL;
	*plan = (struct sql_plan){.shape = SQL_VALUES, .rows = COMPLETION_VALUES_MAX};
	add_statement(l, name, part, place, plan);
	return plan;
}
