/* SPDX-License-Identifier: Apache-2.0 */
/* Between ask.c, ask_legacy.c and ask_modern.c. */
#ifndef SALLYPORT_MCP_ASK_H
#define SALLYPORT_MCP_ASK_H

#include "mcp/call/conversation.h"

struct question {
	struct question *next;
	const char *key, *method;
	const json_t *params;
	h2o_iovec_t id; /* legacy: of the request on the stream */
};

struct asking {                     /* in the request's pool */
	struct question *questions; /* open ones */
	json_t *answers;            /* key -> result, checked */
	struct secret state;        /* the backend's */
	const json_t *ticket;       /* modern: of the requestState that came (approval.h); NULL: it has none */
	int use;                    /* enum approval_use of it (store_approval.c) */
	bool was_asked;             /* modern: the client gets the questions */
	/* legacy */
	bool is_waiting;
	int64_t until_ms;
	const char *problem; /* the client has answered in a way that ends the call */
};

struct asking *asking_of(struct request *r);
/* Ask the questions of asking_of(r). */
step_result ask_legacy(struct request *r);
step_result ask_modern(struct request *r);
/* Waits for answers to the questions of asking_of(r): those of a task come by tasks/update. */
step_result ask_wait(struct request *r);

/* The open questions as InputRequests; a new reference. */
json_t *ask_questions(const struct request *r);
/* Answers to some of the questions of a task. NULL, or why they are refused, in the pool. */
const char *ask_take_inputs(struct request *asked, const json_t *responses, h2o_mem_pool_t *pool);

#endif
