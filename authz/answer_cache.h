/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the database that are kept while nothing that they depend on has changed: not for a time, but until a
 * notice (notices.h) says otherwise. Each answer names what it depends on (a grant, a token, clients, a person). What
 * this process changes itself it forgets itself before it acknowledges the change; of others' changes it hears as soon
 * as they are committed. Without notices nothing is kept, and nothing that was kept is used. */
#ifndef SALLYPORT_ANSWER_CACHE_H
#define SALLYPORT_ANSWER_CACHE_H

#include "authz/notices.h"
#include "authz/store.h"
#include "common/encoding.h"

struct answer_cache;

/* NULL is a cache that is always empty: all functions take it. */
struct answer_cache *answer_cache_open(struct notices *notices, size_t capacity);
void answer_cache_close(struct answer_cache *cache);

/* The name of an answer: what was asked (a word and texts, NULL where one is absent), by whom, and how he proved it.
 * Who comes with another proof finds nothing of it. */
void answer_key(const struct client_proof *proof, const char *question, const char *const *texts, size_t count,
                uint8_t key[SHA256_SIZE]);

/* What an answer depends on, and the state of it when the database was asked. */
enum { ANSWER_NAMES_MAX = 6 };
struct answer_mark {
	uint64_t changes;
	uint32_t everything;
	uint32_t count;
	struct answer_name {
		uint32_t bucket, version;
	} names[ANSWER_NAMES_MAX];
};
/* Before the database is asked. */
struct answer_mark answer_mark_begin(const struct answer_cache *cache);
/* `kind` and `id` as in a notice. Before the database is asked; or afterwards, for a name that only the answer tells:
 * the answer is then kept only if nothing at all has changed meanwhile. */
void answer_mark_add(const struct answer_cache *cache, struct answer_mark *mark, const char *kind, const char *id);

/* NULL unless it is kept and still true. Lives until anything else is done with the cache. */
const void *answer_cache_get(struct answer_cache *cache, const uint8_t key[SHA256_SIZE], size_t *ret_len);
/* Keeps it, unless something that it depends on has changed since it was asked for, until clock_now() is `ends`. */
void answer_cache_put(struct answer_cache *cache, const uint8_t key[SHA256_SIZE], const struct answer_mark *mark,
                      int64_t ends, const void *bytes, size_t len);
/* This process has changed something: before it says so to anybody. */
void answer_cache_forget(struct answer_cache *cache, const char *kind, const char *id);
void answer_cache_forget_grant(struct answer_cache *cache, const uint8_t grant_id[16]);

#endif
