/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_plan.h"

#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "mcp/protocol/completion.h"
#include "mcp/backend/sql/sql_text.h"

enum { ROWS_DEFAULT = 100, TIMEOUT_DEFAULT_MS = 5000, TIMEOUT_MAX_MS = 5 * 60 * 1000 };

#define STATEMENT_MEMBERS                                                                                              \
	"statement: {description: 'One statement with $1 ...', type: string, minLength: 1, maxLength: 20000}, "        \
	"parameters: {description: 'Names of the arguments for $1 ..., absent ones are NULL', type: array, "           \
	"items: {type: string, minLength: 1, maxLength: 128}, uniqueItems: true, maxItems: 32}"

const char SQL_PLAN_SCHEMA[] =
    "type: object\n"
    "additionalProperties: false\n"
    "oneOf: [{required: [statement, parameters]}, {required: [statements, choose]}]\n"
    "properties: {" STATEMENT_MEMBERS ",\n"
    "  statements: {description: 'Several of them, of which an argument names one', type: object,\n"
    "    minProperties: 1, maxProperties: 64, propertyNames: {pattern: '^[A-Za-z0-9_.-]{1,64}$'},\n"
    "    additionalProperties: {type: object, additionalProperties: false, required: [statement],\n"
    "      properties: {" STATEMENT_MEMBERS ",\n"
    "        columns: {description: 'Kept ones, instead of those of result', type: array, uniqueItems: true,\n"
    "          items: {type: string, minLength: 1, maxLength: 63}, minItems: 1, maxItems: 64}}}},\n"
    "  choose: {description: The argument that names the statement, type: string, minLength: 1, maxLength: 128},\n"
    "  write: {description: 'Run in the role that may write', type: boolean},\n"
    "  claims: {description: 'The database is told who asks: sallyport.claim()', type: boolean},\n"
    "  timeout: {type: string, pattern: " DURATION_PATTERN "}}\n"
    "dependentRequired: {statements: [choose], choose: [statements]}\n";

/* ---- what may stand there ---- */

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

const char *sql_claims_problem(const struct loading *l, const json_t *part, const char *place)
{
	if (config_bool(part, "claims", false) && !l->settings->has_secrets)
		return text_printf(l->pool, "%s/claims: the configuration has no secrets to prove them with", place);
	return NULL;
}

const char *sql_timeout_problem(const struct loading *l, const json_t *part, const char *place, char *ret, size_t size)
{
	int64_t timeout = config_duration_ms(part, "timeout", TIMEOUT_DEFAULT_MS);

	if (timeout < 1 || timeout > TIMEOUT_MAX_MS)
		return text_printf(l->pool, "%s/timeout: must be between 1ms and 5m", place);
	snprintf(ret, size, "%lld", (long long)timeout);
	return NULL;
}

const char *sql_bytes_problem(const struct loading *l, const json_t *part, const char *place, size_t *ret)
{
	int64_t bytes = config_size(part, "bytes", SQL_BYTES_DEFAULT);

	if (bytes > SQL_BYTES_MAX)
		return text_printf(l->pool, "%s/bytes: must be at most 16MiB", place);
	*ret = (size_t)bytes;
	return NULL;
}

/* Of the whole part, which stands at `place`: what does not depend on its statements. */
static const char *part_problem(const struct loading *l, const json_t *sql, const char *place, struct sql_plan *plan)
{
	const char *problem = sql_timeout_problem(l, sql, place, plan->timeout, sizeof(plan->timeout));

	if (problem == NULL && !plan->write && l->settings->read.conninfo == NULL)
		problem = text_printf(l->pool, "%s: the configuration has no databases.read", place);
	return problem != NULL ? problem : sql_claims_problem(l, sql, place);
}

/* The statement's own, or those that all share; NULL: there are none, which is none too many. */
static const json_t *parameters_of(const json_t *sql, const json_t *part)
{
	const json_t *own = json_object_get(part, "parameters");

	return own != NULL ? own : json_object_get(sql, "parameters");
}

