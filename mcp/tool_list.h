/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of tools/list, prepared once for each set of tools that somebody may see: a request only puts its id in
 * front. */
#ifndef SALLYPORT_MCP_TOOL_LIST_H
#define SALLYPORT_MCP_TOOL_LIST_H

#include "mcp/policy.h"

struct tool_list {
	uint8_t *visible;           /* one byte for each tool of the catalogue */
	h2o_iovec_t legacy, modern; /* the JSON of `result` */
};

struct tool_lists;
/* `server_info`: JSON for the modern era's _meta. */
struct tool_lists *tool_lists_open(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const char *server_info);
/* The list for these decisions. The caller owns a reference (h2o_mem_release_shared). The newest 64 sets are kept. */
struct tool_list *tool_lists_get(struct tool_lists *lists, const uint8_t *decisions);
void tool_lists_close(struct tool_lists *lists);

#endif
