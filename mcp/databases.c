/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/databases.h"

#include <stdlib.h>
#include <string.h>

enum { CALLS_WAITING_MAX = 256 };

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
	    .early = early,
	    .line = CALLS_WAITING_MAX,
	    .cancels = true,
	};

	/* the first statement sets the bounds of a call: with it alone there is nothing to ask */
	return count > 1 ? db_open(loop, &options) : NULL;
}

static struct databases *open_both(h2o_loop_t *loop, const struct catalogue *c, const struct mcp_settings *settings,
                                   struct databases **retired, size_t early)
{
	struct databases *databases = h2o_mem_alloc(sizeof(*databases));

	*databases = (struct databases){
	    .read = open_one(loop, "tools-read", &settings->read, c->read_statements, c->read_count, early),
	    .write = open_one(loop, "tools-write", &settings->write, c->write_statements, c->write_count, early),
	    .references = 1,
	    .retired = retired,
	};
	return databases;
}

/* At the start, whoever comes first needs the bounds of a call and her own statement only. */
struct databases *databases_open(h2o_loop_t *loop, const struct catalogue *c, const struct mcp_settings *settings,
                                 struct databases **retired)
{
	return open_both(loop, c, settings, retired, 1);
}

static bool same_statements(const struct db_statement *a, size_t a_count, const struct db_statement *b, size_t b_count)
{
	for (size_t i = 0; i < a_count && i < b_count; i++)
		if (strcmp(a[i].sql, b[i].sql) != 0)
			return false;
	return a_count == b_count;
}

struct databases *databases_open_like(const struct catalogue *before, h2o_loop_t *loop, const struct catalogue *c,
                                      const struct mcp_settings *settings, struct databases **retired)
{
	if (!same_statements(before->read_statements, before->read_count, c->read_statements, c->read_count) ||
	    !same_statements(before->write_statements, before->write_count, c->write_statements, c->write_count))
		return open_both(loop, c, settings, retired, 0); /* one that cannot be prepared refuses them all */
	before->databases->references++;
	return before->databases;
}

void databases_retire(struct databases *databases)
{
	if (--databases->references > 0)
		return;
	databases->next = *databases->retired;
	*databases->retired = databases;
}

void databases_close(struct databases **retired)
{
	struct databases *databases;

	while ((databases = *retired) != NULL) {
		*retired = databases->next;
		if (databases->read != NULL)
			db_close(databases->read);
		if (databases->write != NULL)
			db_close(databases->write);
		free(databases);
	}
}

bool databases_ready(const struct databases *databases)
{
	return (databases->read == NULL || db_ready(databases->read)) &&
	       (databases->write == NULL || db_ready(databases->write));
}
