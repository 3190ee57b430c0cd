/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/file/file_pool.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/rate_limit.h"
#include "common/shares.h"

enum {
	THREADS = 4,
	PLACES = 64, /* waiting and running */
	TICK_MS = 50,
	GRACE_MS = 500, /* so much later than it may, a work hangs */
	CLOSE_MS = 1000,
};

struct file_pool {
	h2o_loop_t *loop;
	struct workers *workers;
	h2o_timeout_t timeout, soon;
	h2o_timeout_entry_t tick; /* while there are any */
	h2o_linklist_t waiting, running;
	struct shares places, threads; /* of persons */
	struct shares roots;           /* of threads */
	bool closing;
};

/* In the request's pool: its work, or the one that stands for it. */
struct held_work {
	struct file_work *work;
	void **place; /* where the request finds it */
};

static struct file_work *work_at(h2o_linklist_t *link)
{
	return H2O_STRUCT_FROM_MEMBER(struct file_work, link, link);
}

/* ---- its life ---- */

static void free_work(struct file_work *work)
{
	if (work->catalogue != NULL)
		h2o_mem_release_shared(work->catalogue);
	h2o_mem_clear_pool(&work->pool);
	free(work);
}

static void leave_line(struct file_work *work)
{
	h2o_linklist_unlink(&work->link);
	shares_give_back(&work->owner->places, work->who);
	work->state = FILE_ENDED;
}

/* The request has ended, and nobody else frees what no thread has. */
static void dispose(void *data)
{
	struct file_work *work = ((struct held_work *)data)->work;

	work->r = NULL;
	if (work->state == FILE_WAITS)
		leave_line(work);
	h2o_timeout_unlink(&work->soon);
	if (work->state != FILE_RUNS)
		free_work(work);
}

static void on_soon(h2o_timeout_entry_t *entry)
{
	request_resume(H2O_STRUCT_FROM_MEMBER(struct file_work, soon, entry)->r);
}

static struct file_work *make_work(struct request *r, struct held_work *held, struct catalogue *catalogue)
{
	struct file_work *work = h2o_mem_alloc(sizeof(*work));

	memset(work, 0, sizeof(*work));
	work->held = held;
	held->work = *held->place = work;
	h2o_mem_init_pool(&work->pool);
	work->read.pool = &work->pool;
	work->r = r;
	work->who = r->share;
	work->soon.cb = on_soon;
	work->catalogue = catalogue;
	if (catalogue != NULL)
		h2o_mem_addref_shared(catalogue);
	return work;
}

struct file_work *file_work_new(struct request *r, void **place, struct catalogue *catalogue)
{
	struct held_work *held = h2o_mem_alloc_shared(&r->pool, sizeof(*held), dispose);

	held->place = place;
	return make_work(r, held, catalogue);
}

/* ---- turns ---- */

static bool is_stuck(const struct file_work *work, int64_t now_ms)
{
	return work->state == FILE_RUNS && now_ms >= work->until_ms + GRACE_MS;
}

static bool root_is_stuck(struct file_pool *pool, uint64_t root, int64_t now_ms)
{
	for (h2o_linklist_t *n = pool->running.next; n != &pool->running; n = n->next)
		if (work_at(n)->root == root && is_stuck(work_at(n), now_ms))
			return true;
	return false;
}

/* Whoever has fewest threads; of those, who has waited longest. */
static struct file_work *next_in_line(struct file_pool *pool)
{
	struct file_work *best = NULL;

	for (h2o_linklist_t *n = pool->waiting.next; n != &pool->waiting; n = n->next) {
		struct file_work *work = work_at(n);
		if (!shares_may_take(&pool->roots, work->root, THREADS))
			continue;
		if (best == NULL || shares_held(&pool->threads, work->who) < shares_held(&pool->threads, best->who))
			best = work;
	}
	return best;
}

static void run_work(void *data)
{
	file_work_run(data);
}

static void advance(struct file_pool *pool);

static void on_done(void *data)
{
	struct file_work *work = data;
	struct file_pool *pool = work->owner;

	leave_line(work);
	shares_give_back(&pool->threads, work->who);
	shares_give_back(&pool->roots, work->root);
	if (!work->job.has_run)
		work->problem = FILE_STOPPED;
	if (work->r != NULL)
		request_resume(work->r);
	else
		free_work(work);
	advance(pool);
}

static void advance(struct file_pool *pool)
{
	struct file_work *work;

	while (!pool->closing && (work = next_in_line(pool)) != NULL) {
		h2o_linklist_unlink(&work->link);
		h2o_linklist_insert(&pool->running, &work->link);
		work->state = FILE_RUNS;
		shares_take(&pool->threads, work->who);
		shares_take(&pool->roots, work->root);
		work->job = (struct worker_job){.work = run_work, .done = on_done, .data = work};
		if (!worker_post(pool->workers, &work->job))
			h2o_fatal("there are more works than threads");
	}
}

/* ---- the time ---- */

/* The thread goes on with the work, or hangs in it; the request goes on with one of its own that says how it ended. */
static void abandon(struct file_work *work, enum file_problem problem)
{
	struct request *r = work->r;
	struct file_work *end = make_work(r, work->held, work->catalogue);

	end->plan = work->plan;
	end->path = text_copy(&end->pool, text_of(work->path));
	end->state = FILE_ENDED;
	end->problem = problem;
	end->unsure = work->plan->action == FILE_WRITE;
	atomic_store(&work->stopped, true);
	work->r = NULL;
	request_resume(r);
}

