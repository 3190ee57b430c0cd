/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/revocation.h"

#include "common/clock.h"
#include "common/log.h"
#include "mcp/caller/bearer.h"
#include "mcp/caller/feed.h"
#include "mcp/caller/introspection.h"
#include "mcp/call/running.h"
#include "mcp/call/tasks.h"
#include "mcp/caller/token_cache.h"
#include "mcp/backend/upstream/upstream_parked.h"
#include "mcp/backend/upstream/upstreams.h"

enum { AGE_LIMIT_LIVE_MS = 60 * 60 * 1000 };

int64_t revocation_age_limit_ms(const struct mcp *mcp, int64_t now_ms)
{
	return feed_is_live(mcp->feed, now_ms) ? AGE_LIMIT_LIVE_MS : mcp->settings.introspection_cache_ms;
}

static void forget(struct mcp *mcp, enum token_key key, h2o_iovec_t id)
{
	token_cache_drop(mcp->tokens, key, id);
	introspection_disturb(mcp->introspection, key, id);
}

static void end_all(struct mcp *mcp, enum token_key key, h2o_iovec_t id, const char *reason)
{
	forget(mcp, key, id);
	watch_revoke(mcp, key, id);
	tasks_revoke(&mcp->tasks, key, id);
	if (mcp->upstreams != NULL)
		parked_revoke(upstreams_parked(mcp->upstreams), key, id);
	size_t ended = running_revoke(&mcp->running, key, id, reason);
	if (ended > 0)
		log_event(LOG_INFO, "running calls cancelled", "reason", reason, NULL);
}

void revocation_apply(void *data, const struct feed_event *event)
{
	struct mcp *mcp = data;

	switch (event->kind) {
	case FEED_NOTHING: return;
	case FEED_GRANT_DEAD: end_all(mcp, TOKEN_GRANT, event->id, "the grant was revoked"); return;
	case FEED_TOKEN_DEAD: end_all(mcp, TOKEN_JTI, event->id, "the token was revoked"); return;
	case FEED_CLIENT_DEAD: end_all(mcp, TOKEN_CLIENT, event->id, "the client was disabled"); return;
	case FEED_GRANT_CHANGED:
		forget(mcp, TOKEN_GRANT, event->id);
		watch_revoke(mcp, TOKEN_GRANT, event->id); /* who listens may see something else now */
		return;
	case FEED_EVERYTHING:
		token_cache_drop_all(mcp->tokens);
		introspection_disturb_all(mcp->introspection);
		running_doubt(&mcp->running);
		watch_doubt(mcp);
		return;
	}
}

void revocation_tick(void *data)
{
	struct mcp *mcp = data;
	int64_t now_ms = clock_monotonic_ms();

	for (struct running *running = mcp->running.first; running != NULL; running = running->next) {
		if (running->doubted_ms != 0 || !bearer_is_doubtful(running->r, now_ms))
			continue;
		running->doubted_ms = now_ms;
		running->asked_ms = 0;
	}
}
