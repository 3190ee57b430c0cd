/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that are prepared along with the first question that asks them (db_options.on_demand): in front of it, up
 * to the same Sync, so they cost no round trip of their own. One that was prepared stays so whatever becomes of the
 * transaction. */
#include "db_connection.h"

#include <stdlib.h>
#include <string.h>

void demand_begin(struct connection *c)
{
	const size_t size = c->db->options.statement_count / 8 + 1;

	c->pending_count = c->pending_taken = 0;
	if (!c->db->options.on_demand)
		return;
	c->known = h2o_mem_realloc(c->known, size);
	memset(c->known, 0, size);
}

static bool is_prepared(const struct connection *c, size_t statement)
{
	for (size_t i = 0; i < c->pending_count; i++)
		if (c->pending[i] == statement)
			return true;
	return statement < c->sent || (c->known[statement / 8] >> statement % 8 & 1) != 0;
}

bool demand_send(struct connection *c, const struct db_question *questions, size_t count)
{
	const struct db_options *options = &c->db->options;

	c->pending_count = c->pending_taken = 0;
	for (size_t i = 0; i < count; i++) {
		const struct db_statement *s = &options->statements[questions[i].statement];
		if (questions[i].sql != NULL)
			continue;
		if (questions[i].statement >= options->statement_count)
			h2o_fatal("a question names no statement");
		if (is_prepared(c, questions[i].statement))
			continue;
		if (c->pending_count == DEMAND_MAX)
			h2o_fatal("a question has too many new statements");
		c->pending[c->pending_count++] = questions[i].statement;
		if (PQsendPrepare(c->pg, s->name, s->sql, 0, NULL) != 1) {
			c->broken = true;
			db_connection_changed(c->db);
			return false;
		}
	}
	return true;
}

bool demand_take(struct connection *c, PGresult *result)
{
	if (c->pending_taken == c->pending_count)
		return false;
	if (PQresultStatus(result) != PGRES_COMMAND_OK) { /* this is the question's answer, and the rest is aborted */
		c->pending_count = c->pending_taken = 0;
		return false;
	}
	size_t statement = c->pending[c->pending_taken++];
	c->known[statement / 8] |= (uint8_t)(1U << statement % 8);
	PQclear(result);
	return true;
}
