/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schemas of what an operator writes: mcp.yaml and the files of items. `sallyport-mcp schema` prints them for
 * editors.
 */
#ifndef SALLYPORT_MCP_DOCUMENTS_H
#define SALLYPORT_MCP_DOCUMENTS_H

#include "common/schema/schema.h"

/* The schema document as JSON, or compiled; kept by the pool. Built-in, so a failure ends the process. */
json_t *document_of_config(h2o_mem_pool_t *pool);
json_t *document_of_tool(h2o_mem_pool_t *pool);
json_t *document_of_resource(h2o_mem_pool_t *pool);
json_t *document_of_prompt(h2o_mem_pool_t *pool);
json_t *document_of_rules(h2o_mem_pool_t *pool);

#endif
