/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from an event of the revocation feed: cached tokens go, questions under way are not believed, running
 * calls end. */
#ifndef SALLYPORT_MCP_REVOCATION_H
#define SALLYPORT_MCP_REVOCATION_H

#include "mcp/caller/feed_event.h"
#include "mcp/mcp.h"

/* How old the answer to an introspection may be that is believed now: while the feed is live it would have told of a
 * change; else the setting introspection.cache. */
int64_t revocation_age_limit_ms(const struct mcp *mcp, int64_t now_ms);
/* Once a second: calls under way whose token no event speaks of. `data` is the struct mcp. */
void revocation_tick(void *data);
/* feed_options.on_event; data is the struct mcp. */
void revocation_apply(void *mcp, const struct feed_event *event);

#endif
