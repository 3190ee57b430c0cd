/* SPDX-License-Identifier: Apache-2.0 */
/* The one way to a backend, for tools/call, resources/read and prompts/get alike: the decision about the caller, the
 * arguments, the record. */
#ifndef SALLYPORT_MCP_INVOKE_H
#define SALLYPORT_MCP_INVOKE_H

#include "mcp/call/call.h"

/* call_of(r)->kind, name and arguments are what was asked for; `item` NULL: there is no such item. An item that is
 * hidden from the caller and one that does not exist get the same answer, byte for byte. */
step_result invoke(struct request *r, const struct item *item);
/* Its second half, for an item that invoke_admit let through: the arguments, then the backend. */
step_result invoke_admitted(struct request *r);
/* Its end, for a call whose person has approved it, or need not: its turn, the record, the backend. */
step_result invoke_approved(struct request *r);
/* The same without running anything, for methods that only ask about an item (completion, subscription): STEP_NEXT if
 * the caller may use it, else the request has its answer. */
step_result invoke_admit(struct request *r, const struct item *item);
/* Scopes for a challenge about the call's item: a client that takes them alone loses nothing. */
struct scopes invoke_challenge_scopes(struct request *r);
/* Runs a backend for the caller that was admitted: its end is on record. */
step_result invoke_run(struct request *r, const struct backend *backend, const void *plan);
/* STEP_NEXT if the caller may have one more call under way, else the request has its answer. Before anything of the
 * call is on record. */
step_result invoke_take_turn(struct request *r);
/* The headers of the message differ from its arguments. `text` is fixed but for names of headers. */
step_result invoke_mismatch(struct request *r, const char *text);
/* The params of the call are not in the form that its method wants. `text` is fixed English. */
step_result invoke_malformed(struct request *r, const char *text);
/* The headers or the envelope of the message are refused: if it wanted to use an item, that is on record too. False if
 * the audit log could not be written. */
bool invoke_refused(struct request *r, const char *outcome);

#endif
