/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_MCP_CHECK_AGAINST_H
#define SALLYPORT_MCP_CHECK_AGAINST_H

#include "mcp/catalogue/catalogue.h"

/* Prints the difference to `path`: a catalogue as JSON, or another mcp.yaml. False and *error if it cannot be told, or
 * if somebody may be able to do more. */
bool check_against(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const char *path, const char **error);

#endif
