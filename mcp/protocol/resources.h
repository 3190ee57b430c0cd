/* SPDX-License-Identifier: Apache-2.0 */
/* resources/list, resources/templates/list and resources/read. A URI is compared byte for byte: it is that of a
 * resource, or it matches a template, or there is nothing of this name. */
#ifndef SALLYPORT_MCP_RESOURCES_H
#define SALLYPORT_MCP_RESOURCES_H

#include "mcp/call/answer.h"
#include "mcp/catalogue/resource.h"

step_result resources_list(struct request *r);
step_result resources_templates_list(struct request *r);
step_result resources_read(struct request *r);

/* For backends: the one content of call_of(r)'s resource. Text of an untrusted one is marked. `mime_type`: where its
 * file names none; may be NULL. */
void resources_text_outcome(struct request *r, h2o_iovec_t text, const char *mime_type, struct outcome *ret);
void resources_data_outcome(struct request *r, h2o_iovec_t bytes, struct outcome *ret);

#endif
