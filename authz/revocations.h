/* SPDX-License-Identifier: Apache-2.0 */
/* POST {base}/revocations: RFC 8936, security events for a resource server about what concerns its own resource. A poll
 * that has nothing to be told waits for a notice of the database, 20 s at most, and is answered at once when the server
 * drains. Nothing is kept of receivers: where each of them is, the ids of the events say that it acknowledges. */
#ifndef SALLYPORT_REVOCATIONS_H
#define SALLYPORT_REVOCATIONS_H

#include "authz/poll_request.h"
#include "authz/store.h"

struct revocations;

/* After notices_open. */
struct revocations *revocations_open(struct authz *authz);
void revocations_close(struct revocations *revocations);
/* Answers all that wait; from now on nobody waits. */
void revocations_drain(struct revocations *revocations);

struct revocations_state {
	struct poll_request poll;
	struct request *request;
	h2o_linklist_t link; /* in the list of those that wait */
	uint64_t notices;    /* notices_count when the last question was sent */
	int64_t until_ms;
	bool has_place; /* is counted as one that waits, until it is answered */
};
extern step_fn *const revocations_steps[];

#endif
