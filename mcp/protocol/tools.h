/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_MCP_TOOLS_H
#define SALLYPORT_MCP_TOOLS_H

#include "mcp/call/call.h"

step_result tools_list(struct request *r);
step_result tools_call(struct request *r);

#endif
