/* SPDX-License-Identifier: Apache-2.0 */
/* tools/list and tools/call: policy, arguments, record; and what a backend is to do and how it answers. */
#ifndef SALLYPORT_MCP_TOOLS_H
#define SALLYPORT_MCP_TOOLS_H

#include "mcp/call.h"

step_result tools_list(struct request *r);
step_result tools_call(struct request *r);
/* The request ends with an error of the server: a call that was running is audited, as failed or, if it may have
 * changed something, as unknown. STEP_DONE if the call was cancelled, which has another answer: this one. */
step_result tools_call_failed(struct request *r);
/* The headers or the envelope of the message are refused: if it wanted to call a tool, that is on record too. False if
 * the audit log could not be written. */
bool tools_refused(struct request *r);

/* A backend runs the tool of call_of(r) with its checked arguments and ends with one of the two answers below; the
 * record of the call is not its business. */
step_result backend_sql_run(struct request *r); /* backend_sql.c */
/* The backend stops as soon as it can and its answer comes; may be called again. */
void backend_sql_cancel(struct request *r);
/* It does not stop: the call ends, now. False if there is nothing to end. */
bool backend_sql_give_up(struct request *r);
/* `result`: what result.h made; `rows` for the record. */
step_result tools_answer(struct request *r, h2o_iovec_t result, size_t rows);
/* The tool failed. `text` helps the model and tells nothing of the inside. */
step_result tools_answer_problem(struct request *r, const char *text);
/* The backend has stopped, or ended by itself, after running.c had cancelled the call (call->running.end). */
step_result tools_answer_cancelled(struct request *r, enum call_effect effect);

#endif
