/* SPDX-License-Identifier: Apache-2.0 */
/* A statement of the caller, checked (sql_guard.h), in a transaction that only reads and that is always rolled back, in
 * a session that then forgets everything (databases.c). */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "mcp/backend/backends.h"
#include "mcp/catalogue/databases.h"
#include "mcp/backend/sql/sql_claims.h"
#include "mcp/backend/sql/sql_failure.h"
#include "mcp/backend/sql/sql_table.h"
#include "mcp/policy/view.h"

static const char BEGIN[] = "begin transaction read only";
/* What the role's own settings may say otherwise: how the text is read, what its names mean, and what it may take. */
static const char BOUNDS[] =
    "select pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('sallyport.claims', $2, true),"
    " pg_catalog.set_config('sallyport.proof', $3, true), pg_catalog.set_config('search_path', $4, true),"
    " pg_catalog.set_config('standard_conforming_strings', 'on', true), pg_catalog.set_config('row_security', 'on',"
    " true), pg_catalog.set_config('max_parallel_workers_per_gather', '0', true), pg_catalog.set_config('jit', 'off',"
    " true)";
/* What comes behind it is not parsed where it names a relation that the role may not read: errors about the columns of
 * a relation would tell of it. Nor where it names a type that is not there or has such columns, or could call what it
 * may not call (sql_guard.h). There are no such settings, which ends the transaction. */
#define UNSEEN "sallyport_unseen_relation"
#define UNSEEN_TYPE "sallyport_unseen_type"
#define UNLISTED "sallyport_unlisted_function"
#define NOT_READABLE                                                                                                   \
	"exists (select from pg_catalog.unnest($1::pg_catalog.text[]) as r where not coalesce("                        \
	"pg_catalog.has_any_column_privilege(pg_catalog.to_regclass(r)::pg_catalog.oid, 'SELECT'), false))"
/* Neither a row, nor made of rows: of element or base type `e`. */
#define SIMPLE_TYPE                                                                                                    \
	"(t.typrelid = 0 and t.typtype in ('b', 'd', 'e') and not exists (select from pg_catalog.pg_type as e where "  \
	"e.oid in (t.typelem, t.typbasetype) and (e.typtype not in ('b', 'e') or e.typelem <> 0 or e.typrelid <> 0)))"
#define NO_TYPE                                                                                                        \
	"exists (select from pg_catalog.unnest($2::pg_catalog.text[]) as n where not exists (select from "             \
	"pg_catalog.pg_type as t where t.oid = pg_catalog.to_regtype(n)::pg_catalog.oid and " SIMPLE_TYPE "))"
#define FUNCTIONS_OF                                                                                                   \
	"exists (select from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace "     \
	"where n.nspname::pg_catalog.text || '.' || p.proname::pg_catalog.text <> all ($6::pg_catalog.text[]) and "
#define OVERLOADED                                                                                                     \
	FUNCTIONS_OF "n.nspname::pg_catalog.text = any ($3::pg_catalog.text[]) and n.nspname <> 'pg_catalog' and "     \
		     "p.proname = any ($4::pg_catalog.name[]))"
#define OF_SCHEMAS "(n.nspname = 'pg_catalog' or n.nspname::pg_catalog.text = any ($3::pg_catalog.text[]))"
#define FIELD_FUNCTION                                                                                                 \
	FUNCTIONS_OF OF_SCHEMAS " and p.proname = any ($5::pg_catalog.name[]) and p.pronargs > 0 and "                 \
				"(p.pronargs - p.pronargdefaults <= 1 or p.provariadic <> 0))"
#define FIELD_TYPE                                                                                                     \
	"exists (select from pg_catalog.pg_type as t join pg_catalog.pg_namespace as n on n.oid = t.typnamespace "     \
	"where " OF_SCHEMAS " and t.typname = any ($5::pg_catalog.name[]) and t.typrelid = 0 and "                     \
	"(n.nspname = 'pg_catalog' or not " SIMPLE_TYPE "))"
static const char NAMES[] =
    "select case when " NOT_READABLE " then pg_catalog.set_config('" UNSEEN "', '', true) when " NO_TYPE
    " then pg_catalog.set_config('" UNSEEN_TYPE "', '', true) when " OVERLOADED " or " FIELD_FUNCTION " or " FIELD_TYPE
    " then pg_catalog.set_config('" UNLISTED "', '', true) end";

enum { PROTOCOL_ALLOWANCE = 4, KEPT_LEAST = 64 * 1024 };

struct work {
	struct sql_guarded guarded;
	struct sql_table table;
};

/* ---- failures ---- */

/* NULL: the error is none of names that may not be used. */
static const char *words_of_names(const char *state, const char *message)
{
	bool setting = strcmp(state, "42704") == 0;

	if (setting && strstr(message, UNLISTED) != NULL)
		return "The query has a name that the database could take for a function that it may not call. For a "
		       "column of such a name, write it without the relation's name before it; for a built-in function "
		       "that one of the schemas has too, write pg_catalog. before it.";
	if (setting && strstr(message, UNSEEN_TYPE) != NULL)
		return "The query names a type that does not exist or that may not be used.";
	if (strcmp(state, "42501") == 0 || strcmp(state, "3F000") == 0 || (setting && strstr(message, UNSEEN) != NULL))
		return "The query names a relation that does not exist or that may not be read.";
	return NULL;
}

/* Where in the caller's own text the error is, counted from 1; 0: it is not of the text, but of data or of what lies
 * behind a view or a function, whose words are not the caller's to know. */
