/* SPDX-License-Identifier: Apache-2.0 */
/* JSON-RPC batches, which the revision 2025-03-26 had and no other has. */
#ifndef SALLYPORT_MCP_BATCH_H
#define SALLYPORT_MCP_BATCH_H

#include "mcp/call/call.h"

/* Runs the members of r->body one after another, each as a request of its own, and answers with all their answers; with
 * 202 where there are none. What a stream would be needed for is not there for a member. */
step_result batch_run(struct request *r);

#endif
