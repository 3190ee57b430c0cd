/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that only read and are asked in one turn of the loop go up to one Sync: one packet there, one transaction,
 * one packet back and one wake-up for all of them. libpq 15 writes at every Sync, and PostgreSQL answers at every one.
 */
#include "db_connection.h"

enum { GROUP_MAX = 8 }; /* so that one connection's process does not do what several could do at a time */

void group_end(struct connection *c)
{
	if (c->grouped == 0)
		return;
	h2o_timeout_unlink(&c->group_end);
	c->grouped = 0;
	c->ring[connection_place(c, c->count - 1)].has_sync = true;
	if (PQpipelineSync(c->pg) != 1)
		c->broken = true;
	else
		connection_flush(c);
	if (c->broken)
		db_connection_changed(c->db);
}

void group_on_end(h2o_timeout_entry_t *entry)
{
	group_end(H2O_STRUCT_FROM_MEMBER(struct connection, group_end, entry));
}

bool group_may_have(const struct db *db, const struct db_question *questions, size_t count,
                    const struct question *waiting)
{
	return db->options.reads != NULL && count == 1 && !waiting->tolerate &&
	       db->options.reads(questions[0].statement);
}

bool group_has_place(const struct connection *c, const struct db_question *questions, size_t count,
                     const struct question *waiting)
{
	return c->grouped > 0 && c->count < c->db->options.in_flight && connection_usable(c) &&
	       group_may_have(c->db, questions, count, waiting);
}

void group_take(struct connection *c, const struct question *waiting, bool shares)
{
	struct question *question = &c->ring[connection_place(c, c->count++)];

	*question = *waiting;
	question->shares = shares;
	question->has_sync = !shares;
	if (!shares)
		return;
	if (c->grouped++ == 0)
		h2o_timeout_link(c->db->loop, &c->db->soon, &c->group_end);
	if (c->grouped == GROUP_MAX)
		group_end(c);
}

/* The questions up to a Sync, each of which may lead to a loss of the connection or to more questions. */
void group_finish(struct connection *c)
{
	bool was_last = false;

	c->taken = 0;
	if (c->count > 0 && c->ring[c->first].together) {
		together_finish(c);
		return;
	}
	while (!was_last && c->count > 0) {
		was_last = c->ring[c->first].has_sync;
		connection_finish_first(c);
	}
}

/* The NULL behind a statement's result: what comes next belongs to the next one of the group. */
void group_end_answer(struct connection *c)
{
	const struct question *q = &c->ring[connection_place(c, c->taken)];

	if (c->state == CONNECTION_OPEN && q->shares && !q->has_sync && q->result != NULL && c->taken + 1 < c->count)
		c->taken++;
}
