/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/databases.h"

#include <stdlib.h>
#include <string.h>

enum { CALLS_WAITING_MAX = 256 };

/* Each connection prepares what it is asked: one statement that is wrong fails its own calls only, and to prepare ten
 * thousand takes a second, and a hundred megabytes of PostgreSQL. */
static struct db *open_one(h2o_loop_t *loop, const char *name, const struct mcp_database *database,
                           const struct db_statement *statements, size_t count)
{
	struct db_options options = {
	    .name = name,
	    .conninfo = database->conninfo,
	    .statements = statements,
	    .statement_count = count,
	    .connections = database->connections,
	    .in_flight = 1, /* a statement may be slow: none waits behind it */
	    .early = CATALOGUE_FIRST,
	    .on_demand = true,
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

struct databases *databases_open(h2o_loop_t *loop, const struct catalogue *c, const struct mcp_settings *settings,
                                 struct databases **all)
{
	struct databases *databases = h2o_mem_alloc(sizeof(*databases));

	*databases = (struct databases){
	    .read = open_one(loop, "tools-read", &settings->read, c->read_statements, c->read_count),
	    .write = open_one(loop, "tools-write", &settings->write, c->write_statements, c->write_count),
	    .analyst = c->has_queries ? open_analyst(loop, &settings->analyst) : NULL,
	    .references = 1,
	    .next = *all,
	};
	*all = databases;
	return databases;
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
		return databases_open(loop, c, settings, all);
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
