/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/used_proofs.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* Half of a SHA-256: two proofs that share it are as good as impossible to find, and would only harm who made them. */
enum { MARK_SIZE = 16, SLOTS_MIN = 64 };
typedef uint8_t mark[MARK_SIZE];

/* Open addressing, at most half full; a mark of zeros is a free slot. */
struct generation {
	mark *slots;
	size_t slot_count, count;
	int64_t started_ms;
};

struct used_proofs {
	struct generation now, before; /* what is in neither is too old to be taken */
	size_t capacity;
	int64_t lifetime_ms, since;
};

static const mark FREE;

static void generation_begin(struct generation *g, int64_t now_ms)
{
	*g = (struct generation){.slot_count = SLOTS_MIN, .started_ms = now_ms};
	g->slots = calloc(g->slot_count, sizeof(mark));
	if (g->slots == NULL)
		h2o_fatal("no memory");
}

struct used_proofs *used_proofs_open(size_t capacity, int64_t lifetime_ms)
{
	struct used_proofs *used = h2o_mem_alloc(sizeof(*used));

	/* another process may have taken one in this very second */
	*used = (struct used_proofs){.capacity = capacity, .lifetime_ms = lifetime_ms, .since = clock_now() + 1};
	generation_begin(&used->now, INT64_MIN / 2);
	generation_begin(&used->before, INT64_MIN / 2);
	return used;
}

void used_proofs_close(struct used_proofs *used)
{
	free(used->now.slots);
	free(used->before.slots);
	free(used);
}

int64_t used_proofs_since(const struct used_proofs *used)
{
	return used->since;
}

/* The slot of the mark, or the free one where it would be. The digest is a hash already. */
static mark *slot_of(const struct generation *g, const mark m)
{
	uint64_t at;

	memcpy(&at, m, sizeof(at));
	for (;; at++) {
		mark *slot = &g->slots[at & (g->slot_count - 1)];
		if (memcmp(*slot, m, MARK_SIZE) == 0 || memcmp(*slot, FREE, MARK_SIZE) == 0)
			return slot;
	}
}

static bool has(const struct generation *g, const mark m)
{
	return memcmp(*slot_of(g, m), m, MARK_SIZE) == 0;
}

static void grow(struct generation *g)
{
	struct generation larger = {.slot_count = g->slot_count * 2, .count = g->count, .started_ms = g->started_ms};

	larger.slots = calloc(larger.slot_count, sizeof(mark));
	if (larger.slots == NULL)
		h2o_fatal("no memory");
	for (size_t i = 0; i < g->slot_count; i++)
		if (memcmp(g->slots[i], FREE, MARK_SIZE) != 0)
			memcpy(*slot_of(&larger, g->slots[i]), g->slots[i], MARK_SIZE);
	free(g->slots);
	*g = larger;
}

/* A generation lasts for a lifetime; what came in it is remembered for the whole of the next one, too. */
static void turn(struct used_proofs *used, int64_t now_ms)
{
	if (now_ms - used->now.started_ms < used->lifetime_ms)
		return;
	free(used->before.slots);
	used->before = used->now;
	generation_begin(&used->now, now_ms);
}

enum proof_use used_proofs_add(struct used_proofs *used, const uint8_t digest[SHA256_SIZE], int64_t now_ms)
{
	mark m;

	memcpy(m, digest, MARK_SIZE);
	if (memcmp(m, FREE, MARK_SIZE) == 0)
		m[0] = 1;
	turn(used, now_ms);
	if (has(&used->now, m) || has(&used->before, m))
		return PROOF_AGAIN;
	if (used->now.count >= used->capacity)
		return PROOF_NO_ROOM;
	if (2 * (used->now.count + 1) > used->now.slot_count)
		grow(&used->now);
	memcpy(*slot_of(&used->now, m), m, MARK_SIZE);
	used->now.count++;
	return PROOF_FIRST;
}
