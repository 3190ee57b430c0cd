/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of an upstream of the legacy era that wait for what a client of the modern era answers: their request has
 * ended, and the retry finds them by a name that only the client's sealed requestState holds. In this process only, for
 * five minutes, and not many. */
#ifndef SALLYPORT_MCP_UPSTREAM_PARKED_H
#define SALLYPORT_MCP_UPSTREAM_PARKED_H

#include "mcp/upstream_client.h"

struct parked_calls;

struct parked_call {
	h2o_linklist_t link;
	struct parked_calls *calls;
	char name[48];
	struct upstream_exchange *exchange; /* NULL: it has ended, with */
	enum upstream_outcome outcome;
	json_t *result;
	json_t *id; /* of its question */
	char *key;  /* under which the client was asked */
	int64_t until_ms;
};

enum { PARKED_MS = 5 * 60 * 1000, PARKED_MAX = 256 };

struct parked_calls *parked_open(h2o_loop_t *loop);
/* Exchanges must have ended. */
void parked_close(struct parked_calls *calls);
/* Takes the events of the exchange over. NULL: there are too many. */
const struct parked_call *parked_add(struct parked_calls *calls, struct upstream_exchange *exchange, const json_t *id,
                                     const char *key);
/* It is the caller's now, for parked_free; NULL: it waits no more. */
struct parked_call *parked_take(struct parked_calls *calls, const char *name);
void parked_free(struct parked_call *call);

#endif
