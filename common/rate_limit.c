/* SPDX-License-Identifier: Apache-2.0 */
#include "rate_limit.h"

#include <stdlib.h>
#include <string.h>

#include "secret.h"

enum { NEIGHBOURS = 8, MINUTE_MS = RATE_TOKEN, FULL_MS = 2 * MINUTE_MS /* from the deepest debt */ };

struct rate_limits {
	uint8_t secret[32];
	uint64_t seeds[2]; /* of places */
	size_t sets;
	struct rate_bucket *buckets; /* NEIGHBOURS of each set */
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
	limits->buckets = calloc(sets * NEIGHBOURS, sizeof(struct rate_bucket));
	if (limits->buckets == NULL)
		h2o_fatal("no memory");
	random_bytes(limits->secret, sizeof(limits->secret));
	random_bytes(limits->seeds, sizeof(limits->seeds));
	limits->sets = sets;
	return limits;
}

uint64_t rate_number(h2o_iovec_t name)
{
	uint8_t digest[SHA256_SIZE];
	uint64_t number;

	sha256(name, digest);
	memcpy(&number, digest, sizeof(number));
	return number | 1;
}

static int64_t level_now(const struct rate_bucket *b, int64_t now_ms)
{
	int64_t capacity = (int64_t)b->per_minute * MINUTE_MS, passed = now_ms - b->at_ms;

	if (passed > FULL_MS)
		passed = FULL_MS;
	int64_t level = b->level + (passed > 0 ? passed * b->per_minute : 0);
	return level < capacity ? level : capacity;
}

/* The place of the key: its own, or that of the stalest neighbour. */
static struct rate_bucket *find_place(struct rate_limits *limits, uint64_t hash, const uint8_t key[RATE_KEY_SIZE],
                                      bool *is_own)
{
	struct rate_bucket *stalest = NULL, *set = &limits->buckets[hash % limits->sets * NEIGHBOURS];

	for (size_t i = 0; i < NEIGHBOURS; i++) {
		*is_own = memcmp(set[i].key, key, RATE_KEY_SIZE) == 0;
		if (*is_own)
			return &set[i];
		if (stalest == NULL || set[i].at_ms < stalest->at_ms)
			stalest = &set[i];
	}
	return stalest;
}

/* What a newcomer begins with in a place that held another key. */
static int64_t inherited_level(const struct rate_bucket *b, uint32_t per_minute, int64_t now_ms)
{
	if (b->per_minute == 0)
		return (int64_t)per_minute * MINUTE_MS;
	/* the same part of the whole: the two may be of different sizes */
	int64_t level = level_now(b, now_ms) / b->per_minute * per_minute;
	return level > MINUTE_MS ? level : MINUTE_MS;
}

static struct rate_bucket *bring_up(struct rate_limits *limits, uint64_t hash, const uint8_t key[RATE_KEY_SIZE],
                                    uint32_t per_minute, int64_t now_ms)
{
	bool is_own;
	struct rate_bucket *b = find_place(limits, hash, key, &is_own);

	int64_t capacity = (int64_t)per_minute * MINUTE_MS;
	b->level = is_own ? level_now(b, now_ms) : inherited_level(b, per_minute, now_ms);
	if (b->level > capacity) /* it was larger */
		b->level = capacity;
	if (!is_own || now_ms > b->at_ms) /* a clock that goes back gives nothing twice */
		b->at_ms = now_ms;
	b->per_minute = per_minute;
	if (!is_own)
		b->used = 0;
	memcpy(b->key, key, RATE_KEY_SIZE);
	return b;
}

/* Of keys that are digests already: nobody who can choose some of them knows which are neighbours. */
static uint64_t place_of(const struct rate_limits *limits, const uint8_t key[RATE_KEY_SIZE])
{
	uint64_t halves[2];

	memcpy(halves, key, sizeof(halves));
	unsigned __int128 product =
	    (unsigned __int128)(halves[0] ^ limits->seeds[0]) * ((halves[1] ^ limits->seeds[1]) | 1);
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

struct rate_bucket *rate_limit_bucket(struct rate_limits *limits, const uint8_t key[RATE_KEY_SIZE], uint32_t per_minute,
                                      int64_t now_ms)
{
	return bring_up(limits, place_of(limits, key), key, per_minute, now_ms);
}

struct rate_bucket *rate_limit_find(struct rate_limits *limits, const uint8_t key[RATE_KEY_SIZE])
{
	bool is_own;
	struct rate_bucket *b = find_place(limits, place_of(limits, key), key, &is_own);

	return is_own ? b : NULL;
}

unsigned rate_bucket_wait(const struct rate_bucket *b)
{
	if (b->level >= RATE_TOKEN)
		return 0;
	int64_t wait_ms = (RATE_TOKEN - b->level + b->per_minute - 1) / b->per_minute;
	return (unsigned)((wait_ms + 999) / 1000);
}

unsigned rate_limit_take(struct rate_limits *limits, unsigned kind, h2o_iovec_t key, uint32_t per_minute,
                         int64_t now_ms)
{
	uint8_t mac[SHA256_SIZE];
	uint64_t hash;

	if (per_minute == 0)
		return 0;
	hmac_sha256(limits->secret, key, mac);
	mac[0] ^= (uint8_t)kind;
	mac[1] ^= (uint8_t)(kind >> 8);
	memcpy(&hash, mac + RATE_KEY_SIZE, sizeof(hash));
	struct rate_bucket *b = bring_up(limits, hash, mac, per_minute, now_ms);
	unsigned wait_s = rate_bucket_wait(b);
	if (wait_s == 0)
		b->level -= RATE_TOKEN;
	return wait_s;
}
