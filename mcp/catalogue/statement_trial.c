/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/statement_trial.h"

#include <stdlib.h>
#include <string.h>

enum { AHEAD = 32 /* questions under way on a connection */ };

struct role { /* in which some of the statements run */
	struct statement_trial *trial;
	struct db *db; /* NULL: none does */
	bool write;
	size_t next; /* statement that was not asked yet */
	size_t under_way;
	bool broke; /* it begins anew, once nothing is under way */
};

struct asked { /* a statement that is under way */
	struct role *role;
	size_t statement;
};

struct statement_trial {
	const struct catalogue *catalogue;
	h2o_mem_pool_t pool;
	struct role roles[2];
	struct asked *asked;   /* by statement */
	const char **problems; /* by statement; NULL: nothing is wrong with it, or it is not known yet */
	size_t asked_count;    /* also those that were asked again */
	bool closing;
};

static bool has_column(const PGresult *described, const char *name)
{
	for (int i = 0; i < PQnfields(described); i++)
		if (strcmp(PQfname(described, i), name) == 0)
			return true;
	return false;
}

const char *statement_lacks_column(h2o_mem_pool_t *pool, const struct catalogue_statement *statement,
                                   const PGresult *described)
{
	for (size_t i = 0; i < statement->column_count && PQnfields(described) > 0; i++)
		if (!has_column(described, statement->columns[i]))
			return text_printf(pool, "/result/columns/%zu: the statement gives no column %s", i,
			                   statement->columns[i]);
	return NULL;
}

/* Class 40, 55P03, 57014: what another try may not meet. (PostgreSQL, appendix A) */
static bool may_pass(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state == NULL || strncmp(state, "40", 2) == 0 || strncmp(state, "55", 2) == 0 ||
	       strncmp(state, "57", 2) == 0;
}

static const char *problem_of(struct statement_trial *trial, const struct catalogue_statement *statement,
                              const PGresult *result)
{
	const char *why = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *problem = PQresultStatus(result) == PGRES_FATAL_ERROR
	                          ? text_printf(&trial->pool, "%s: %s", statement->place, why != NULL ? why : "")
	                          : statement_lacks_column(&trial->pool, statement, result);

	return problem != NULL ? text_printf(&trial->pool, "%s: %s", statement->file, problem) : NULL;
}

static void ask_on(struct role *role);

static void on_described(void *data, const PGresult *result)
{
	const struct asked *asked = data;
	struct role *role = asked->role;
	struct statement_trial *trial = role->trial;

	role->under_way--;
	if (trial->closing)
		return;
	if (result == NULL || (PQresultStatus(result) == PGRES_FATAL_ERROR && may_pass(result))) {
		role->broke = true;
		return;
	}
	trial->problems[asked->statement] = problem_of(trial, &trial->catalogue->statements[asked->statement], result);
	ask_on(role);
}

static void ask_on(struct role *role)
{
	struct statement_trial *trial = role->trial;
	const struct catalogue *c = trial->catalogue;

	while (!role->broke && role->next < c->statement_count && role->under_way < AHEAD) {
		size_t number = role->next;
		if (c->statements[number].write == role->write) {
			trial->asked[number] = (struct asked){role, number};
			if (!db_describe_background(role->db, c->statements[number].sql, on_described,
			                            &trial->asked[number]))
				return;
			role->under_way++;
			trial->asked_count++;
		}
		role->next++;
	}
}

static size_t count_of(const struct catalogue *c, bool write)
{
	return (write ? c->write_count : c->read_count) - CATALOGUE_FIRST;
}

static void open_role(struct statement_trial *trial, h2o_loop_t *loop, bool write, const struct mcp_database *database)
{
	struct role *role = &trial->roles[write];
	struct db_options options = {
	    .name = write ? "tools-write-trial" : "tools-read-trial",
	    .conninfo = database->conninfo,
	    .connections = 1,
	    .in_flight = AHEAD,
	};

	*role = (struct role){.trial = trial, .write = write};
	if (count_of(trial->catalogue, write) > 0)
		role->db = db_open(loop, &options);
}

static bool same_statement(const struct catalogue_statement *a, const struct catalogue_statement *b)
{
	bool same = a->write == b->write && a->column_count == b->column_count && strcmp(a->sql, b->sql) == 0;

	for (size_t i = 0; same && i < a->column_count; i++)
		same = strcmp(a->columns[i], b->columns[i]) == 0;
	return same;
}

static bool same_statements(const struct catalogue *a, const struct catalogue *b)
{
	bool same = a->statement_count == b->statement_count;

	for (size_t i = 0; same && i < a->statement_count; i++)
		same = same_statement(&a->statements[i], &b->statements[i]);
	return same;
}

struct statement_trial *statement_trial_open(h2o_loop_t *loop, const struct catalogue *before,
                                             const struct catalogue *catalogue, const struct mcp_settings *settings)
{
	struct statement_trial *trial = h2o_mem_alloc(sizeof(*trial));
	size_t count = catalogue->statement_count + 1;

	*trial = (struct statement_trial){.catalogue = catalogue};
	h2o_mem_init_pool(&trial->pool);
	trial->asked = h2o_mem_alloc_pool(&trial->pool, count * sizeof(*trial->asked));
	trial->problems = h2o_mem_alloc_pool(&trial->pool, count * sizeof(*trial->problems));
	memset(trial->problems, 0, count * sizeof(*trial->problems));
	if (before != NULL && same_statements(before, catalogue))
		return trial;
	open_role(trial, loop, false, &settings->read);
	open_role(trial, loop, true, &settings->write);
	return trial;
}

void statement_trial_close(struct statement_trial *trial)
{
	trial->closing = true;
	for (size_t i = 0; i < 2; i++)
		if (trial->roles[i].db != NULL)
			db_close(trial->roles[i].db);
	h2o_mem_clear_pool(&trial->pool);
	free(trial);
}

static void begin_anew(struct role *role)
{
	struct statement_trial *trial = role->trial;

	for (size_t i = 0; i < trial->catalogue->statement_count; i++)
		if (trial->catalogue->statements[i].write == role->write)
			trial->problems[i] = NULL;
	role->next = 0;
	role->broke = false;
}

static bool is_through(const struct role *role)
{
	return role->db == NULL ||
	       (role->next == role->trial->catalogue->statement_count && role->under_way == 0 && !role->broke);
}

bool statement_trial_goes_on(struct statement_trial *trial)
{
	for (size_t i = 0; i < 2; i++) {
		struct role *role = &trial->roles[i];
		if (is_through(role))
			continue;
		if (role->broke && role->under_way == 0)
			begin_anew(role);
		ask_on(role);
	}
	return is_through(&trial->roles[0]) && is_through(&trial->roles[1]);
}

size_t statement_trial_asked(const struct statement_trial *trial)
{
	return trial->asked_count;
}

const char *statement_trial_problem(const struct statement_trial *trial, size_t number)
{
	for (size_t i = 0; i < trial->catalogue->statement_count; i++)
		if (trial->problems[i] != NULL && number-- == 0)
			return trial->problems[i];
	return NULL;
}
