/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

enum { LATER_MS = 50 };

struct waiter { /* in its request's pool */
	struct request *r;
	struct waiter *next;
};

struct audit_sync {
	h2o_loop_t *loop;
	h2o_multithread_queue_t *queue;
	h2o_multithread_receiver_t receiver;
	h2o_multithread_message_t message;
	/* of the loop's thread */
	bool busy, wanted;                    /* one is under way; another one shall follow */
	int file;                             /* for that */
	struct waiter *under_way, *gathering; /* for the one under way, for the next one */
	h2o_timeout_t soon, later;            /* the next turn of the loop; when nobody waits */
	h2o_timeout_entry_t soon_entry, later_entry;
	/* guarded by the mutex */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int fd; /* a copy, to be synced and closed; -1: nothing to do */
	bool stopping;
	int problem; /* errno of the last one; 0: it went well */
	pthread_t thread;
};

/* -1 when it is time to end. */
static int take_file(struct audit_sync *sync)
{
	pthread_mutex_lock(&sync->mutex);
	while (sync->fd < 0 && !sync->stopping)
		pthread_cond_wait(&sync->changed, &sync->mutex);
	int fd = sync->fd;
	sync->fd = -1;
	pthread_mutex_unlock(&sync->mutex);
	return fd;
}

static void *sync_files(void *data)
{
	struct audit_sync *sync = data;
	int fd;

	while ((fd = take_file(sync)) >= 0) {
		/* EINVAL: what is written to is no file but a pipe or a device, which has nothing to wait for */
		int problem = fdatasync(fd) == 0 || errno == EINVAL ? 0 : errno;
		close(fd);
		pthread_mutex_lock(&sync->mutex);
		sync->problem = problem;
		pthread_mutex_unlock(&sync->mutex);
		h2o_multithread_send_message(&sync->receiver, &sync->message);
	}
	return NULL;
}

static void begin(struct audit_sync *sync)
{
	int fd = fcntl(sync->file, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		h2o_fatal("no file descriptor is left for the audit log");
	h2o_timeout_unlink(&sync->soon_entry);
	h2o_timeout_unlink(&sync->later_entry);
	sync->under_way = sync->gathering;
	sync->gathering = NULL;
	sync->wanted = false;
	sync->busy = true;
	pthread_mutex_lock(&sync->mutex);
	sync->fd = fd;
	pthread_cond_signal(&sync->changed);
	pthread_mutex_unlock(&sync->mutex);
}

static void on_soon(h2o_timeout_entry_t *entry)
{
	begin(H2O_STRUCT_FROM_MEMBER(struct audit_sync, soon_entry, entry));
}

static void on_later(h2o_timeout_entry_t *entry)
{
	begin(H2O_STRUCT_FROM_MEMBER(struct audit_sync, later_entry, entry));
}

/* Whoever waits shares it with all that this turn of the loop brings; what nobody waits for goes along with the next
 * one, or alone after a while. */
static void begin_in_time(struct audit_sync *sync)
{
	bool waits = sync->gathering != NULL;

	if (sync->busy)
		return;
	if (waits && !h2o_timeout_is_linked(&sync->soon_entry))
		h2o_timeout_link(sync->loop, &sync->soon, &sync->soon_entry);
	else if (!waits && !h2o_timeout_is_linked(&sync->later_entry))
		h2o_timeout_link(sync->loop, &sync->later, &sync->later_entry);
}

static void resume_all(struct waiter *waiter, int problem)
{
	while (waiter != NULL) {
		struct waiter *next = waiter->next; /* the request takes it along */
		if (problem == 0)
			request_resume(waiter->r);
		else
			request_resume_failed(waiter->r, &TEMPORARILY_UNAVAILABLE,
			                      "the audit log cannot be brought to the disk");
		waiter = next;
	}
}

static void on_synced(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	struct audit_sync *sync = H2O_STRUCT_FROM_MEMBER(struct audit_sync, receiver, receiver);
	struct waiter *waiters = sync->under_way;

	while (!h2o_linklist_is_empty(messages))
		h2o_linklist_unlink(messages->next);
	pthread_mutex_lock(&sync->mutex);
	int problem = sync->problem;
	pthread_mutex_unlock(&sync->mutex);
	sync->under_way = NULL;
	sync->busy = false;
	if (problem != 0)
		log_event(LOG_ERROR, "audit log not on the disk", "reason", strerror(problem), NULL);
	if (sync->gathering != NULL) /* they have waited already */
		begin(sync);
	else if (sync->wanted)
		begin_in_time(sync);
	resume_all(waiters, problem);
}

/* Signals are for the loop's thread. */
static void start_thread(struct audit_sync *sync)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&sync->thread, NULL, sync_files, sync) != 0)
		h2o_fatal("a thread for the audit log cannot be started");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct audit_sync *audit_sync_start(h2o_context_t *context)
{
	struct audit_sync *sync = h2o_mem_alloc(sizeof(*sync));

	*sync = (struct audit_sync){.loop = context->loop, .queue = context->queue, .fd = -1};
	pthread_mutex_init(&sync->mutex, NULL);
	pthread_cond_init(&sync->changed, NULL);
	h2o_multithread_register_receiver(sync->queue, &sync->receiver, on_synced);
	h2o_timeout_init(sync->loop, &sync->soon, 0);
	h2o_timeout_init(sync->loop, &sync->later, LATER_MS);
	sync->soon_entry.cb = on_soon;
	sync->later_entry.cb = on_later;
	start_thread(sync);
	return sync;
}

void audit_sync_stop(struct audit_sync *sync)
{
	while (sync->busy || sync->gathering != NULL)
		h2o_evloop_run(sync->loop, 10);
	h2o_timeout_unlink(&sync->later_entry); /* who closes the log brings it to the disk */
	h2o_timeout_dispose(sync->loop, &sync->soon);
	h2o_timeout_dispose(sync->loop, &sync->later);
	pthread_mutex_lock(&sync->mutex);
	sync->stopping = true;
	pthread_cond_signal(&sync->changed);
	pthread_mutex_unlock(&sync->mutex);
	pthread_join(sync->thread, NULL);
	h2o_multithread_unregister_receiver(sync->queue, &sync->receiver);
	pthread_cond_destroy(&sync->changed);
	pthread_mutex_destroy(&sync->mutex);
	free(sync);
}

void audit_sync_want(struct audit_sync *sync, int fd)
{
	sync->file = fd;
	sync->wanted = true;
	begin_in_time(sync);
}

step_result audit_sync_wait(struct audit_sync *sync, int fd, struct request *r)
{
	struct waiter *waiter = h2o_mem_alloc_pool(&r->pool, sizeof(*waiter));

	*waiter = (struct waiter){.r = r, .next = sync->gathering};
	sync->gathering = waiter;
	r->waiting = true;
	audit_sync_want(sync, fd);
	return STEP_WAIT;
}
