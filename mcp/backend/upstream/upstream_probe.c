/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_probe.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "mcp/backend/upstream/upstream_client.h"

enum { WAIT_MS = 50 };

struct asked {
	h2o_mem_pool_t *pool;
	struct upstream_reach reach;
	struct upstream_client *client;
	struct upstream_probe *ret;
	bool is_done;
};

static void on_tools(void *data, const json_t *tools)
{
	struct asked *asked = data;

	if (asked->is_done)
		return;
	asked->is_done = true;
	asked->ret->tools = json_keep(asked->pool, json_deep_copy(tools));
}

static void on_down(void *data, const char *problem)
{
	struct asked *asked = data;

	if (asked->is_done)
		return;
	asked->is_done = true;
	asked->ret->problem = problem;
}

static const struct upstream_client_events EVENTS = {.on_tools = on_tools, .on_down = on_down};

static bool all_done(const struct asked *asked, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!asked[i].is_done || (asked[i].ret->tools != NULL && asked[i].ret->version == NULL))
			return false;
	return true;
}

static void note_versions(h2o_mem_pool_t *pool, struct asked *asked, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *version = upstream_client_version(asked[i].client);
		if (asked[i].ret->version == NULL && version != NULL)
			asked[i].ret->version = text_copy(pool, text_of(version));
	}
}

static void run_loop(h2o_mem_pool_t *pool, h2o_loop_t *loop, struct asked *asked, size_t count)
{
	int64_t end_ms = clock_monotonic_ms() + PROBE_MS;

	while (!all_done(asked, count) && clock_monotonic_ms() < end_ms) {
		h2o_evloop_run(loop, WAIT_MS);
		note_versions(pool, asked, count);
	}
	for (size_t i = 0; i < count; i++)
		if (!asked[i].is_done)
			asked[i].ret->problem = "it does not list its tools in time";
}

void upstream_probe(h2o_mem_pool_t *pool, const struct mcp_settings *settings, struct spawner *spawner,
                    const struct upstream_file *const *files, size_t count, struct upstream_probe *ret)
{
	static h2o_context_t context; /* of which egress wants the loop; that stays until the process ends */
	struct asked *asked = h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*asked));

	memset(ret, 0, count * sizeof(*ret));
	context.loop = h2o_evloop_create();
	struct egress *egress = egress_open(&context, NULL);
	if (spawner != NULL)
		spawner_open(spawner, context.loop);
	for (size_t i = 0; i < count; i++) {
		asked[i] = (struct asked){.pool = pool, .ret = &ret[i]};
		asked[i].reach = (struct upstream_reach){.file = files[i],
		                                         .loop = context.loop,
		                                         .egress = egress,
		                                         .places = &settings->outbound,
		                                         .spawner = spawner};
		asked[i].client = upstream_client_open(&asked[i].reach, &EVENTS, &asked[i]);
	}
	run_loop(pool, context.loop, asked, count);
	for (size_t i = 0; i < count; i++)
		upstream_client_close(asked[i].client, true);
	egress_close(egress);
}
