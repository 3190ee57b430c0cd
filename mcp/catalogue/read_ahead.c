/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/read_ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	THREADS_MAX = 4, /* the one that asks has its own half to do: more would wait for it */
	ALONE_MAX = 64,  /* so few files take less time than threads are worth */
	AHEAD_MAX = 256, /* documents that lie there */
};

struct read_ahead {
	const char *const *files;
	size_t count;
	pthread_t threads[THREADS_MAX];
	size_t thread_count;
	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t read, taken;
	size_t next_read, next_taken;
	bool ends;
	struct config_document *documents[AHEAD_MAX]; /* by number % AHEAD_MAX; NULL: not read yet */
};

/* The number of a file that nobody reads yet; `count` if there is no more to do. */
static size_t choose(struct read_ahead *a)
{
	while (!a->ends && a->next_read < a->count && a->next_read - a->next_taken >= AHEAD_MAX)
		pthread_cond_wait(&a->taken, &a->mutex);
	return a->ends || a->next_read == a->count ? a->count : a->next_read++;
}

static void *read_files(void *data)
{
	struct read_ahead *a = data;

	pthread_mutex_lock(&a->mutex);
	for (size_t i; (i = choose(a)) < a->count;) {
		pthread_mutex_unlock(&a->mutex);
		struct config_document *document = config_read(a->files[i]);
		pthread_mutex_lock(&a->mutex);
		a->documents[i % AHEAD_MAX] = document;
		if (i == a->next_taken)
			pthread_cond_signal(&a->read);
	}
	pthread_mutex_unlock(&a->mutex);
	return NULL;
}

/* No signal is for these threads. */
static void start_threads(struct read_ahead *a)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t wanted = cores > THREADS_MAX ? THREADS_MAX : cores > 1 ? (size_t)cores : 0;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (a->thread_count < wanted && pthread_create(&a->threads[a->thread_count], NULL, read_files, a) == 0)
		a->thread_count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct read_ahead *read_ahead_open(const char *const *files, size_t count)
{
	struct read_ahead *a = h2o_mem_alloc(sizeof(*a));

	*a = (struct read_ahead){.files = files, .count = count};
	if (pthread_mutex_init(&a->mutex, NULL) != 0 || pthread_cond_init(&a->read, NULL) != 0 ||
	    pthread_cond_init(&a->taken, NULL) != 0)
		h2o_fatal("no memory");
	if (count > ALONE_MAX)
		start_threads(a);
	return a;
}

struct config_document *read_ahead_next(struct read_ahead *a)
{
	if (a->thread_count == 0)
		return config_read(a->files[a->next_taken++]);
	pthread_mutex_lock(&a->mutex);
	struct config_document **place = &a->documents[a->next_taken % AHEAD_MAX], *document;
	while ((document = *place) == NULL)
		pthread_cond_wait(&a->read, &a->mutex);
	*place = NULL;
	a->next_taken++;
	pthread_cond_signal(&a->taken);
	pthread_mutex_unlock(&a->mutex);
	return document;
}

void read_ahead_close(struct read_ahead *a)
{
	pthread_mutex_lock(&a->mutex);
	a->ends = true;
	pthread_cond_broadcast(&a->taken);
	pthread_mutex_unlock(&a->mutex);
	for (size_t i = 0; i < a->thread_count; i++)
		pthread_join(a->threads[i], NULL);
	for (size_t i = 0; i < AHEAD_MAX; i++)
		if (a->documents[i] != NULL)
			config_drop(a->documents[i]);
	pthread_cond_destroy(&a->read);
	pthread_cond_destroy(&a->taken);
	pthread_mutex_destroy(&a->mutex);
	free(a);
}
