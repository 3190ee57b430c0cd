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
struct job {
	h2o_multithread_message_t message;
	struct request *request;
	void (*work)(void *data);
	void *data;
};

struct workers {
	h2o_loop_t *loop;
	h2o_multithread_queue_t *queue;
	h2o_multithread_receiver_t receiver;
	unsigned under_way;    /* loop only: jobs whose request was not resumed yet */
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t arrived;
	bool stopping;
	struct job **waiting; /* a ring */
	unsigned capacity, first, count;
	unsigned thread_count;
	pthread_t threads[THREADS_MAX];
};

/* The next job; NULL when it is time to end. */
static struct job *take_job(struct workers *workers)
{
	struct job *job = NULL;

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
	struct job *job;

	setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS); /* on Linux, of this thread */
	while ((job = take_job(workers)) != NULL) {
		job->work(job->data);
		h2o_multithread_send_message(&workers->receiver, &job->message);
	}
	return NULL;
}

static void on_finished(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	struct workers *workers = H2O_STRUCT_FROM_MEMBER(struct workers, receiver, receiver);

	while (!h2o_linklist_is_empty(messages)) {
		struct job *job = H2O_STRUCT_FROM_MEMBER(struct job, message.link, messages->next);

		h2o_linklist_unlink(&job->message.link);
		workers->under_way--;
		request_resume(job->request);
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
	workers->waiting = h2o_mem_alloc(sizeof(struct job *) * workers->capacity);
	pthread_mutex_init(&workers->mutex, NULL);
	pthread_cond_init(&workers->arrived, NULL);
	/* Before any thread could post to it. */
	h2o_multithread_register_receiver(workers->queue, &workers->receiver, on_finished);
	start_threads(workers, threads);
	return workers;
}

/* Requests whose work never began. */
static void fail_waiting(struct workers *workers)
{
	while (workers->count > 0) {
		struct job *job = workers->waiting[workers->first];

		workers->first = (workers->first + 1) % workers->capacity;
		workers->count--;
		workers->under_way--;
		request_resume_failed(job->request, &TEMPORARILY_UNAVAILABLE, "the server is going down");
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

static bool queue_job(struct workers *workers, struct job *job)
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

step_result worker_run(struct request *r, struct workers *workers, void (*work)(void *data), void *data)
{
	struct job *job = h2o_mem_alloc_pool(&r->pool, sizeof(*job));

	memset(job, 0, sizeof(*job));
	job->request = r;
	job->work = work;
	job->data = data;
	workers->under_way++;
	if (!queue_job(workers, job)) {
		workers->under_way--;
		return fail(r, &TEMPORARILY_UNAVAILABLE, "too many requests wait for computation");
	}
	r->waiting = true;
	return STEP_WAIT;
}