static const char *parameters_problem(const struct loading *l, const json_t *parameters, h2o_iovec_t sql,
                                      const char *place)
{
	bool gap;
	unsigned used = sql_count_parameters(sql, &gap);

	if (gap || used != json_array_size(parameters))
		return text_printf(l->pool, "%s/parameters: names %zu arguments, but the statement has %u%s", place,
		                   json_array_size(parameters), used, gap ? " with gaps" : "");
	for (size_t i = 0; i < json_array_size(parameters); i++) {
		const char *name = json_string_value(json_array_get(parameters, i));
		if (json_object_get(l->names, name) == NULL)
			return text_printf(l->pool, "%s/parameters/%zu: %s is no argument", place, i, name);
	}
	return NULL;
}

/* ---- statements ---- */

static const char **names_of(h2o_mem_pool_t *pool, const json_t *array, size_t *count)
{
	*count = json_array_size(array);
	const char **names = h2o_mem_alloc_pool(pool, (*count + 1) * sizeof(*names));
	for (size_t i = 0; i < *count; i++)
		names[i] = json_string_value(json_array_get(array, i));
	return names;
}

/* What all statements of the plan have in common with the file. */
struct reading {
	struct loading *l;
	struct sql_plan *plan;
	const char *name;      /* for the log */
	const json_t *sql;     /* the whole part */
	const json_t *columns; /* of the result; NULL where they are none */
};

/* A reading statement is bounded by the database itself, one row beyond the limit so that the answer can say that there
 * is more. A writing one cannot stand in a sub-select; its surplus rows are dropped here. */
static const char *add_statement(const struct reading *reading, const json_t *part, const char *place,
                                 struct sql_statement *ret)
{
	struct loading *l = reading->l;
	const struct sql_plan *plan = reading->plan;
	const json_t *parameters = parameters_of(reading->sql, part), *columns = json_object_get(part, "columns");
	h2o_iovec_t sql = json_get_text(part, "statement");
	const char *problem = parameters_problem(l, parameters, sql, place);

	if (problem != NULL)
		return problem;
	ret->parameters = names_of(l->pool, parameters, &ret->parameter_count);
	ret->columns = names_of(l->pool, columns != NULL ? columns : reading->columns, &ret->column_count);
	struct catalogue_statement statement = {
	    .file = l->file,
	    .name = reading->name,
	    .place = text_printf(l->pool, "%s/statement", place),
	    .sql = plan->write ? text_copy(l->pool, sql_trim(sql)) : sql_bound_rows(l->pool, sql, plan->rows + 1),
	    .parameter_count = ret->parameter_count,
	    .columns = ret->columns,
	    .column_count = ret->column_count,
	    .write = plan->write,
	};
	ret->number = loading_add_statement(l, &statement);
	return NULL;
}

static const char *add_one(const struct reading *reading, const char *place)
{
	struct sql_statement *statement = h2o_mem_alloc_pool(reading->l->pool, sizeof(*statement));

	*statement = (struct sql_statement){0};
	reading->plan->statements = statement;
	reading->plan->statement_count = 1;
	return add_statement(reading, reading->sql, place, statement);
}

/* The argument has to name one of them, whatever the model says. */
static const char *choose_problem(const struct loading *l, const char *choose, const json_t *statements)
{
	const json_t *names = json_object_get(json_object_get(l->names, choose), "enum"), *required;
	size_t count = json_array_size(names), found = 0;

	for (size_t i = 0; i < count; i++)
		found += json_object_get(statements, json_string_value(json_array_get(names, i))) != NULL;
	if (count == 0 || found != count || count != json_object_size(statements))
		return text_printf(l->pool, "/sql/choose: the enum of %s must be exactly the names of the statements",
		                   choose);
	required = json_object_get(json_object_get(l->document, "input"), "required");
	for (size_t i = 0; i < json_array_size(required); i++)
		if (strcmp(json_string_value(json_array_get(required, i)), choose) == 0)
			return NULL;
	return text_printf(l->pool, "/sql/choose: %s must be a required argument", choose);
}

static const char *add_choice(const struct reading *reading, const json_t *statements)
{
	struct sql_plan *plan = reading->plan;
	struct sql_statement *all = h2o_mem_alloc_pool(reading->l->pool, json_object_size(statements) * sizeof(*all));
	const char *name, *problem;
	json_t *part;

	plan->choose = json_get_text(reading->sql, "choose").base;
	plan->statements = all;
	problem = choose_problem(reading->l, plan->choose, statements);
	json_object_foreach ((json_t *)statements, name, part) {
		struct sql_statement *statement = &all[plan->statement_count++];
		if (problem != NULL)
			break;
		*statement = (struct sql_statement){.name = name};
		problem =
		    add_statement(reading, part, text_printf(reading->l->pool, "/sql/statements/%s", name), statement);
	}
	return problem;
}

