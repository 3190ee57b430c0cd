/* SPDX-License-Identifier: Apache-2.0 */
/* What a backend says to the client while it works, and what it asks of it: both eras behind one face. Only tools/call,
 * resources/read and prompts/get have a conversation. */
#ifndef SALLYPORT_MCP_CONVERSATION_H
#define SALLYPORT_MCP_CONVERSATION_H

#include "common/secret.h"
#include "mcp/call/call.h"

/* ---- saying (say.c) ---- */

/* What is said stands outside of the result, and cannot be marked as that can: backends say nothing of what strangers
 * wrote. Of an untrusted tool only numbers are said, no message and no log. What others say is made visible and bounded
 * by its backend. */

/* Nothing without a progressToken, or where the client takes no event stream. What does not increase is left out, and
 * what comes more often than twenty times a second. `total` < 0: unknown; `message`: NULL if there is none. */
void say_progress(struct request *r, double progress, double total, const char *message);

/* The same for nothing said yet: false where it would go nowhere, or come too often, so that none of it is copied. */
bool say_takes_progress(struct request *r, double progress);

enum severity { /* RFC 5424 */
	        SEVERITY_DEBUG,
	        SEVERITY_INFO,
	        SEVERITY_NOTICE,
	        SEVERITY_WARNING,
	        SEVERITY_ERROR,
	        SEVERITY_CRITICAL,
	        SEVERITY_ALERT,
	        SEVERITY_EMERGENCY,
	        SEVERITIES
};
/* To the client, where it asked for messages of this severity: logging/setLevel of the session, or in the modern era
 * the logLevel of the request. `logger`: NULL if there is none; `json`: any value. Never secrets. */
void say_log(struct request *r, enum severity severity, const char *logger, h2o_iovec_t json);
/* It was asked for. */
bool say_takes_log(struct request *r, enum severity severity);
/* SEVERITIES if there is none of this name. */
enum severity severity_of(h2o_iovec_t name);

/* The connection ends and the call goes on: the client comes back after so long for what it misses. False where it
 * cannot (before 2025-11-25, without a session, in the modern era): then nothing happens. */
bool say_come_back(struct request *r, unsigned retry_ms);

/* ---- going on without the client (tasks.c) ---- */

/* Ends the step: the call is answered with the handle of a task, and the backend runs again, as that task. Only where
 * client_can(r, "tasks"). */
step_result task_become(struct request *r);
/* It is a task: what is said goes nowhere, and what is asked waits for tasks/update. */
bool task_runs(const struct request *r);

/* ---- asking (ask.c) ---- */

/* This client has declared it: "elicitation" (with a form), "elicitation.url", "sampling", "sampling.tools",
 * "sampling.context", "roots"; in the modern era "tasks". */
bool client_can(const struct request *r, const char *capability);

struct input_request {
	const char *key;    /* under which the answer comes; constant */
	const char *method; /* "elicitation/create", "sampling/createMessage", "roots/list" */
	h2o_iovec_t params; /* JSON text of an object, in the request's pool */
	bool is_own;        /* the caller's own words, shown as they are; what a tool asks is redacted */
};
/* Asks for what is not answered yet, and ends the step. When the answers are there, the backend's run is called again,
 * and ask_answer gives all answers so far. Legacy: requests on the stream, answered by POSTs. Modern: the request ends
 * as input_required, and the client's retry runs the backend anew. What the client has not declared ends the call:
 * -32021 in the modern era, a problem in the legacy one. `state` (may be empty) comes back by ask_state. */
step_result ask_client(struct request *r, const struct input_request *requests, size_t count, h2o_iovec_t state);
/* The client's result, checked: structure, and a form's content by the schema that was asked for. NULL: not yet. */
const json_t *ask_answer(const struct request *r, const char *key);
/* Behind ask_client in the modern era: the client has got the questions; false: the call ended instead. */
bool ask_was_asked(const struct call *call);
struct secret ask_state(const struct request *r);
/* The call needs what this client has not declared: how it ends. */
step_result ask_refuse(struct request *r, const char *capability);

/* ---- for invoke.c, running.c and transport.c ---- */

/* Takes inputResponses and requestState of a retry (2026-07-28, basic/patterns/mrtr). NULL, or why they are refused. */
const char *ask_retry_problem(struct request *r);
/* A response that a client has posted: goes to the call of the same session that asks. */
void ask_take_response(struct request *r, const struct rpc_message *message);
/* Between two ticks of running.c: a call whose client does not answer in time, or that was cancelled, goes on to its
 * end. True if it did. */
bool ask_look_after(struct request *r, bool is_cancelled, int64_t now_ms);
/* True while the call waits for its client and for nothing else. */
bool ask_is_waiting(const struct call *call);

#endif
