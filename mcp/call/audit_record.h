/* SPDX-License-Identifier: Apache-2.0 */
/* One line in the audit log for each attempt to use an item (tool_call, resource_read, prompt_get, completion), and one
 * more before a tool that changes something runs. */
#ifndef SALLYPORT_MCP_AUDIT_RECORD_H
#define SALLYPORT_MCP_AUDIT_RECORD_H

#include "mcp/call/call.h"

/* What became of call_of(r): allowed, withheld (it ran, but its result was not what
 * its file promises), denied, invalid, failed, asked (it goes on
 * when the client comes again with its answers), task (it goes on as one, whose end has a line of its own), cancelled
 * (with the reason, and of a tool that is not of tier read with its effect: none, committed or unknown), acquirable,
 * unknown; or started, of a tool that is not of tier read. Lines about such tools are on the disk when this returns.
 * False if the line could not be written: nothing may then be done or answered. */
bool audit_record_call(struct request *r, const char *outcome, size_t rows);
/* Rules in shadow mode would have refused the call, which goes on: `rules` are their names. */
void audit_record_shadow(struct request *r, const char *rules);
/* A copy in which the values of members with a telling name ("password", "api_key") are replaced. A new reference. */
json_t *audit_redact(const json_t *arguments);

#endif
