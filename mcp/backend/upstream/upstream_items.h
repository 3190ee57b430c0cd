/* SPDX-License-Identifier: Apache-2.0 */
/* Approved definitions of upstreams become items of the catalogue: as if each tool had a file of its own. */
#ifndef SALLYPORT_MCP_UPSTREAM_ITEMS_H
#define SALLYPORT_MCP_UPSTREAM_ITEMS_H

#include "mcp/protocol/tool_headers.h"
#include "mcp/backend/upstream/upstream_file.h"

struct upstream_plan {        /* of an item */
	const char *upstream; /* its name */
	const char *reached;  /* upstream_file's digest */
	const char *tool;     /* the name that the upstream knows */
	const char *digest;   /* of the approved definition */
	bool untrusted;
	const struct tool_headers *headers; /* what the upstream wants repeated in headers; NULL: nothing */
};

/* Loads settings->upstreams, if there is such a folder, and appends the items. False and *error. */
bool upstream_items_load(struct loading *l, const char **error);
/* One tool. NULL and *problem if its definition cannot be offered. */
struct item *upstream_items_make(struct loading *l, const struct upstream_file *file, const struct upstream_rule *rule,
                                 const json_t *definition, const char **problem);
/* Its name here. */
const char *upstream_items_key(h2o_mem_pool_t *pool, const struct upstream_file *file, const char *tool);

#endif
