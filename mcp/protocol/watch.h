/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants to hear of changes: the GET streams of the legacy era and subscriptions/listen of the modern one. A watch
 * lives without its request, in a few hundred bytes. It ends with its reader, and with the token that opened it: when
 * that expires, is revoked, or has not been heard of for too long.
 *
 * A client that has come back for the events of a call (stream_resume) listens too: it counts as the others, and what
 * ends their streams ends its reading, but not the call. */
#ifndef SALLYPORT_MCP_WATCH_H
#define SALLYPORT_MCP_WATCH_H

#include "mcp/protocol/session.h"
#include "mcp/caller/token_cache.h"

struct mcp;
struct stream;
struct watch;

enum watch_kind { WATCH_TOOLS = 1, WATCH_PROMPTS = 2, WATCH_RESOURCES = 4, WATCH_ALL = 7 };

struct watches {            /* zeroed until watches_open */
	h2o_linklist_t all; /* newest first */
	size_t count, limit, limit_per_caller;
	bool is_marked; /* watch.is_first is what it should be */
};

struct watch_options {
	unsigned kinds;
	h2o_iovec_t id; /* modern: JSON text of the subscription's id; base NULL: legacy */
	char **uris;    /* modern: resources; malloc'ed, taken */
	size_t uri_count;
	h2o_iovec_t first; /* sent first; may be empty */
};

void watches_open(struct watches *watches, size_t limit, size_t limit_per_caller);
/* False if the caller of r, or all callers, have as many as they may: the request has its answer then. */
bool watch_may_open(struct request *r);
/* Begins the stream; the request ends. */
step_result watch_open(struct request *r, const struct watch_options *options);

/* The caller of r, who may open one, reads the stream of a call: stream_leave ends that. */
struct watch *watch_reader(struct request *r, struct stream *stream);
/* It does so no more. */
void watch_reader_gone(struct watch *reader);

/* Once a second. */
void watches_tick(void *mcp);
/* Ends those of this grant, token (by jti) or client. */
void watch_revoke(struct mcp *mcp, enum token_key key, h2o_iovec_t value);
/* Events may have been missed: a token that nobody has heard of for half a minute from now is not believed. */
void watch_doubt(struct mcp *mcp);
/* The server goes down; no more begin. Who reads the stream of a call stays until that ends. */
void watch_end_all(struct mcp *mcp);
/* The session ends. */
void watch_end_session(struct mcp *mcp, const uint8_t owner[SESSION_OWNER_SIZE]);

/* Tells everybody who listens that these lists have changed: for backends that change them (tests/conformance). */
void watch_changed(struct mcp *mcp, unsigned kinds);
/* There is a new catalogue: tells each only of the lists that are different for him. */
void watch_catalogue_changed(struct mcp *mcp);
/* The content of a resource has changed: tells who subscribed to it and may still read it. */
void watch_resource_changed(struct mcp *mcp, h2o_iovec_t uri);

#endif
