/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/recent_events.h"

/* Two that meet cost a question more. */
static uint64_t hash_of(const struct recent_events *events, enum token_key key, h2o_iovec_t value)
{
	return token_key_hash(events->seed ^ (uint64_t)key, value);
}

void recent_events_add(struct recent_events *events, enum token_key key, h2o_iovec_t value, int64_t now_ms)
{
	if (events->seed == 0)
		random_bytes(&events->seed, sizeof(events->seed));
	events->ring[events->next] = (struct recent_event){hash_of(events, key, value), now_ms};
	events->next = (events->next + 1) % RECENT_EVENTS;
}

bool recent_events_have(const struct recent_events *events, enum token_key key, h2o_iovec_t value, int64_t now_ms)
{
	uint64_t hash = hash_of(events, key, value);

	for (size_t i = 1; i <= RECENT_EVENTS; i++) { /* newest first */
		const struct recent_event *event = &events->ring[(events->next + RECENT_EVENTS - i) % RECENT_EVENTS];

		if (event->at_ms == 0 || now_ms - event->at_ms >= RECENT_MS)
			return false;
		if (event->hash == hash)
			return true;
	}
	return true;
}
