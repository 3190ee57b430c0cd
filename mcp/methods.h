/* SPDX-License-Identifier: Apache-2.0 */
/* The table of JSON-RPC methods: which era has it and what it does. The endpoint's guard has proved the bearer. */
#ifndef SALLYPORT_MCP_METHODS_H
#define SALLYPORT_MCP_METHODS_H

#include "mcp/call/call.h"

struct method {
	const char *name;
	unsigned eras;        /* ERA_LEGACY, ERA_MODERN */
	const char *named_by; /* member of params that the header Mcp-Name repeats; NULL if none */
	step_fn *run;
};

/* NULL if there is none. */
const struct method *method_find(h2o_iovec_t name);
/* Runs it for the message of call_of(r), or answers why not. `method` may be NULL. */
step_result method_run(struct request *r, const struct method *method);

/* say.c: logging/setLevel */
step_result say_set_level(struct request *r);
/* listen.c: subscriptions/listen, resources/subscribe and resources/unsubscribe */
step_result listen_open(struct request *r);
step_result listen_subscribe(struct request *r);
step_result listen_unsubscribe(struct request *r);

/* lifecycle.c */
step_result lifecycle_initialize(struct request *r);
step_result lifecycle_ping(struct request *r);
step_result lifecycle_discover(struct request *r);

#endif
