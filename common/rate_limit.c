/* SPDX-License-Identifier: Apache-2.0 */
#include "rate_limit.h"

#include <stdlib.h>
#include <string.h>

#include "secret.h"

enum { NEIGHBOURS = 8, MINUTE_MS = 60 * 1000, TAG_SIZE = 16 };

struct bucket {
	uint8_t tag[TAG_SIZE]; /* of kind and key; all zero: never used */
	int64_t level;         /* in tokens times a minute's milliseconds, so that it fills by whole numbers */
	int64_t at_ms;         /* when it had this level */
	uint32_t per_minute;
};

struct rate_limits {
	uint8_t secret[32];
	size_t sets;
	struct bucket *buckets; /* NEIGHBOURS of each set */
};

static void dispose(void *data)
{
	struct rate_limits *limits = data;

	free(limits->buckets);
}

struct rate_limits *rate_limits_make(h2o_mem_pool_t *pool, size_t places)
{
	size_t sets = (places + NEIGHBOURS - 1) / NEIGHBOURS;
	struct rate_limits *limits = h2o_mem_alloc_shared(pool, sizeof(*limits), dispose);

	/* of the kernel, which gives a zeroed page when it is first written to: few are, where few come */
	limits->buckets = calloc(sets * NEIGHBOURS, sizeof(struct bucket));
	if (limits->buckets == NULL)
		h2o_fatal("no memory");
	random_bytes(limits->secret, sizeof(limits->secret));
	limits->sets = sets;
	return limits;
}

static int64_t level_now(const struct bucket *b, int64_t now_ms)
{
	int64_t capacity = (int64_t)b->per_minute * MINUTE_MS, passed = now_ms - b->at_ms;

	if (passed >= MINUTE_MS)
		return capacity;
	int64_t level = b->level + (passed > 0 ? passed * b->per_minute : 0);
	return level < capacity ? level : capacity;
}

/* The place of the key: its own, or that of the stalest neighbour. */
static struct bucket *find_place(struct rate_limits *limits, const uint8_t mac[SHA256_SIZE], bool *is_own)
{
	uint64_t hash;
	struct bucket *stalest = NULL;

	memcpy(&hash, mac + TAG_SIZE, sizeof(hash));
	struct bucket *set = &limits->buckets[hash % limits->sets * NEIGHBOURS];
	for (size_t i = 0; i < NEIGHBOURS; i++) {
		*is_own = memcmp(set[i].tag, mac, TAG_SIZE) == 0;
		if (*is_own)
			return &set[i];
		if (stalest == NULL || set[i].at_ms < stalest->at_ms)
			stalest = &set[i];
	}
	return stalest;
}

/* What a newcomer begins with in a place that held another key. */
static int64_t inherited_level(const struct bucket *b, uint32_t per_minute, int64_t now_ms)
{
	if (b->per_minute == 0 || now_ms - b->at_ms >= MINUTE_MS)
		return (int64_t)per_minute * MINUTE_MS;
	/* the same part of the whole: the two may be of different sizes */
	int64_t level = level_now(b, now_ms) / b->per_minute * per_minute;
	return level > MINUTE_MS ? level : MINUTE_MS;
}

unsigned rate_limit_take(struct rate_limits *limits, unsigned kind, h2o_iovec_t key, uint32_t per_minute,
                         int64_t now_ms)
{
	uint8_t mac[SHA256_SIZE];
	bool is_own;

	if (per_minute == 0)
		return 0;
	hmac_sha256(limits->secret, key, mac);
	mac[0] ^= (uint8_t)kind;
	mac[1] ^= (uint8_t)(kind >> 8);
	struct bucket *b = find_place(limits, mac, &is_own);
	b->level = is_own ? level_now(b, now_ms) : inherited_level(b, per_minute, now_ms);
	if (!is_own || now_ms > b->at_ms) /* a clock that goes back gives nothing twice */
		b->at_ms = now_ms;
	b->per_minute = per_minute;
	memcpy(b->tag, mac, TAG_SIZE);
	if (b->level >= MINUTE_MS) {
		b->level -= MINUTE_MS;
		return 0;
	}
	int64_t wait_ms = (MINUTE_MS - b->level + per_minute - 1) / per_minute;
	return (unsigned)((wait_ms + 999) / 1000);
}
