/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of an upstream of the legacy era that wait for what a client of the modern era answers: their request has
 * ended, and the retry finds them by a name that only the client's sealed requestState holds. In this process only, for
 * five minutes, and not many. */
#ifndef SALLYPORT_MCP_UPSTREAM_PARKED_H
#define SALLYPORT_MCP_UPSTREAM_PARKED_H

#include "mcp/caller/token_cache.h"
#include "mcp/backend/upstream/upstream_client.h"

struct parked_calls;

struct parked_call {
	h2o_linklist_t link;
	struct parked_calls *calls;
	char name[48];
	struct bearer *bearer;              /* whose call it is; a reference */
	struct upstream_exchange *exchange; /* NULL: it has ended, with */
	enum upstream_outcome outcome;
	json_t *result;
	size_t bytes; /* of the result */
	json_t *id;   /* of its question */
	char *key;    /* under which the client was asked */
	int64_t until_ms;
};

/* Each holds a place among the calls of its upstream: a person has half of those that an upstream usually has. */
enum { PARKED_MS = 5 * 60 * 1000, PARKED_MAX = 256, PARKED_PERSON_MAX = 8 };
/* Of the results that came meanwhile, as JSON; one that is beyond ends as too large. */
enum { PARKED_BYTES_MAX = 64 * 1024 * 1024, PARKED_PERSON_BYTES_MAX = 8 * 1024 * 1024 };

struct parked_calls *parked_open(h2o_loop_t *loop);
/* Exchanges must have ended. */
void parked_close(struct parked_calls *calls);
/* Takes the events of the exchange over. NULL: there are too many, of this person or of all. */
struct parked_call *parked_add(struct parked_calls *calls, struct upstream_exchange *exchange,
                               const struct bearer *bearer, const json_t *id, const char *key);
/* Nobody will come for it: the upstream is told so. */
void parked_end(struct parked_call *call);
/* Ends those of this grant, token (by jti) or client. One that has no grant ends when its token expires. */
void parked_revoke(struct parked_calls *calls, enum token_key key, h2o_iovec_t value);
/* It is the caller's now, for parked_free; NULL: it waits no more. */
struct parked_call *parked_take(struct parked_calls *calls, const char *name);
void parked_free(struct parked_call *call);

#endif
