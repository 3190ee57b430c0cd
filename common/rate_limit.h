/* SPDX-License-Identifier: Apache-2.0 */
/* How often something may happen: token buckets, one for each key, in a table of fixed size. A bucket holds what a
 * minute allows, and fills evenly.
 *
 * A bucket that nobody touched for a minute is full again, which is what an unknown key has: it counts as free. Where a
 * newcomer finds no free place, the stalest of the buckets that could be his neighbours gives way, and he goes on with
 * what it held, but never with less than one. So a crowd of keys that turns the table over gets no fresh buckets by it,
 * and nobody who comes for the first time is ever refused. */
#ifndef SALLYPORT_RATE_LIMIT_H
#define SALLYPORT_RATE_LIMIT_H

#include "text.h"

struct rate_limits;

/* A table of at least `places` buckets (40 bytes each), which lives in the pool. Keys are hashed under a random secret,
 * so nobody can choose his neighbours. */
struct rate_limits *rate_limits_make(h2o_mem_pool_t *pool, size_t places);
/* Takes one from the bucket of the key. 0: taken; else nothing was taken, and so many seconds are to be waited (at
 * least 1). `kind` keeps keys of different sorts apart. `per_minute` 0: there is no limit. `now_ms` is monotonic. */
unsigned rate_limit_take(struct rate_limits *limits, unsigned kind, h2o_iovec_t key, uint32_t per_minute,
                         int64_t now_ms);

/* ---- for who decides by several buckets at once, or shares them with other processes (mcp/quota/quota.h) ---- */

/* A half of a key, of a name: of its SHA-256, so the same in all processes, and never 0. */
uint64_t rate_number(h2o_iovec_t name);

enum { RATE_KEY_SIZE = 16, RATE_TOKEN = 60 * 1000 };

struct rate_bucket {
	uint8_t key[RATE_KEY_SIZE]; /* all zero: never used */
	int64_t level; /* RATE_TOKEN for each; below zero it is in debt, never deeper than a minute fills */
	int64_t at_ms; /* when it had this level */
	uint32_t per_minute;
	uint32_t used : 31, is_listed : 1; /* of who shares it */
};

/* The bucket of a key that is a digest already, with its level of now. Another key's may take its place. */
struct rate_bucket *rate_limit_bucket(struct rate_limits *limits, const uint8_t key[RATE_KEY_SIZE], uint32_t per_minute,
                                      int64_t now_ms);
/* NULL: it has none. */
struct rate_bucket *rate_limit_find(struct rate_limits *limits, const uint8_t key[RATE_KEY_SIZE]);
/* 0: it holds one; else so many seconds are to be waited. */
unsigned rate_bucket_wait(const struct rate_bucket *bucket);

#endif
