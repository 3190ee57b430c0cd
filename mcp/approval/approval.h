/* SPDX-License-Identifier: Apache-2.0 */
/* A call that changes something may need that its person says yes to exactly this call: the client is asked to ask
 * (elicitation, in both eras), before the call is on record as started. What was approved is the tool as it is defined
 * and these arguments, by this person through this client, within ten minutes (five where the client is asked on a
 * stream), for one call. */
#ifndef SALLYPORT_MCP_APPROVAL_H
#define SALLYPORT_MCP_APPROVAL_H

#include "mcp/call/call.h"

/* The second half of invoke.c's way: goes on with invoke_approved, at once or when the person has said yes, or ends the
 * request. */
step_result approval_demand(struct request *r);

enum { APPROVAL_LIFETIME_S = 10 * 60 };

/* For ask_modern.c: what a requestState carries so that its retry counts once. A new reference, or NULL where the
 * call's tool needs no approval. */
json_t *approval_ticket_make(struct request *r);

#endif
