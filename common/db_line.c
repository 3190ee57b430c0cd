/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that wait for a free place on a connection: first come, first served, and none for long. */
#include <string.h>

#include "db_connection.h"

struct waiting_question {
	struct db *db;
	h2o_linklist_t link;
	h2o_timeout_entry_t timeout;
	struct question question;
	bool cancelled;
	size_t count;
	struct db_question questions[]; /* with copies of their parameters in the request's pool */
};

/* Whose part of the line it is. */
static uint64_t share_of(const struct db *db, const struct request *r)
{
	return db->options.shared ? r->share : 0;
}

static void leave(struct waiting_question *w)
{
	h2o_linklist_unlink(&w->link);
	h2o_timeout_unlink(&w->timeout);
	shares_give_back(&w->db->line_places, share_of(w->db, w->question.request));
}

static void on_timeout(h2o_timeout_entry_t *entry)
{
	struct waiting_question *w = H2O_STRUCT_FROM_MEMBER(struct waiting_question, timeout, entry);

	leave(w);
	request_resume_failed(w->question.request, &TEMPORARILY_UNAVAILABLE,
	                      w->cancelled ? "the question was cancelled" : "the database is busy");
}

static const struct db_param *copy_params(h2o_mem_pool_t *pool, const struct db_question *q)
{
	struct db_param *params = h2o_mem_alloc_pool(pool, sizeof(*params) * (q->count + 1));

	for (size_t i = 0; i < q->count; i++) {
		const struct db_param *p = &q->params[i];
		size_t len = p->format == 1 ? (size_t)p->length : p->value != NULL ? strlen(p->value) : 0;

		params[i] = *p;
		if (p->value != NULL)
			params[i].value = text_copy(pool, h2o_iovec_init(p->value, len));
	}
	return params;
}

void db_question_copy(h2o_mem_pool_t *pool, const struct db_question *from, struct db_question *to)
{
	*to = *from;
	to->params = copy_params(pool, from);
	if (from->sql != NULL)
		to->sql = text_copy(pool, text_of(from->sql));
}

bool db_line_join(struct db *db, const struct db_question *questions, size_t count, const struct question *waiting)
{
	struct request *r = waiting->request;
	struct waiting_question *w;

	if (!shares_may_take(&db->line_places, share_of(db, r), db->options.line) || !db_ready(db))
		return false;
	w = h2o_mem_alloc_pool(&r->pool, sizeof(*w) + sizeof(w->questions[0]) * count);
	memset(w, 0, sizeof(*w));
	w->db = db;
	w->question = *waiting;
	w->count = count;
	w->timeout.cb = on_timeout;
	for (size_t i = 0; i < count; i++)
		db_question_copy(&r->pool, &questions[i], &w->questions[i]);
	h2o_linklist_insert(&db->line, &w->link);
	h2o_timeout_link(db->loop, &db->line_timeout, &w->timeout);
	shares_take(&db->line_places, share_of(db, r));
	return true;
}

/* Who has waited longest of those who may have a place now; NULL: nobody may. */
static struct waiting_question *next_in_line(struct db *db)
{
	for (h2o_linklist_t *n = db->line.next; n != &db->line; n = n->next) {
		struct waiting_question *w = H2O_STRUCT_FROM_MEMBER(struct waiting_question, link, n);

		if (db_has_place(db, w->question.request))
			return w;
		if (!db->options.shared)
			return NULL; /* so it is for all of them */
	}
	return NULL;
}

void db_line_advance(struct db *db)
{
	struct waiting_question *w;

	while ((w = next_in_line(db)) != NULL) {
		struct request *r = w->question.request;
		struct question question = w->question;

		leave(w);
		r->was_sent = !w->cancelled && (r->h2o != NULL || r->outlives_client || r->is_test);
		if (w->cancelled)
			request_resume_failed(r, &TEMPORARILY_UNAVAILABLE, "the question was cancelled");
		else if (!r->was_sent)
			request_resume(r); /* its client has left: nobody needs the answer */
		else if (!db_send(db, w->questions, w->count, &question))
			request_resume_failed(r, &TEMPORARILY_UNAVAILABLE, "the database is not available");
	}
}

bool db_line_cancel(struct db *db, const struct request *r)
{
	for (h2o_linklist_t *n = db->line.next; n != &db->line; n = n->next) {
		struct waiting_question *w = H2O_STRUCT_FROM_MEMBER(struct waiting_question, link, n);

		if (w->question.request != r)
			continue;
		w->cancelled = true;
		h2o_timeout_unlink(&w->timeout);
		h2o_timeout_link(db->loop, &db->soon, &w->timeout);
		return true;
	}
	return false;
}

void db_line_end(struct db *db)
{
	while (db->line_places.taken > 0) {
		struct waiting_question *w = H2O_STRUCT_FROM_MEMBER(struct waiting_question, link, db->line.next);

		leave(w);
		request_resume_failed(w->question.request, &TEMPORARILY_UNAVAILABLE, "the database is not available");
	}
}
