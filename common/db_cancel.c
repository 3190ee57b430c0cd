/* SPDX-License-Identifier: Apache-2.0 */
/* Stops a statement under way: pg_cancel_backend() on one more connection of the same role. libpq 15 has only
 * PQcancel(), which blocks and sends the key of the cancellation in the clear even where the connection has TLS. */
#include "db_connection.h"

#include <stdio.h>
#include <string.h>

static const struct db_statement STATEMENTS[] = {{"cancel", "select pg_catalog.pg_cancel_backend($1)"}};

void db_cancel_open(struct db *db, unsigned delay_ms)
{
	char name[128];

	if (!db->options.cancels)
		return;
	snprintf(name, sizeof(name), "%s-cancel", db->options.name);
	struct db_options options = {
	    .name = name,
	    .conninfo = db->options.conninfo,
	    .statements = STATEMENTS,
	    .statement_count = 1,
	    .connections = 1,
	};
	db->canceller = db_open_after(db->loop, &options, delay_ms);
}

static struct connection *connection_of(struct db *db, const struct request *r)
{
	for (size_t i = 0; i < db->options.connections; i++) {
		struct connection *c = &db->connections[i];

		for (unsigned n = 0; n < c->count; n++)
			if (c->ring[connection_place(c, n)].request == r)
				return c;
	}
	return NULL;
}

/* PostgreSQL has sent its signal: from now on it cannot meet the next statement any more. */
static void on_cancelled(void *data, const PGresult *result)
{
	struct connection *c = data;

	c->cancelling = false;
	if (result == NULL || PQresultStatus(result) != PGRES_TUPLES_OK)
		db_report(c->db, LOG_WARNING, "a statement cannot be cancelled", NULL, NULL, NULL);
	db_line_advance(c->db);
}

void db_cancel(struct db *db, const struct request *r)
{
	char pid[12];

	if (!db->options.cancels || db->options.in_flight != 1)
		h2o_fatal("a database that cancels nothing, or more than it should");
	if (db_line_cancel(db, r))
		return;
	struct connection *c = connection_of(db, r);
	if (c == NULL || c->cancelling || c->state != CONNECTION_OPEN || c->broken)
		return;
	snprintf(pid, sizeof(pid), "%d", PQbackendPID(c->pg));
	struct db_param param = param_text(pid);
	c->cancelling = db_ask_background(db->canceller, 0, &param, 1, on_cancelled, c);
}

bool db_give_up(struct db *db, const struct request *r)
{
	struct connection *c = connection_of(db, r);

	if (c == NULL)
		return false;
	connection_lose(c, "a cancelled statement does not end");
	return true;
}
