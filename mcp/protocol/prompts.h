/* SPDX-License-Identifier: Apache-2.0 */
/* prompts/list and prompts/get. */
#ifndef SALLYPORT_MCP_PROMPTS_H
#define SALLYPORT_MCP_PROMPTS_H

#include "mcp/call/call.h"

step_result prompts_list(struct request *r);
step_result prompts_get(struct request *r);

#endif