/* What is to be said of it, or FILE_FINE: its time is not over. */
static enum file_problem overdue(const struct file_work *work, int64_t now_ms)
{
	if (work->state == FILE_WAITS)
		return now_ms >= work->until_ms ? FILE_BUSY : FILE_FINE;
	return work->r != NULL && is_stuck(work, now_ms) ? FILE_STUCK : FILE_FINE;
}

static struct file_work *find_overdue(h2o_linklist_t *list, int64_t now_ms)
{
	for (h2o_linklist_t *n = list->next; n != list; n = n->next)
		if (overdue(work_at(n), now_ms) != FILE_FINE)
			return work_at(n);
	return NULL;
}

static void on_tick(h2o_timeout_entry_t *entry)
{
	struct file_pool *pool = H2O_STRUCT_FROM_MEMBER(struct file_pool, tick, entry);
	int64_t now_ms = clock_monotonic_ms();
	struct file_work *work;

	while ((work = find_overdue(&pool->running, now_ms)) != NULL) {
		log_event(LOG_ERROR, "a disk does not answer", "root", work->plan->root_path, NULL);
		abandon(work, FILE_STUCK);
	}
	while ((work = find_overdue(&pool->waiting, now_ms)) != NULL) {
		work->problem = FILE_BUSY;
		leave_line(work);
		request_resume(work->r);
	}
	if (pool->places.taken > 0 && !h2o_timeout_is_linked(&pool->tick))
		h2o_timeout_link(pool->loop, &pool->timeout, &pool->tick);
}

/* ---- for the backend ---- */

step_result file_pool_run(struct file_pool *pool, struct file_work *work)
{
	work->owner = pool;
	work->root = rate_number(text_of(work->plan->root_path));
	if (root_is_stuck(pool, work->root, clock_monotonic_ms()))
		work->problem = FILE_STUCK;
	else if (!shares_may_take(&pool->places, work->who, PLACES))
		work->problem = FILE_BUSY;
	if (work->problem != FILE_FINE)
		return STEP_NEXT;
	shares_take(&pool->places, work->who);
	work->state = FILE_WAITS;
	h2o_linklist_insert(&pool->waiting, &work->link);
	if (!h2o_timeout_is_linked(&pool->tick))
		h2o_timeout_link(pool->loop, &pool->timeout, &pool->tick);
	work->r->waiting = true;
	advance(pool);
	return STEP_WAIT;
}

void file_pool_cancel(struct file_work *work)
{
	atomic_store(&work->stopped, true);
	if (work->state != FILE_WAITS)
		return;
	leave_line(work);
	work->problem = FILE_STOPPED;
	h2o_timeout_link(work->owner->loop, &work->owner->soon, &work->soon);
}

void file_pool_give_up(struct file_work *work)
{
	if (work->state == FILE_RUNS && work->r != NULL)
		abandon(work, FILE_STOPPED);
}

struct file_pool *file_pool_open(h2o_context_t *context)
{
	struct file_pool *pool = h2o_mem_alloc(sizeof(*pool));

	*pool = (struct file_pool){.loop = context->loop, .workers = workers_start(context, THREADS, THREADS)};
	pool->tick.cb = on_tick;
	h2o_timeout_init(pool->loop, &pool->timeout, TICK_MS);
	h2o_timeout_init(pool->loop, &pool->soon, 0);
	h2o_linklist_init_anchor(&pool->waiting);
	h2o_linklist_init_anchor(&pool->running);
	return pool;
}

static void end_waiting(struct file_pool *pool)
{
	while (!h2o_linklist_is_empty(&pool->waiting)) {
		struct file_work *work = work_at(pool->waiting.next);
		leave_line(work);
		work->problem = FILE_STOPPED;
		request_resume(work->r);
	}
}

/* Of what runs at the end, in its own time: a write is best not left in the middle. */
void file_pool_close(struct file_pool *pool)
{
	int64_t end_ms = clock_monotonic_ms() + CLOSE_MS;

	pool->closing = true;
	h2o_timeout_run(pool->loop, &pool->soon, h2o_now(pool->loop));
	end_waiting(pool);
	while (!h2o_linklist_is_empty(&pool->running) && clock_monotonic_ms() < end_ms)
		h2o_evloop_run(pool->loop, 10);
	h2o_timeout_unlink(&pool->tick);
	if (!h2o_linklist_is_empty(&pool->running)) {
		for (h2o_linklist_t *n = pool->running.next; n != &pool->running; n = n->next)
			if (work_at(n)->r != NULL)
				abandon(work_at(n), FILE_STUCK);
		workers_leave(pool->workers);
		return; /* its threads may still use it */
	}
	workers_stop(pool->workers);
	h2o_timeout_dispose(pool->loop, &pool->timeout);
	h2o_timeout_dispose(pool->loop, &pool->soon);
	shares_dispose(&pool->places);
	shares_dispose(&pool->threads);
	shares_dispose(&pool->roots);
	free(pool);
}
