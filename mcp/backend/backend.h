/* SPDX-License-Identifier: Apache-2.0 */
/* A backend runs an item with checked arguments. Each is one file, backend_*.c, declared in backends.h, and stands in
 * backends.c; the member of an item's file that has its name is its part. Who may run the item, whether its arguments
 * are valid, and the record of the call are not its business (invoke.h), nor are the envelopes of answers and what is
 * redacted in them (answer.h).
 *
 * What is its business: a deadline for all that it waits for, a bound for all that it takes in, and, of an item that is
 * `untrusted`, marks for what strangers wrote (untrusted_wrap around texts, UNTRUSTED_META in the outcome's meta). What
 * cannot be seen is guard.h's.
 * Nothing of it blocks: what does goes to threads (common/worker.h).
 *
 * Of call_of(r) it reads item, kind, plan, arguments, name (the URI of a resource) and running.end, and has `work` for
 * itself. Everything of a call lives in r->pool. */
#ifndef SALLYPORT_MCP_BACKEND_H
#define SALLYPORT_MCP_BACKEND_H

#include "common/request.h"
#include "mcp/catalogue/item.h"

struct loading;

struct backend {
	const char *name;   /* the member of the file with its part: "sql", "static" */
	const char *schema; /* YAML text: JSON Schema of that member; part of `sallyport-mcp schema` */
	unsigned kinds;     /* bit 1 << ITEM_...: where it may stand */
	/* NULL, or a problem that begins with the place ("/sql/timeout: ..."). Sets item->plan. */
	const char *(*load)(struct loading *l, const json_t *part, struct item *item);
	/* Runs call_of(r)->plan with call_of(r)->arguments and ends with one of the answers of answer.h, or asks
	 * (ask_client). Is called again, with `work` as it was, when the client has answered on its stream; the modern
	 * era's retry is a new request. Where it waits: run_steps, and STEP_WAIT; the step that request_resume leads to
	 * looks at running.end first, and unless that is RUNNING_ON ends with answer_cancelled.
	 *
	 * Sets r->was_sent as soon as anything may have left that changes something: a call that breaks off is then on
	 * record as `unknown`, not as `failed`. From there on a failure ends with answer_problem_after. */
	step_result (*run)(struct request *r);
	/* Stops as soon as it can; the answer comes by request_resume in a later turn of the loop, never inside of this
	 * call. May be called again, before anything waits (`work` NULL) and after it has stopped. NULL where it never
	 * waits, or only for what soon ends by itself. */
	void (*cancel)(struct request *r);
	/* It has not stopped half a second after cancel: the call ends, now; request_resume may be called inside, and
	 * the request is gone then. Nothing happens if nothing waits. NULL where what cancel does is always the end. */
	void (*give_up)(struct request *r);
};

extern const struct backend *const BACKENDS[]; /* backends.c, NULL at the end: the one place that names them */

#endif
