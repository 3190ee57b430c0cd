/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that change something, in one transaction: one packet there, one commit for all of them, one packet back.
 * Nobody is answered before that commit. While one such transaction is under way, those that come meanwhile gather for
 * the next one: the busier it is, the less each of them costs. Where one fails, the transaction has changed nothing,
 * and each of them is asked again alone, so that nobody can spoil the questions of others.
 *
 * They lock what they decide about in one order, so that two such transactions of two processes do not wait for each
 * other. Where one waits for something else (somebody changes many rows), options.together has told PostgreSQL to give
 * up soon, before anybody calls it a deadlock, and before those who gather behind it have waited long. */
#include <stdlib.h>
#include <string.h>

#include "db_connection.h"

enum { TOGETHER_MAX = 16, UNDER_WAY_MAX = 1, GATHERED_MAX = 256 };

struct gathered {
	struct db *db;
	h2o_linklist_t link;
	h2o_timeout_entry_t timeout;
	struct request *request;
	uint8_t order[DB_ORDER_SIZE];
	struct db_question question; /* with copies of its parameters in the request's pool */
};

static struct gathered *first_gathered(const struct db *db)
{
	return H2O_STRUCT_FROM_MEMBER(struct gathered, link, db->together.next);
}

static void gathered_leave(struct gathered *g)
{
	h2o_linklist_unlink(&g->link);
	h2o_timeout_unlink(&g->timeout);
	g->db->gathered--;
}

static void gathered_give_up(struct gathered *g)
{
	request_resume_failed(g->request, &TEMPORARILY_UNAVAILABLE,
	                      db_ready(g->db) ? "the database is busy" : "the database is not available");
}

static void gathered_on_timeout(h2o_timeout_entry_t *entry)
{
	struct gathered *g = H2O_STRUCT_FROM_MEMBER(struct gathered, timeout, entry);

	gathered_leave(g);
	gathered_give_up(g);
}

step_result db_ask_together(struct request *r, struct db *db, size_t statement, const struct db_param *params,
                            size_t count, const uint8_t order[DB_ORDER_SIZE])
{
	struct db_question question = {.statement = statement, .params = params, .count = count};
	struct gathered *g;

	if (!db_ready(db) || db->gathered == GATHERED_MAX)
		return fail(r, &TEMPORARILY_UNAVAILABLE,
		            db_ready(db) ? "the database is busy" : "the database is not available");
	g = h2o_mem_alloc_pool(&r->pool, sizeof(*g));
	*g = (struct gathered){.db = db, .timeout.cb = gathered_on_timeout, .request = r};
	memcpy(g->order, order, sizeof(g->order));
	db_question_copy(&r->pool, &question, &g->question);
	h2o_linklist_insert(&db->together, &g->link);
	h2o_timeout_link(db->loop, &db->line_timeout, &g->timeout);
	db->gathered++;
	if (db->together_under_way < UNDER_WAY_MAX && !h2o_timeout_is_linked(&db->together_soon))
		h2o_timeout_link(db->loop, &db->soon, &db->together_soon);
	r->waiting = true;
	return STEP_WAIT;
}

/* ---- a transaction ---- */

static int compare_order(const void *a, const void *b)
{
	const struct gathered *const *one = a, *const *other = b;

	return memcmp((*one)->order, (*other)->order, DB_ORDER_SIZE);
}

/* Those who have waited longest, and whose client is still there, by their order. */
static size_t take_gathered(struct db *db, struct gathered **ret, size_t max)
{
	size_t count = 0;

	while (count < max && !h2o_linklist_is_empty(&db->together)) {
		struct gathered *g = first_gathered(db);
		const struct request *r = g->request;

		gathered_leave(g);
		if (r->h2o != NULL || r->outlives_client || r->is_test)
			ret[count++] = g;
		else
			request_resume(g->request); /* nobody needs the answer */
	}
	qsort(ret, count, sizeof(*ret), compare_order);
	return count;
}

static void on_bounded(void *data, const PGresult *result)
{
	(void)data;
	(void)result;
}

static void take_place(struct connection *c, const struct question *question)
{
	c->ring[connection_place(c, c->count++)] = *question;
}

static bool send_together(struct connection *c, struct gathered **g, size_t count)
{
	const struct db_question bounds = {.statement = c->db->options.together};
	bool bounded = bounds.statement != 0;

	if (connection_is_early(c) && !connection_send_rest(c))
		return false;
	group_end(c);
	if (c->broken || (bounded && !connection_send(c, &bounds, NULL)))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!connection_send(c, &g[i]->question, g[i]->request))
			return false;
	if (PQpipelineSync(c->pg) != 1)
		return false;
	if (bounded)
		take_place(c, &(struct question){.done = on_bounded, .shares = true, .together = true});
	for (size_t i = 0; i < count; i++) {
		g[i]->request->was_sent = true;
		take_place(c, &(struct question){.request = g[i]->request,
		                                 .gathered = g[i],
		                                 .shares = true,
		                                 .together = true,
		                                 .has_sync = i + 1 == count});
	}
	c->db->together_under_way++;
	connection_flush(c);
	return true;
}

static bool send_next(struct db *db)
{
	struct gathered *taken[TOGETHER_MAX];
	struct connection *c = db_choose_connection(db, TOGETHER_MAX + 1);
	size_t count;

	if (c == NULL)
		return false;
	count = take_gathered(db, taken, TOGETHER_MAX);
	if (count == 0)
		return false;
	if (send_together(c, taken, count)) {
		db_watch(db);
		return true;
	}
	c->broken = true;
	db_connection_changed(db);
	for (size_t i = 0; i < count; i++)
		gathered_give_up(taken[i]);
	return true;
}

void together_advance(struct db *db)
{
	while (db->gathered > 0 && db->together_under_way < UNDER_WAY_MAX && send_next(db))
		;
}

void together_on_soon(h2o_timeout_entry_t *entry)
{
	together_advance(H2O_STRUCT_FROM_MEMBER(struct db, together_soon, entry));
}

void together_end(struct db *db)
{
	h2o_timeout_unlink(&db->together_soon);
	while (!h2o_linklist_is_empty(&db->together)) {
		struct gathered *g = first_gathered(db);

		gathered_leave(g);
		gathered_give_up(g);
	}
}

/* ---- its answer ---- */

static bool has_failed(const struct question *q)
{
	ExecStatusType status = PQresultStatus(q->result);

	return q->result != NULL && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK;
}

/* True if one of it failed that may do better alone, where it waits for locks as long as any other question and keeps
 * nobody else waiting: nothing of it was done. */
static bool must_part(const struct connection *c)
{
	const struct question *q;
	bool failed = false;
	unsigned n = 0;

	do {
		q = &c->ring[connection_place(c, n++)];
		failed = failed || has_failed(q);
	} while (!q->has_sync);
	return failed && n > 1;
}

static void ask_alone(struct db *db, struct question q)
{
	struct question waiting = {.request = q.request};

	PQclear(q.result);
	if (q.gathered != NULL && !db_send(db, &q.gathered->question, 1, &waiting))
		gathered_give_up(q.gathered);
}

void together_finish(struct connection *c)
{
	struct question taken[TOGETHER_MAX + 1];
	bool parts = must_part(c);
	size_t count = 0;

	do
		taken[count++] = connection_take_first(c);
	while (!taken[count - 1].has_sync);
	c->db->together_under_way--;
	together_advance(c->db); /* the next ones are under way while these are answered */
	for (size_t i = 0; i < count; i++) {
		if (parts)
			ask_alone(c->db, taken[i]);
		else
			question_finish(c, taken[i]);
	}
}
