/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/databases.h"

#include <stdlib.h>
#include <string.h>

enum {
	CALLS_WAITING_MAX = 256,
	PREPARED_MAX = 500, /* of more statements than these, each connection prepares what it is asked: to prepare all
	                       takes a second, and a hundred megabytes of PostgreSQL */
};

static struct db *open_one(h2o_loop_t *loop, const char *name, const struct mcp_database *database,
                           const struct db_statement *statements, size_t count, size_t early)
{
	struct db_options options = {
	    .name = name,
	    .conninfo = database->conninfo,
	    .statements = statements,
	    .statement_count = count,
	    .connections = database->connections,
	    .in_flight = 1, /* a statement may be slow: none waits behind it */
	    .early = count > PREPARED_MAX ? CATALOGUE_FIRST : early,
	    .on_demand = count > PREPARED_MAX,
	    .line = CALLS_WAITING_MAX,
	    .shared = true,
	    .cancels = true,
	};

	/* the first statements set the bounds of a call: with them alone there is nothing to ask */
	return count > CATALOGUE_FIRST ? db_open(loop, &options) : NULL;
}

/* Nothing is prepared: what callers ask is known when they ask it. Whatever it left behind goes before the next one. */
static struct db *open_analyst(h2o_loop_t *loop, const struct mcp_database *database)
{
	static const char *const AFTERWARDS[] = {"rollback", "discard all", NULL};
	struct db_options options = {
	    .name = "tools-analyst",
	    .conninfo = database->conninfo,
	    .connections = database->connections,
	    .in_flight = 1,
	    .line = CALLS_WAITING_MAX,
	    .shared = true,
	    .cancels = true,
	    .afterwards = AFTERWARDS,
	};

	return db_open(loop, &options);
}

static struct databases *open_all(h2o_loop_t *loop, const struct catalogue *c, const struct mcp_settings *settings,
                                  struct databases **all, size_t early)
{
	struct databases *databases = h2o_mem_alloc(sizeof(*databases));

	*databases = (struct databases){
	    .read = open_one(loop, "tools-read", &settings->read, c->read_statements, c->read_count, early),
	    .write = open_one(loop, "tools-write", &settings->write, c->write_statements, c->write_count, early),
	    .analyst = c->has_queries ? open_analyst(loop, &settings->analyst) : NULL,
	    .references = 1,
	    .next = *all,
	};
	*all = databases;
	return databases;
}

/* At the start, whoever comes first needs the bounds of a call and her own statement only. */
struct databases *databases_open(h2o_loop_t *loop, const struct catalogue *c, const struct mcp_settings *settings,
                                 struct databases **all)
{
	return open_all(loop, c, settings, all, CATALOGUE_FIRST);
}

static bool same_statements(const struct db_statement *a, size_t a_count, const struct db_statement *b, size_t b_count)
{
	for (size_t i = 0; i < a_count && i < b_count; i++)
		if (strcmp(a[i].sql, b[i].sql) != 0)
			return false;
	return a_count == b_count;
}

struct databases *databases_open_like(const struct catalogue *before, h2o_loop_t *loop, const struct catalogue *c,
                                      const struct mcp_settings *settings, struct databases **all)
{
	if (before->has_queries != c->has_queries ||
	    !same_statements(before->read_statements, before->read_count, c->read_statements, c->read_count) ||
	    !same_statements(before->write_statements, before->write_count, c->write_statements, c->write_count))
		return open_all(loop, c, settings, all, 0); /* one that cannot be prepared refuses them all */
	before->databases->references++;
	return before->databases;
}

void databases_retire(struct databases *databases)
{
	databases->references--;
}

static void close_all(struct databases *databases)
{
	if (databases->read != NULL)
		db_close(databases->read);
	if (databases->write != NULL)
		db_close(databases->write);
	if (databases->analyst != NULL)
		db_close(databases->analyst);
	databases->read = databases->write = databases->analyst = NULL;
}

void databases_close(struct databases **all)
{
	for (struct databases **at = all, *databases; (databases = *at) != NULL;) {
		if (databases->references > 0) {
			at = &databases->next;
			continue;
		}
		*at = databases->next;
		close_all(databases);
		free(databases);
	}
}

void databases_end(struct databases *all)
{
	for (struct databases *databases = all; databases != NULL; databases = databases->next)
		close_all(databases);
}

bool databases_ready(const struct databases *databases)
{
	return (databases->read == NULL || db_ready(databases->read)) &&
	       (databases->write == NULL || db_ready(databases->write)) &&
	       (databases->analyst == NULL || db_ready(databases->analyst));
}

/* By its place among those that are prepared in the same role. */
static const struct catalogue_statement *find_statement(const struct catalogue *c, bool write, size_t number)
{
	size_t n = CATALOGUE_FIRST;

	for (size_t i = 0; i < c->statement_count; i++)
		if (c->statements[i].write == write && n++ == number)
			return &c->statements[i];
	return NULL;
}

static const char *refusal_of(h2o_mem_pool_t *pool, const struct db *db, const struct catalogue *c, bool write)
{
	const struct db_statement *all = write ? c->write_statements : c->read_statements;
	size_t count = write ? c->write_count : c->read_count, number = 0;
	const char *why;
	const struct db_statement *refused = db != NULL ? db_refused(db, &why) : NULL;

	if (refused == NULL)
		return NULL;
	while (number < count && strcmp(all[number].name, refused->name) != 0)
		number++;
	const struct catalogue_statement *statement = find_statement(c, write, number);
	return statement != NULL ? text_printf(pool, "%s: %s: %s", statement->file, statement->place, why)
	                         : text_copy(pool, text_of(why));
}

const char *databases_refusal(h2o_mem_pool_t *pool, const struct databases *databases,
                              const struct catalogue *catalogue)
{
	const char *refusal = refusal_of(pool, databases->read, catalogue, false);

	return refusal != NULL ? refusal : refusal_of(pool, databases->write, catalogue, true);
}
