/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_MCP_TOOLS_H
#define SALLYPORT_MCP_TOOLS_H

#include "mcp/call.h"

step_result tools_list(struct request *r);
step_result tools_call(struct request *r);
/* The request ends with an error of the server: a call that was running is audited as failed. */
void tools_call_failed(struct request *r);

/* backend_sql.c: runs the tool of call_of(r) with its checked arguments and answers. */
step_result backend_sql_run(struct request *r);

#endif
