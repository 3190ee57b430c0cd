/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_MCP_ENDPOINTS_H
#define SALLYPORT_MCP_ENDPOINTS_H

#include "mcp/mcp.h"

/* The table with guards and error forms, for one server. */
struct service endpoints_service(struct mcp *mcp);
/* The databases and the keys of the authorization server are there. */
bool endpoints_ready(const struct mcp *mcp);

/* metadata.c: RFC 9728. */
extern step_fn *const metadata_steps[];
h2o_iovec_t metadata_document(h2o_mem_pool_t *pool, const struct mcp_settings *settings);
char *metadata_url(h2o_mem_pool_t *pool, const struct mcp_settings *settings);

#endif
