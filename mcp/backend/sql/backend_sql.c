/* SPDX-License-Identifier: Apache-2.0 */
/* One prepared statement of the item, in one implicit transaction with its bounds. Arguments are only ever parameters.
 */
#include <string.h>

#include "common/log.h"
#include "mcp/backend/backends.h"
#include "mcp/backend/sql/sql_columns.h"
#include "mcp/catalogue/databases.h"
#include "mcp/backend/sql/sql_claims.h"
#include "mcp/backend/sql/sql_failure.h"
#include "mcp/backend/sql/sql_rows.h"
#include "mcp/policy/view.h"

/* Text form of an argument, of lists and objects as JSON; NULL for an absent one and for null. */
static const char *argument_text(h2o_mem_pool_t *pool, const json_t *argument)
{
	if (json_is_array(argument) || json_is_object(argument))
		return json_text(pool, argument).base;
	return json_scalar_text(pool, argument).base;
}

static struct db_param *bind_arguments(h2o_mem_pool_t *pool, const struct sql_statement *plan, const json_t *arguments)
{
	struct db_param *params = h2o_mem_alloc_pool(pool, (plan->parameter_count + 1) * sizeof(*params));

	for (size_t i = 0; i < plan->parameter_count; i++)
		params[i] = param_text(argument_text(pool, json_object_get(arguments, plan->parameters[i])));
	return params;
}

static step_result answer_failure(struct request *r)
{
	const struct item *item = call_of(r)->item;
	const char *state = PQresultErrorField(r->rows, PG_DIAG_SQLSTATE);

	state = state != NULL ? state : "";
	/* the message may quote values of the arguments or the data: the log gets names only */
	log_event(LOG_WARNING, "statement failed", "request", r->id, item_kind_name(item->kind), item->name, "sqlstate",
	          state, "constraint", PQresultErrorField(r->rows, PG_DIAG_CONSTRAINT_NAME), NULL);
	return answer_problem(r, sql_failure_text(r, state));
}

/* The transaction was over before the answer came. */
static enum call_effect effect_of(ExecStatusType status)
{
	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ? EFFECT_COMMITTED : EFFECT_NONE;
}

static enum sql_outcome take_rows(struct request *r, struct outcome *outcome)
{
	const struct sql_plan *plan = call_of(r)->plan;
	const struct sql_statement *statement = sql_plan_choose(plan, call_of(r)->arguments);
	const struct sql_given given = {.rows = r->rows, .cut = r->rows_are_cut};

	if (plan->shape == SQL_VALUES)
		return sql_values_outcome(r, plan, r->rows, outcome);
	if (call_of(r)->kind != ITEM_TOOL)
		return sql_contents_outcome(r, plan, &given, outcome);
	return sql_rows_outcome(&r->pool, plan, statement, &given, outcome) ? SQL_FINE : SQL_WRONG_COLUMNS;
}

static step_result answer(struct request *r)
{
	const struct call *call = call_of(r);
	ExecStatusType status = PQresultStatus(r->rows);
	struct outcome outcome;

	if (call->running.end != RUNNING_ON)
		return answer_cancelled(r, effect_of(status));
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		return answer_failure(r);
	switch (take_rows(r, &outcome)) {
	case SQL_FINE: return answer_outcome(r, &outcome);
	case SQL_NOTHING: return answer_absent(r);
	case SQL_TOO_LARGE: return answer_problem(r, "The resource is too large.");
	case SQL_WRONG_COLUMNS: break;
	}
	log_event(LOG_ERROR, "a kept column is not in the result", item_kind_name(call->item->kind), call->item->name,
	          "file", call->item->file, NULL);
	return answer_problem(r, sql_failure_text(r, ""));
}

static step_fn *const ANSWER_STEPS[] = {answer, NULL};

static struct db *database_of(struct request *r)
{
	const struct databases *databases = view_of(r)->catalogue->databases;
	const struct sql_plan *plan = call_of(r)->plan;

	return plan->write ? databases->write : databases->read;
}

static void cancel(struct request *r)
{
	db_cancel(database_of(r), r);
}

static void give_up(struct request *r)
{
	db_give_up(database_of(r), r);
}

static step_result run(struct request *r)
{
	const struct sql_plan *plan = call_of(r)->plan;
	const json_t *arguments = call_of(r)->arguments;
	const struct sql_statement *statement = sql_plan_choose(plan, arguments);
	struct db_param bounds[] = {param_text(plan->timeout), param_text(NULL), param_text(NULL)};
	struct db_question questions[] = {
	    {.statement = CATALOGUE_BOUNDS, .params = bounds, .count = 1},
	    {.statement = statement->number,
	     .params = bind_arguments(&r->pool, statement, arguments),
	     .count = statement->parameter_count},
	};

	if (plan->claims)
		questions[0] = (struct db_question){
		    .statement = CATALOGUE_CLAIMS,
		    .params = bounds,
		    .count = 3,
		    .bind = sql_claims_bind,
		};
	run_steps(r, ANSWER_STEPS); /* when the answer is there */
	return db_ask_bounded(r, database_of(r), questions, 2, plan->bytes, !plan->write);
}

const struct backend BACKEND_SQL = {
    .name = "sql",
    .schema = SQL_PLAN_SCHEMA,
    .kinds = 1 << ITEM_TOOL | 1 << ITEM_RESOURCE | 1 << ITEM_TEMPLATE,
    .load = sql_plan_load,
    .run = run,
    .cancel = cancel,
    .give_up = give_up,
};
