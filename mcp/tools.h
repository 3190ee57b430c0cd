/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SALLYPORT_MCP_TOOLS_H
#define SALLYPORT_MCP_TOOLS_H

#include "mcp/call.h"

step_result tools_list(struct request *r);
step_result tools_call(struct request *r);
/* The request ends with an error of the server: a call that was running is audited, as failed or, if it may have
 * changed something, as unknown. */
void tools_call_failed(struct request *r);
/* The headers or the envelope of the message are refused: if it wanted to call a tool, that is on record too. False if
 * the audit log could not be written. */
bool tools_refused(struct request *r);

/* A backend runs the tool of call_of(r) with its checked arguments and ends with one of the two answers below; the
 * record of the call is not its business. */
step_result backend_sql_run(struct request *r); /* backend_sql.c */
/* `result`: what result.h made; `rows` for the record. */
step_result tools_answer(struct request *r, h2o_iovec_t result, size_t rows);
/* The tool failed. `text` helps the model and tells nothing of the inside. */
step_result tools_answer_problem(struct request *r, const char *text);

#endif
