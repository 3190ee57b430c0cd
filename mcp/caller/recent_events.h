/* SPDX-License-Identifier: Apache-2.0 */
/* Of which grants, tokens and clients the feed has told a moment ago. An authorization server of several processes
 * tells of a change by one of them and may answer by another, which hears of it a little later. */
#ifndef SALLYPORT_MCP_RECENT_EVENTS_H
#define SALLYPORT_MCP_RECENT_EVENTS_H

#include "mcp/caller/token_cache.h"

enum { RECENT_EVENTS = 1024, RECENT_MS = 5000 };

struct recent_events { /* zeroed: none */
	struct recent_event {
		uint64_t hash;
		int64_t at_ms;
	} ring[RECENT_EVENTS];
	size_t next;
	uint64_t seed;
};

void recent_events_add(struct recent_events *events, enum token_key key, h2o_iovec_t value, int64_t now_ms);
/* True if there was one within RECENT_MS, or if nobody can say because there were too many. */
bool recent_events_have(const struct recent_events *events, enum token_key key, h2o_iovec_t value, int64_t now_ms);

#endif
