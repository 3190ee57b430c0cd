/* SPDX-License-Identifier: Apache-2.0 */
/* Approval at the authorization server: `approval: step_up`. A call without one is answered by a challenge that holds
 * what the client has to ask for (RFC 9396); the person reads it there, and the token that comes of it is good for this
 * call once: this tool with these arguments. */
#ifndef SALLYPORT_MCP_STEP_UP_H
#define SALLYPORT_MCP_STEP_UP_H

#include "mcp/call/call.h"

#define STEP_UP_DETAIL_TYPE "mcp_approval"
/* What authz lets a person read, of JSON text. */
enum { STEP_UP_ARGUMENTS_MAX = 4096 };

/* As approval_demand, of a tool that wants it. */
step_result step_up_demand(struct request *r);

#endif
