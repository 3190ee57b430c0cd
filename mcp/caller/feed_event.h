/* SPDX-License-Identifier: Apache-2.0 */
/* Security event tokens (RFC 8417) of the authorization server: what a verified one says about tokens. */
#ifndef SALLYPORT_MCP_FEED_EVENT_H
#define SALLYPORT_MCP_FEED_EVENT_H

#include "common/jwk.h"

enum feed_event_kind {
	FEED_NOTHING,       /* nothing that a resource server knows of: an ended session, an event of another kind */
	FEED_GRANT_DEAD,    /* id: the grant */
	FEED_TOKEN_DEAD,    /* id: its jti */
	FEED_CLIENT_DEAD,   /* id: the client */
	FEED_GRANT_CHANGED, /* its tokens live but mean something else now */
	FEED_EVERYTHING     /* nobody knows what was missed: forget all */
};

struct feed_event {
	enum feed_event_kind kind;
	h2o_iovec_t id; /* NUL-terminated; not empty where the kind has one */
};

/* Verifies one SET: its type, key and signature, iss, aud, iat, that its jti is the one that it was delivered under,
 * and that each event of it which is known here has a subject of the right form. False and *why otherwise. A SET of
 * several events has the gravest meaning: FEED_EVERYTHING unless only one of them says something. */
bool feed_event_verify(h2o_mem_pool_t *pool, const struct jwk_set *keys, const char *issuer, const char *resource,
                       h2o_iovec_t jti, h2o_iovec_t set, struct feed_event *ret, const char **why);

/* The same of claims whose signature holds. */
bool feed_event_read(const json_t *claims, const char *issuer, const char *resource, h2o_iovec_t jti,
                     struct feed_event *ret, const char **why);

/* The body of an answer to a poll (RFC 8936, 2.4). */
struct feed_answer {
	const json_t *sets; /* jti: SET, both texts */
	bool more_available;
};
bool feed_answer_read(h2o_mem_pool_t *pool, h2o_iovec_t body, struct feed_answer *ret, const char **why);

#endif
