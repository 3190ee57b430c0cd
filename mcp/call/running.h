/* SPDX-License-Identifier: Apache-2.0 */
/* The tool calls under way. A call whose grant, token or client dies is cancelled, and so is one whose client leaves:
 * its statement is stopped, and the call ends as soon as the database has said how that went.
 *
 * What a call belongs to is the grant: a token that merely expires while it runs ends nothing.
 *
 * A person has a bounded number of them, by whatever clients, and of each database's connections never the last free
 * one beside another (db.h): so there is a place for everybody else. */
#ifndef SALLYPORT_MCP_RUNNING_H
#define SALLYPORT_MCP_RUNNING_H

#include "common/request.h"
#include "mcp/caller/token_cache.h"

enum { RUNNING_CHAINS = 256 };

struct running_calls { /* zeroed: no calls and nobody who looks after them */
	h2o_loop_t *loop;
	h2o_timeout_t timeout; /* runs while there are calls */
	h2o_timeout_entry_t tick;
	struct running *first, *to_look_at;             /* on_tick goes on there */
	int64_t end_ms;                                 /* then all of them end (running_end_after); 0: never */
	unsigned limit;                                 /* of one person; 0: none */
	struct running_person *persons[RUNNING_CHAINS]; /* that have some */
};

enum running_end { RUNNING_ON, RUNNING_REVOKED, RUNNING_CLIENT_LEFT, RUNNING_SERVER_ENDS, RUNNING_CANCELLED };

struct running { /* part of a call */
	struct running_calls *calls;
	struct request *r;
	struct running *next, **at; /* `at` NULL: not among the calls under way */
	struct running_person *person;
	struct quota_turns *turns; /* of its item; NULL: it has no such limit */
	enum running_end end;
	const char *reason; /* of the end; fixed text */
	int64_t cancelled_ms;
	int64_t doubted_ms, asked_ms; /* running_doubt; 0: there is no doubt */
};

/* `limit`: calls of one person; 0: any number. */
void running_open(struct running_calls *calls, h2o_loop_t *loop, unsigned limit);
void running_close(struct running_calls *calls);
/* The server goes down: calls that are not through by then are cancelled, so that they get an answer and leave no
 * statement behind. */
void running_end_after(struct running_calls *calls, int64_t ms);
/* There is no time left: all of them are cancelled, and those that wait for their clients end. */
void running_end_all(struct running_calls *calls);
/* The backend of call_of(r) begins; from here on the request outlives its client until running_remove. */
void running_add(struct running_calls *calls, struct request *r);
void running_remove(struct request *r);
/* The caller of r has as many calls under way as a person may have. */
bool running_is_full(const struct request *r);
/* Events may have been missed: of each call it is asked whether its token is still alive, until somebody can say. One
 * whose token is not is cancelled. Where the token has expired, another one of the same grant says as much; if none
 * comes for half a minute, the call is cancelled. */
void running_doubt(struct running_calls *calls);
/* Cancels the calls of this grant, token (by jti) or client; how many. `reason` is fixed text. */
size_t running_revoke(struct running_calls *calls, enum token_key key, h2o_iovec_t value, const char *reason);
/* Cancels this one. `reason` is fixed text. */
void running_stop(struct request *r, enum running_end end, const char *reason);
/* notifications/cancelled of the legacy era: cancels the call with this id, of the same session as the notification, or
 * without one of the same client of the same person. */
void running_cancel(struct request *notification, const json_t *id);

#endif
