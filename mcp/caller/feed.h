/* SPDX-License-Identifier: Apache-2.0 */
/* The revocation feed: security event tokens by HTTP long poll (RFC 8936) from the authorization server whose metadata
 * has a revocation_feed_endpoint. The server keeps nothing of a poller: an acknowledged SET says how far one has read.
 */
#ifndef SALLYPORT_MCP_FEED_H
#define SALLYPORT_MCP_FEED_H

#include "common/egress.h"
#include "mcp/caller/feed_event.h"
#include "mcp/caller/jwks.h"

struct feed_options { /* what it points to must live as long as the feed */
	h2o_loop_t *loop;
	struct egress *egress;
	struct jwks *jwks;
	const char *issuer, *resource;
	const char *authorization; /* "Basic ..." */
	/* In the order in which they came, before the next poll acknowledges them; never FEED_NOTHING. */
	void (*on_event)(void *data, const struct feed_event *event);
	void *data;
};

struct feed;
struct feed *feed_open(const struct feed_options *options);
/* Once a second: begins to poll where there is something to poll. */
void feed_tick(void *feed);
/* True if every death that the authorization server has told of by now is known here, but for the time on the way: the
 * newest poll was answered well and with all that there was, and the next one is open, no longer than such a poll may
 * take. Also false for NULL. */
bool feed_is_live(const struct feed *feed, int64_t now_ms);
/* Before egress_close: the poll that ends there is the last one. */
void feed_stop(struct feed *feed);
void feed_close(struct feed *feed);

#endif
