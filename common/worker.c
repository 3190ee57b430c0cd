/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	THREADS_MAX = 16,
	NICENESS = 10, /* what works for long yields to the loop, which answers everybody */
};

/* In the request's pool, which lives until request_resume. */
struct request_job {
	struct worker_job job;
	struct request *request;
	void (*work)(void *data);
	void *data;
};

struct workers {
	h2o_loop_t *loop;
	h2o_multithread_queue_t *queue;
	h2o_multithread_receiver_t receiver;
	unsigned under_way;    /* loop only: jobs that are not done */
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t arrived;
	bool stopping;
	struct worker_job **waiting; /* a ring */
	unsigned capacity, first, count;
	unsigned thread_count;
	pthread_t threads[THREADS_MAX];
};

/* The next job; NULL when it is time to end. */
static struct worker_job *take_job(struct workers *workers)
{
	struct worker_job *job = NULL;

	pthread_mutex_lock(&workers->mutex);
	while (workers->count == 0 && !workers->stopping)
		pthread_cond_wait(&workers->arrived, &workers->mutex);
	if (!workers->stopping) {
		job = workers->waiting[workers->first];
		workers->first = (workers->first + 1) % workers->capacity;
		workers->count--;
	}
	pthread_mutex_unlock(&workers->mutex);
	return job;
}

static void *run_jobs(void *data)
{
	struct workers *workers = data;
	struct worker_job *job;

	setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS); /* on Linux, of this thread */
	while ((job = take_job(workers)) != NULL) {
		job->work(job->data);
		job->has_run = true;
		h2o_multithread_send_message(&workers->receiver, &job->message);
	}
	return NULL;
}

static void on_finished(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	struct workers *workers = H2O_STRUCT_FROM_MEMBER(struct workers, receiver, receiver);

	while (!h2o_linklist_is_empty(messages)) {
		struct worker_job *job = H2O_STRUCT_FROM_MEMBER(struct worker_job, message.link, messages->next);

		h2o_linklist_unlink(&job->message.link);
		workers->under_way--;
		job->done(job->data);
	}
}

/* Signals are for the loop's thread. */
static void start_threads(struct workers *workers, unsigned threads)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (workers->thread_count < threads) {
		if (pthread_create(&workers->threads[workers->thread_count], NULL, run_jobs, workers) != 0)
			h2o_fatal("a worker thread cannot be started");
		workers->thread_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct workers *workers_start(h2o_context_t *context, unsigned threads, unsigned queue)
{
	struct workers *workers = h2o_mem_alloc(sizeof(*workers));

	memset(workers, 0, sizeof(*workers));
	if (threads < 1)
		threads = 1;
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	workers->loop = context->loop;
	workers->queue = context->queue;
	workers->capacity = queue < 1 ? 1 : queue;
	workers->waiting = h2o_mem_alloc(sizeof(struct worker_job *) * workers->capacity);
	pthread_mutex_init(&workers->mutex, NULL);
	pthread_cond_init(&workers->arrived, NULL);
	/* Before any thread could post to it. */
	h2o_multithread_register_receiver(workers->queue, &workers->receiver, on_finished);
	start_threads(workers, threads);
	return workers;
}

/* Those that never began. */
static void fail_waiting(struct workers *workers)
{
	while (workers->count > 0) {
		struct worker_job *job = workers->waiting[workers->first];

		workers->first = (workers->first + 1) % workers->capacity;
		workers->count--;
		workers->under_way--;
		job->done(job->data);
	}
}

void workers_stop(struct workers *workers)
{
	pthread_mutex_lock(&workers->mutex);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->arrived);
	pthread_mutex_unlock(&workers->mutex);
	for (unsigned i = 0; i < workers->thread_count; i++)
		pthread_join(workers->threads[i], NULL);
	fail_waiting(workers);
	/* Finished work whose message lies in the loop's queue. */
	while (workers->under_way > 0)
		h2o_evloop_run(workers->loop, 10);
	h2o_multithread_unregister_receiver(workers->queue, &workers->receiver);
	pthread_cond_destroy(&workers->arrived);
	pthread_mutex_destroy(&workers->mutex);
	free(workers->waiting);
	free(workers);
}

void workers_leave(struct workers *workers)
{
	pthread_mutex_lock(&workers->mutex);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->arrived);
	pthread_mutex_unlock(&workers->mutex);
	fail_waiting(workers);
	for (unsigned i = 0; i < workers->thread_count; i++)
		pthread_detach(workers->threads[i]);
}

static bool queue_job(struct workers *workers, struct worker_job *job)
{
	bool taken;

	pthread_mutex_lock(&workers->mutex);
	taken = !workers->stopping && workers->count < workers->capacity;
	if (taken) {
		workers->waiting[(workers->first + workers->count) % workers->capacity] = job;
		workers->count++;
		pthread_cond_signal(&workers->arrived);
	}
	pthread_mutex_unlock(&workers->mutex);
	return taken;
}

bool worker_post(struct workers *workers, struct worker_job *job)
{
	job->has_run = false;
	workers->under_way++;
	if (queue_job(workers, job))
		return true;
	workers->under_way--;
	return false;
}

static void on_request_done(void *data)
{
	struct request_job *job = data;

	if (job->job.has_run)
		request_resume(job->request);
	else
		request_resume_failed(job->request, &TEMPORARILY_UNAVAILABLE, "the server is going down");
}

static void run_of_request(void *data)
{
	struct request_job *job = data;

	job->work(job->data);
}

step_result worker_run(struct request *r, struct workers *workers, void (*work)(void *data), void *data)
{
	struct request_job *job = h2o_mem_alloc_pool(&r->pool, sizeof(*job));

	*job = (struct request_job){
	    .job = {.work = run_of_request, .done = on_request_done, .data = job},
	    .request = r,
	    .work = work,
	    .data = data,
	};
	if (!worker_post(workers, &job->job))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "too many requests wait for computation");
	r->waiting = true;
	return STEP_WAIT;
}
