/* SPDX-License-Identifier: Apache-2.0 */
/* For verbs: what an upstream says of its tools now, asked as the server would ask. */
#ifndef SALLYPORT_MCP_UPSTREAM_PROBE_H
#define SALLYPORT_MCP_UPSTREAM_PROBE_H

#include "common/spawner.h"
#include "mcp/backend/upstream/upstream_file.h"

enum { PROBE_MS = 30 * 1000 };

struct upstream_probe {
	const json_t *tools; /* as it lists them; NULL: it could not be asked */
	const char *version; /* of the protocol */
	const char *problem; /* why not */
};

/* Connects, lists, and ends the connection. `spawner`: allowed but not opened, NULL: there is none. Blocks. */
void upstream_probe(h2o_mem_pool_t *pool, const struct mcp_settings *settings, struct spawner *spawner,
                    const struct upstream_file *const *files, size_t count, struct upstream_probe *ret);

#endif
