/* SPDX-License-Identifier: Apache-2.0 */
/* The tool calls under way. A call whose grant, token or client dies is cancelled, and so is one whose client leaves:
 * its statement is stopped, and the call ends as soon as the database has said how that went. */
#ifndef SALLYPORT_MCP_RUNNING_H
#define SALLYPORT_MCP_RUNNING_H

#include "common/request.h"
#include "mcp/token_cache.h"

struct running_calls { /* zeroed: no calls and nobody who looks after them */
	h2o_loop_t *loop;
	h2o_timeout_t timeout; /* runs while there are calls */
	h2o_timeout_entry_t tick;
	struct running *first;
	int64_t end_ms; /* then all of them end (running_end_after); 0: never */
};

enum running_end { RUNNING_ON, RUNNING_REVOKED, RUNNING_CLIENT_LEFT, RUNNING_SERVER_ENDS, RUNNING_CANCELLED };

struct running { /* part of a call */
	struct running_calls *calls;
	struct request *r;
	struct running *next, **at; /* `at` NULL: not among the calls under way */
	enum running_end end;
	const char *reason; /* of the end; fixed text */
	int64_t cancelled_ms;
	int64_t doubted_ms, asked_ms; /* running_doubt; 0: there is no doubt */
};

void running_open(struct running_calls *calls, h2o_loop_t *loop);
void running_close(struct running_calls *calls);
/* The server goes down: calls that are not through by then are cancelled, so that they get an answer and leave no
 * statement behind. */
void running_end_after(struct running_calls *calls, int64_t ms);
/* The backend of call_of(r) begins; from here on the request outlives its client until running_remove. */
void running_add(struct running_calls *calls, struct request *r);
void running_remove(struct request *r);
/* Events may have been missed: of each call it is asked whether its token is still alive, until somebody can say. One
 * whose token is not is cancelled. */
void running_doubt(struct running_calls *calls);
/* Cancels the calls of this grant, token (by jti) or client; how many. `reason` is fixed text. */
size_t running_revoke(struct running_calls *calls, enum token_key key, h2o_iovec_t value, const char *reason);
/* Cancels this one. `reason` is fixed text. */
void running_stop(struct request *r, enum running_end end, const char *reason);
/* notifications/cancelled of the legacy era: cancels the call with this id, of the same session as the notification, or
 * without one of the same client of the same person. */
void running_cancel(struct request *notification, const json_t *id);

#endif