static long position_of(const struct work *work, const PGresult *rows)
{
	const char *position = PQresultErrorField(rows, PG_DIAG_STATEMENT_POSITION);
	bool inside = PQresultErrorField(rows, PG_DIAG_CONTEXT) != NULL ||
	              PQresultErrorField(rows, PG_DIAG_INTERNAL_QUERY) != NULL;
	long at = position != NULL && !inside ? strtol(position, NULL, 10) : 0;

	at -= (long)work->table.characters_before;
	if (at < 1 || at > (long)text_code_points(work->guarded.text) + 1)
		return 0;
	return at + (long)work->guarded.characters;
}

static const char *failure_words(struct request *r, const char *state, const char *message)
{
	static const struct {
		const char *state, *text;
	} WORDS[] = {
	    {"22012", "The query divides by zero."},
	    {"22", "A value in the query or in the data is not of the form that it needs, or out of range."},
	    {"21", "A sub-query in the place of a value gives more than one row."},
	    {"54", "The query is too complex."},
	};

	if (words_of_names(state, message) != NULL)
		return words_of_names(state, message);
	for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
		if (strncmp(state, WORDS[i].state, strlen(WORDS[i].state)) == 0)
			return WORDS[i].text;
	return sql_failure_text(r, state);
}

static step_result answer_failure(struct request *r)
{
	const struct work *work = call_of(r)->work;
	const char *state = PQresultErrorField(r->rows, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(r->rows, PG_DIAG_MESSAGE_PRIMARY);
	long position = position_of(work, r->rows);

	state = state != NULL ? state : "";
	message = message != NULL ? message : "";
	log_event(LOG_INFO, "a query failed", "request", r->id, "tool", call_of(r)->item->name, "sqlstate", state,
	          NULL);
	if (position > 0 && words_of_names(state, message) == NULL)
		return answer_problem(
		    r, text_printf(&r->pool, "The query is wrong: %s (at character %ld).", message, position));
	return answer_problem(r, failure_words(r, state, message));
}

/* ---- the run ---- */

static step_result answer(struct request *r)
{
	const struct sql_given given = {.rows = r->rows, .cut = r->rows_are_cut};
	struct outcome outcome;

	if (call_of(r)->running.end != RUNNING_ON)
		return answer_cancelled(r, EFFECT_NONE);
	if (PQresultStatus(r->rows) != PGRES_TUPLES_OK)
		return answer_failure(r);
	sql_table_outcome(&r->pool, call_of(r)->plan, &given, &outcome);
	return answer_outcome(r, &outcome);
}

static step_fn *const ANSWER_STEPS[] = {answer, NULL};

static struct db *database_of(struct request *r)
{
	return view_of(r)->catalogue->databases->analyst;
}

static void cancel(struct request *r)
{
	db_cancel(database_of(r), r);
}

static void give_up(struct request *r)
{
	db_give_up(database_of(r), r);
}

static size_t count_of(const char *const *texts)
{
	size_t count = 0;

	while (texts[count] != NULL)
		count++;
	return count;
}

static step_result ask(struct request *r, const struct sql_query_plan *plan, const struct work *work)
{
	struct db_param bounds[] = {param_text(plan->timeout), param_text(NULL), param_text(NULL),
	                            param_text(plan->search_path)};
	const struct sql_guarded *guarded = &work->guarded;
	struct db_param names[] = {
	    param_text_array(&r->pool, guarded->relations, guarded->relation_count),
	    param_text_array(&r->pool, guarded->types.texts, guarded->types.count),
	    param_text_array(&r->pool, (const char **)plan->rules.schemas, count_of(plan->rules.schemas)),
	    param_text_array(&r->pool, guarded->called.texts, guarded->called.count),
	    param_text_array(&r->pool, guarded->fields.texts, guarded->fields.count),
	    param_text_array(&r->pool, (const char **)plan->rules.functions, count_of(plan->rules.functions)),
	};
	struct db_question questions[] = {
	    {.sql = BEGIN},
	    {.sql = BOUNDS, .params = bounds, .count = 4, .bind = plan->claims ? sql_claims_bind : NULL},
	    {.sql = NAMES, .params = names, .count = sizeof(names) / sizeof(names[0])},
	    {.sql = work->table.sql},
	};

	run_steps(r, ANSWER_STEPS); /* when the answer is there */
	return db_ask_bounded(r, database_of(r), questions, sizeof(questions) / sizeof(questions[0]),
	                      plan->bytes * PROTOCOL_ALLOWANCE + KEPT_LEAST, true);
}

static step_result run(struct request *r)
{
	const struct sql_query_plan *plan = call_of(r)->plan;
	struct work *work = h2o_mem_alloc_pool(&r->pool, sizeof(*work));
	const char *problem = sql_guard_check(&r->pool, &plan->rules,
	                                      json_get_text(call_of(r)->arguments, plan->argument), &work->guarded);

	if (problem != NULL)
		return answer_problem(r, problem);
	work->table = sql_table_of(&r->pool, plan, work->guarded.text);
	call_of(r)->work = work;
	return ask(r, plan, work);
}

const struct backend BACKEND_SQL_QUERY = {
    .name = "sql_query",
    .schema = SQL_QUERY_SCHEMA,
    .kinds = 1 << ITEM_TOOL,
    .load = sql_query_load,
    .run = run,
    .cancel = cancel,
    .give_up = give_up,
};
