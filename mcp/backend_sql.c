/* SPDX-License-Identifier: Apache-2.0 */
/* One prepared statement of the tool, in one implicit transaction with its bounds. Arguments are only ever parameters.
 */
#include <math.h>
#include <string.h>

#include "common/log.h"
#include "mcp/audit_record.h"
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

static void end_call(struct request *r)
{
	call_of(r)->is_running = false;
	r->on_departed = NULL;
}

static void on_departed(struct request *r)
{
	call_of(r)->is_running = false;
	audit_record_call(r, "cancelled", 0);
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

static step_result answer_problem(struct request *r, const char *text)
{
	end_call(r);
	if (!audit_record_call(r, "failed", 0))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the audit log cannot be written");
	text = text_printf(&r->pool, "%s (request %s)", text, r->id);
	return rpc_reply(r, call_of(r)->message.id, result_of_problem(&r->pool, text, result_era_info(r)));
}

static step_result answer_failure(struct request *r)
{
	const char *state = PQresultErrorField(r->rows, PG_DIAG_SQLSTATE);

	state = state != NULL ? state : "";
	/* the message may quote values of the arguments or the data: the log gets names only */
	log_event(LOG_WARNING, "tool failed", "request", r->id, "tool", call_of(r)->tool->name, "sqlstate", state,
	          "constraint", PQresultErrorField(r->rows, PG_DIAG_CONSTRAINT_NAME), NULL);
	return answer_problem(r, failure_text(state));
}

static step_result answer(struct request *r)
{
	const struct call *call = call_of(r);
	ExecStatusType status = PQresultStatus(r->rows);
	size_t rows;

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		return answer_failure(r);
	h2o_iovec_t result = result_of_rows(&r->pool, call->tool, r->rows, result_era_info(r), &rows);
	if (result.base == NULL) {
		log_event(LOG_ERROR, "a kept column is not in the result", "tool", call->tool->name, "file",
		          call->tool->file, NULL);
		return answer_problem(r, "The tool failed. Its operator has to look into it.");
	}
	end_call(r);
	if (!audit_record_call(r, "allowed", rows))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the audit log cannot be written");
	return rpc_reply(r, call->message.id, result);
}

static step_fn *const ANSWER_STEPS[] = {answer, NULL};

step_result backend_sql_run(struct request *r)
{
	const struct mcp *mcp = mcp_of(r);
	struct call *call = call_of(r);
	const struct tool *tool = call->tool;
	bool is_read = tool->tier == TIER_READ;

	/* what changes something is on record before it happens */
	if (!is_read && !audit_record_call(r, "started", 0))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the audit log cannot be written");
	struct db_param timeout = param_text(tool->timeout);
	struct db_question questions[] = {
	    {CATALOGUE_STATEMENT_TIMEOUT, &timeout, 1},
	    {tool->statement, bind_arguments(&r->pool, tool, call->arguments), tool->parameter_count},
	};
	call->is_running = true;
	r->on_departed = on_departed;
	run_steps(r, ANSWER_STEPS);
	return db_ask_all(r, is_read ? mcp->read_db : mcp->write_db, questions, 2, true);
}
