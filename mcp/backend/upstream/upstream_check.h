/* SPDX-License-Identifier: Apache-2.0 */
/* For the verb `check`: whether the upstreams can be asked, and say of their tools what was approved. */
#ifndef SALLYPORT_MCP_UPSTREAM_CHECK_H
#define SALLYPORT_MCP_UPSTREAM_CHECK_H

#include "common/spawner.h"
#include "mcp/catalogue/catalogue.h"

/* `spawner`: as of upstream_probe. */
void upstream_check(h2o_mem_pool_t *pool, const struct catalogue *catalogue, struct spawner *spawner,
                    void (*report)(void *data, const char *where, const char *problem), void *data);

#endif
