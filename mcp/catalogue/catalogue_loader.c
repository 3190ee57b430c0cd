/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/catalogue_loader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct catalogue_loader {
	const struct mcp_settings *settings;
	catalogue_loaded_fn *on_loaded;
	void *data;
	pthread_t thread;
	int eventfd; /* the thread has something */
	h2o_socket_t *socket;
	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t wanted_cond;
	bool wanted, ends;
	bool has_result; /* nothing is loaded before the loop has taken it */
	struct catalogue *result;
	char *error; /* malloc */
};

/* True if there is something to load. */
static bool wait_for_work(struct catalogue_loader *loader)
{
	pthread_mutex_lock(&loader->mutex);
	while (!loader->ends && (!loader->wanted || loader->has_result))
		pthread_cond_wait(&loader->wanted_cond, &loader->mutex);
	bool work = !loader->ends;
	loader->wanted = false;
	pthread_mutex_unlock(&loader->mutex);
	return work;
}

static void hand_over(struct catalogue_loader *loader, struct catalogue *catalogue, const char *error)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&loader->mutex);
	loader->has_result = true;
	loader->result = catalogue;
	loader->error = error != NULL ? h2o_strdup(NULL, error, SIZE_MAX).base : NULL;
	pthread_mutex_unlock(&loader->mutex);
	while (write(loader->eventfd, &one, sizeof(one)) == -1)
		; /* interrupted: it cannot be full */
}

static void *load_all(void *data)
{
	struct catalogue_loader *loader = data;

	while (wait_for_work(loader)) {
		h2o_mem_pool_t pool;
		const char *error = NULL;
		h2o_mem_init_pool(&pool);
		struct catalogue *catalogue = catalogue_load(&pool, loader->settings, &error);
		hand_over(loader, catalogue, error);
		h2o_mem_clear_pool(&pool);
	}
	return NULL;
}

static void on_result(h2o_socket_t *socket, const char *problem)
{
	struct catalogue_loader *loader = socket->data;
	uint64_t count;

	if (problem != NULL || read(loader->eventfd, &count, sizeof(count)) != sizeof(count))
		return;
	pthread_mutex_lock(&loader->mutex);
	struct catalogue *catalogue = loader->result;
	char *error = loader->error;
	loader->result = NULL;
	loader->error = NULL;
	loader->has_result = false;
	pthread_cond_signal(&loader->wanted_cond);
	pthread_mutex_unlock(&loader->mutex);
	loader->on_loaded(loader->data, catalogue, error);
	free(error);
}

struct catalogue_loader *catalogue_loader_open(h2o_loop_t *loop, const struct mcp_settings *settings,
                                               catalogue_loaded_fn *on_loaded, void *data)
{
	struct catalogue_loader *loader = h2o_mem_alloc(sizeof(*loader));

	*loader = (struct catalogue_loader){.settings = settings, .on_loaded = on_loaded, .data = data};
	loader->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loader->eventfd == -1 || pthread_mutex_init(&loader->mutex, NULL) != 0 ||
	    pthread_cond_init(&loader->wanted_cond, NULL) != 0 ||
	    pthread_create(&loader->thread, NULL, load_all, loader) != 0)
		h2o_fatal("no thread that loads the catalogue");
	loader->socket = h2o_evloop_socket_create(loop, loader->eventfd, H2O_SOCKET_FLAG_DONT_READ);
	loader->socket->data = loader;
	h2o_socket_read_start(loader->socket, on_result);
	return loader;
}

void catalogue_loader_start(struct catalogue_loader *loader)
{
	pthread_mutex_lock(&loader->mutex);
	loader->wanted = true;
	pthread_cond_signal(&loader->wanted_cond);
	pthread_mutex_unlock(&loader->mutex);
}

void catalogue_loader_close(struct catalogue_loader *loader)
{
	pthread_mutex_lock(&loader->mutex);
	loader->ends = true;
	pthread_cond_signal(&loader->wanted_cond);
	pthread_mutex_unlock(&loader->mutex);
	pthread_join(loader->thread, NULL);
	if (loader->result != NULL)
		h2o_mem_release_shared(loader->result);
	free(loader->error);
	h2o_socket_read_stop(loader->socket);
	h2o_socket_close(loader->socket);
	pthread_cond_destroy(&loader->wanted_cond);
	pthread_mutex_destroy(&loader->mutex);
	free(loader);
}
