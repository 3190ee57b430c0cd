/* SPDX-License-Identifier: Apache-2.0 */
/* One prepared statement of the tool, in one implicit transaction with its bounds. Arguments are only ever parameters.
 */
#include <math.h>
#include <string.h>

#include "common/log.h"
#include "mcp/result.h"
#include "mcp/tools.h"

/* Every number of this size is written without an exponent, exactly. */
static const double WHOLE_MAX = 9007199254740992.0;

/* Text form of an argument; NULL for an absent one and for null. */
static const char *argument_text(h2o_mem_pool_t *pool, const json_t *argument)
{
	double number = json_real_value(argument);

	if (argument == NULL || json_is_null(argument))
		return NULL;
	if (json_is_string(argument))
		return json_string_value(argument);
	/* JSON Schema, 6.1.1: 5.0 and 5e0 are integers; to PostgreSQL's integer they are not */
	if (json_is_real(argument) && fabs(number) <= WHOLE_MAX && number == floor(number))
		return text_printf(pool, "%.0f", number);
	return json_text(pool, argument).base;
}

static struct db_param *bind_arguments(h2o_mem_pool_t *pool, const struct tool *tool, const json_t *arguments)
{
	struct db_param *params = h2o_mem_alloc_pool(pool, (tool->parameter_count + 1) * sizeof(*params));

	for (size_t i = 0; i < tool->parameter_count; i++)
		params[i] = param_text(argument_text(pool, json_object_get(arguments, tool->parameters[i])));
	return params;
}

/* Words for the model, by SQLSTATE (PostgreSQL, appendix A): what it can do about it, nothing of the statement or the
 * data. */
static const struct {
	const char *state; /* or the beginning of it */
	const char *text;
} FAILURES[] = {
    {"57014", "The tool took longer than it may and was stopped. Ask for less."},
    {"25006", "The tool tried to change data, which it may not. Its operator has to correct it."},
    {"42501", "The tool may not use this data. Its operator has to correct it."},
    {"40", "The change met another one at the same time. It may work when it is tried again."},
    {"22", "The database cannot use a value of the arguments."},
    {"23", "The change contradicts what is stored, for example by a name that is taken."},
    {"P0001", "The database refused the change."},
};

static const char *failure_text(const char *state)
{
	for (size_t i = 0; i < sizeof(FAILURES) / sizeof(FAILURES[0]); i++)
		if (strncmp(state, FAILURES[i].state, strlen(FAILURES[i].state)) == 0)
			return FAILURES[i].text;
	return "The tool failed. Its operator has to look into it.";
}

static step_result answer_failure(struct request *r)
{
	const char *state = PQresultErrorField(r->rows, PG_DIAG_SQLSTATE);

	state = state != NULL ? state : "";
	/* the message may quote values of the arguments or the data: the log gets names only */
	log_event(LOG_WARNING, "tool failed", "request", r->id, "tool", call_of(r)->tool->name, "sqlstate", state,
	          "constraint", PQresultErrorField(r->rows, PG_DIAG_CONSTRAINT_NAME), NULL);
	return tools_answer_problem(r, failure_text(state));
}

/* The transaction was over before the answer came. */
static enum call_effect effect_of(ExecStatusType status)
{
	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ? EFFECT_COMMITTED : EFFECT_NONE;
}

static step_result answer(struct request *r)
{
	const struct call *call = call_of(r);
	ExecStatusType status = PQresultStatus(r->rows);
	size_t rows;

	if (call->running.end != RUNNING_ON)
		return tools_answer_cancelled(r, effect_of(status));
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		return answer_failure(r);
	h2o_iovec_t result = result_of_rows(&r->pool, call->tool, r->rows, result_era_info(r), &rows);
	if (result.base == NULL) {
		log_event(LOG_ERROR, "a kept column is not in the result", "tool", call->tool->name, "file",
		          call->tool->file, NULL);
		return tools_answer_problem(r, failure_text(""));
	}
	return tools_answer(r, result, rows);
}

static step_fn *const ANSWER_STEPS[] = {answer, NULL};

static struct db *database_of(const struct request *r)
{
	const struct mcp *mcp = mcp_of(r);

	return call_of(r)->tool->tier == TIER_READ ? mcp->read_db : mcp->write_db;
}

void backend_sql_cancel(struct request *r)
{
	db_cancel(database_of(r), r);
}

bool backend_sql_give_up(struct request *r)
{
	return db_give_up(database_of(r), r);
}

step_result backend_sql_run(struct request *r)
{
	const struct tool *tool = call_of(r)->tool;
	struct db_param timeout = param_text(tool->timeout);
	struct db_question questions[] = {
	    {CATALOGUE_STATEMENT_TIMEOUT, &timeout, 1},
	    {tool->statement, bind_arguments(&r->pool, tool, call_of(r)->arguments), tool->parameter_count},
	};

	run_steps(r, ANSWER_STEPS); /* when the answer is there */
	return db_ask_all(r, database_of(r), questions, 2, true);
}
