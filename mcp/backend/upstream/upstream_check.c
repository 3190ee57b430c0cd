/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_check.h"

#include <stdio.h>

#include "mcp/backend/upstream/upstream_pins.h"
#include "mcp/backend/upstream/upstream_probe.h"

struct checked {
	h2o_mem_pool_t *pool;
	void (*report)(void *data, const char *where, const char *problem);
	void *data;
};

static void report(const struct checked *c, const struct upstream_file *file, const char *tool, const char *what)
{
	c->report(c->data, file->file, text_printf(c->pool, "%s %s", tool, what));
}

static void compare_approved(const struct checked *c, const struct upstream_file *file, const json_t *pins,
                             const json_t *digests)
{
	const char *tool;
	json_t *entry;

	json_object_foreach ((json_t *)pins, tool, entry) {
		h2o_iovec_t now = json_get_text(digests, tool);
		if (upstream_file_rule(file, tool) == NULL)
			continue;
		if (now.base == NULL)
			report(c, file, tool, "was approved, and is gone");
		else if (!text_equal(now, json_get_text(entry, "sha256")))
			report(c, file, tool, "is not what was approved");
	}
}

static void tell_of_new_ones(const struct upstream_file *file, const json_t *pins, const json_t *digests)
{
	const char *tool;
	json_t *digest;
	size_t count = 0;

	json_object_foreach ((json_t *)digests, tool, digest)
		count += json_object_get(pins, tool) == NULL && upstream_file_rule(file, tool) != NULL;
	if (count > 0)
		printf("%s: %zu tool%s for \"sallyport-mcp approve %s\"\n", file->file, count,
		       count == 1 ? " waits" : "s wait", file->name);
}

void upstream_check(h2o_mem_pool_t *pool, const struct catalogue *catalogue, struct spawner *spawner,
                    void (*report_fn)(void *data, const char *where, const char *problem), void *data)
{
	const struct checked c = {pool, report_fn, data};
	struct upstream_probe probes[UPSTREAMS_MAX];
	const char *problem;

	if (catalogue->upstream_count == 0)
		return;
	upstream_probe(pool, catalogue->settings, spawner, catalogue->upstreams, catalogue->upstream_count, probes);
	for (size_t i = 0; i < catalogue->upstream_count; i++) {
		const struct upstream_file *file = catalogue->upstreams[i];
		const json_t *pins = pins_load(pool, file->approved, file->name, &problem);
		if (probes[i].tools == NULL) {
			report_fn(data, file->file, probes[i].problem);
			continue;
		}
		const json_t *digests = pins_digests(pool, probes[i].tools);
		compare_approved(&c, file, pins, digests);
		tell_of_new_ones(file, pins, digests);
	}
}
