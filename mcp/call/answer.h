/* SPDX-License-Identifier: Apache-2.0 */
/* How the run of an item ends: what a backend brings becomes the result that its method has in the caller's era, and
 * the call is on record before anything of it leaves. */
#ifndef SALLYPORT_MCP_ANSWER_H
#define SALLYPORT_MCP_ANSWER_H

#include "mcp/call/call.h"
#include "mcp/catalogue/item.h"

struct outcome { /* texts are JSON and live in the request's pool */
	/* tool: array of content blocks; resource: array of contents; prompt: array of messages; values of an argument:
	 * the object `completion` */
	h2o_iovec_t content;
	h2o_iovec_t structured; /* tool: structuredContent; base NULL if there is none */
	h2o_iovec_t meta;       /* members of _meta without the braces; base NULL if there are none */
	bool is_error;          /* tool: the content tells a problem */
	size_t rows;            /* for the record */
	unsigned ttl_ms;        /* resource: so long it stays what it is */
};

/* ---- the ends of a backend: one of them, once ---- */
step_result answer_outcome(struct request *r, const struct outcome *outcome);
/* It failed. `text` helps the model and tells nothing of the inside. A tool answers with isError; a resource and a
 * prompt with the error -32603. */
step_result answer_problem(struct request *r, const char *text);
/* The same behind a point from which on something may have been changed: what is known of that goes with the text and
 * into the record, so that nobody simply tries again. EFFECT_NONE: nothing was changed, as answer_problem. */
step_result answer_problem_after(struct request *r, const char *text, enum call_effect effect);
/* The same with what a service says of it, as it came (base NULL: nothing): it leaves as a stranger's words. */
step_result answer_problem_said(struct request *r, const char *text, h2o_iovec_t said, enum call_effect effect);
/* The resource is not there: the answer is that for one that nobody knows. */
step_result answer_absent(struct request *r);
/* The backend has stopped, or ended by itself, after running.c had cancelled the call (call->running.end). */
step_result answer_cancelled(struct request *r, enum call_effect effect);

/* The call is refused after all, behind its first check: of a tool, with words for the model. */
step_result answer_refused(struct request *r, const char *text);

/* It ends with an error of the protocol. `data`: JSON text or NULL. */
step_result answer_error(struct request *r, int status, struct rpc_problem problem, const char *data);
/* It cannot go on before the client has answered: `result` is the InputRequiredResult (ask_modern.c). */
step_result answer_asks(struct request *r, h2o_iovec_t result);
/* It goes on as a task: `result` is the CreateTaskResult (tasks.c). */
step_result answer_task(struct request *r, h2o_iovec_t result);

/* ---- for the transport ---- */
/* The request ends with an error of the server: a call that was running is audited, as failed or, if it may have
 * changed something, as unknown. STEP_DONE if the call was cancelled, which has another answer: this one. */
step_result answer_failed(struct request *r);

/* ---- parts ---- */
/* The rules of the call's item: what of its texts does not leave. */
static inline const struct redact_rules *answer_rules(const struct request *r)
{
	const struct item *item = call_of(r)->item;

	return item != NULL && item->redact != NULL ? item->redact : redact_default_rules();
}
/* No resource of the URI that was asked for, as the caller's era says it. `text` is for the model. */
step_result answer_not_found(struct request *r, const char *text);
#define ANSWER_NOT_FOUND "Resource not found"
/* JSON of a CallToolResult with isError. */
h2o_iovec_t answer_tool_error(struct request *r, const char *text);
/* [{"type":"text","text":...}] */
h2o_iovec_t answer_text_content(h2o_mem_pool_t *pool, h2o_iovec_t text);
/* The audit log cannot be written: nothing is told. */
step_result answer_without_record(struct request *r);

#endif
