/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_live.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct upstream_live {
	pthread_mutex_t mutex;
	json_t *upstreams; /* name -> {"reached": digest, "tools": {name: digest}} */
};

struct upstream_live *upstream_live_open(void)
{
	struct upstream_live *live = h2o_mem_alloc(sizeof(*live));

	*live = (struct upstream_live){.upstreams = json_object()};
	if (live->upstreams == NULL || pthread_mutex_init(&live->mutex, NULL) != 0)
		h2o_fatal("no memory");
	return live;
}

void upstream_live_close(struct upstream_live *live)
{
	json_decref(live->upstreams);
	pthread_mutex_destroy(&live->mutex);
	free(live);
}

bool upstream_live_set(struct upstream_live *live, const char *upstream, const char *reached, const json_t *digests)
{
	json_t *value = json_pack("{s:s, s:o}", "reached", reached, "tools", json_deep_copy(digests));

	if (value == NULL)
		h2o_fatal("no memory");
	pthread_mutex_lock(&live->mutex);
	bool changed = !json_equal(json_object_get(live->upstreams, upstream), value);
	json_object_set_new(live->upstreams, upstream, value);
	pthread_mutex_unlock(&live->mutex);
	return changed;
}

static enum upstream_liveness compare(const json_t *value, const char *reached, const char *tool, const char *digest)
{
	const char *before = json_string_value(json_object_get(value, "reached"));
	const char *said = json_string_value(json_object_get(json_object_get(value, "tools"), tool));

	if (before == NULL || strcmp(before, reached) != 0)
		return LIVE_UNKNOWN;
	if (said == NULL)
		return LIVE_GONE;
	return strcmp(said, digest) == 0 ? LIVE_SAME : LIVE_CHANGED;
}

enum upstream_liveness upstream_live_compare(struct upstream_live *live, const char *upstream, const char *reached,
                                             const char *tool, const char *digest)
{
	if (live == NULL)
		return LIVE_UNKNOWN;
	pthread_mutex_lock(&live->mutex);
	enum upstream_liveness liveness = compare(json_object_get(live->upstreams, upstream), reached, tool, digest);
	pthread_mutex_unlock(&live->mutex);
	return liveness;
}