const struct sql_statement *sql_plan_choose(const struct sql_plan *plan, const json_t *arguments)
{
	h2o_iovec_t name = json_get_text(arguments, plan->choose != NULL ? plan->choose : "");

	for (size_t i = 0; plan->choose != NULL && i < plan->statement_count; i++)
		if (text_is(name, plan->statements[i].name))
			return &plan->statements[i];
	return &plan->statements[0];
}

/* ---- the whole ---- */

/* How much is kept of the rows, and what becomes of it. */
static const char *read_result(struct loading *l, struct reading *reading, struct sql_plan *plan)
{
	const json_t *result = json_object_get(l->document, "result");
	const char *text = json_get_text(result, "text").base, *blob = json_get_text(result, "blob").base;

	plan->shape = text != NULL ? SQL_TEXT : blob != NULL ? SQL_BLOB : SQL_ROWS;
	plan->rows = plan->shape == SQL_ROWS ? (unsigned)config_int(result, "rows", ROWS_DEFAULT) : 1;
	reading->columns = json_object_get(result, "columns");
	if (plan->shape != SQL_ROWS)
		reading->columns = json_keep(l->pool, json_pack("[s]", text != NULL ? text : blob));
	const char *problem = sql_bytes_problem(l, result, "/result", &plan->bytes);
	if (plan->shape != SQL_ROWS)
		plan->bytes = SQL_BYTES_MAX; /* a content has a limit of its own */
	return problem;
}

static bool is_used(const struct sql_plan *plan, const char *argument)
{
	if (plan->choose != NULL && strcmp(plan->choose, argument) == 0)
		return true;
	for (size_t i = 0; i < plan->statement_count; i++)
		for (size_t j = 0; j < plan->statements[i].parameter_count; j++)
			if (strcmp(plan->statements[i].parameters[j], argument) == 0)
				return true;
	return false;
}

static const char *usage_problem(const struct loading *l, const struct sql_plan *plan, const struct item *item)
{
	const char *name;
	json_t *member;

	json_object_foreach ((json_t *)l->names, name, member)
		if (!is_used(plan, name))
			return item->kind == ITEM_TOOL
			           ? "/input/properties: has a member that the statement does not use"
			           : "/sql/parameters: leaves a variable out";
	return NULL;
}

const char *sql_plan_load(struct loading *l, const json_t *part, struct item *item)
{
	struct sql_plan *plan = h2o_mem_alloc_pool(l->pool, sizeof(*plan));
	struct reading reading = {.l = l, .plan = plan, .name = item->name, .sql = part};
	const json_t *statements = json_object_get(part, "statements");
	const char *problem = write_problem(l, part, item);

	*plan = (struct sql_plan){
	    .write = config_bool(part, "write", false),
	    .claims = config_bool(part, "claims", false),
	    .untrusted = item->untrusted,
	};
	if (problem == NULL && statements != NULL && item->kind != ITEM_TOOL)
		problem = "/sql/statements: only a tool may have several";
	if (problem == NULL)
		problem = part_problem(l, part, "/sql", plan);
	if (problem == NULL)
		problem = read_result(l, &reading, plan);
	if (problem == NULL)
		problem = statements != NULL ? add_choice(&reading, statements) : add_one(&reading, "/sql");
	if (problem == NULL)
		problem = usage_problem(l, plan, item);
	item->plan = plan;
	return problem;
}

const struct sql_plan *sql_plan_of_values(struct loading *l, const char *name, const json_t *part, const char *place,
                                          const char **problem)
{
	struct sql_plan *plan = h2o_mem_alloc_pool(l->pool, sizeof(*plan));
	struct reading reading = {.l = l, .plan = plan, .name = name, .sql = part};

	*plan = (struct sql_plan){
	    .shape = SQL_VALUES,
	    .rows = COMPLETION_VALUES_MAX,
	    .bytes = SQL_BYTES_DEFAULT,
	    .claims = config_bool(part, "claims", false),
	};
	*problem = part_problem(l, part, place, plan);
	if (*problem == NULL)
		*problem = add_one(&reading, place);
	return *problem == NULL ? plan : NULL;
}
