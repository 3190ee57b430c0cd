/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/answer_cache.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/digest_map.h"

/* Every name has a place in a table of versions, which a change of it makes grow. Names that share a place drop each
 * other's answers now and then, which costs a question and nothing else. So a change costs the same however many
 * answers are kept, and an answer is looked through in a few comparisons. */
enum { BUCKETS = 8192 };

struct answer_cache {
	struct notices *notices;
	struct digest_map *answers;
	uint64_t changes;    /* of anything */
	uint32_t everything; /* what may concern any answer */
	uint32_t versions[BUCKETS];
};

struct answer {
	struct answer_mark mark;
	int64_t ends;
	size_t len;
	char bytes[];
};

/* FNV-1a: the table needs an even spread and no more. */
static uint32_t bucket_of(const char *kind, const char *id)
{
	uint32_t hash = 2166136261u;

	for (; *kind != '\0'; kind++)
		hash = (hash ^ (uint8_t)*kind) * 16777619u;
	for (; *id != '\0'; id++)
		hash = (hash ^ (uint8_t)*id) * 16777619u;
	return (hash ^ hash >> 16) % BUCKETS;
}

/* A change of any other kind (resources, keys, kinds to come) drops all. */
static bool is_named(const char *kind)
{
	static const char *const KINDS[] = {"grant", "token", "client", "person"};

	for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
		if (strcmp(kind, KINDS[i]) == 0)
			return true;
	return false;
}

void answer_cache_forget(struct answer_cache *cache, const char *kind, const char *id)
{
	if (cache == NULL || (kind != NULL && strcmp(kind, "session") == 0))
		return; /* no answer depends on a session */
	cache->changes++;
	if (kind != NULL && is_named(kind))
		cache->versions[bucket_of(kind, id)]++;
	else
		cache->everything++;
}

void answer_cache_forget_grant(struct answer_cache *cache, const uint8_t grant_id[16])
{
	char text[UUID_TEXT_SIZE];

	uuid_format(grant_id, text);
	answer_cache_forget(cache, "grant", text);
}

static void on_notice(void *data, const char *kind, const char *id)
{
	struct answer_cache *cache = data;

	answer_cache_forget(cache, kind, id);
	if (kind == NULL) /* the connection was lost or has come back: free the memory too */
		digest_map_clear(cache->answers);
}

struct answer_cache *answer_cache_open(struct notices *notices, size_t capacity)
{
	struct answer_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		h2o_fatal("no memory");
	cache->notices = notices;
	cache->answers = digest_map_open(capacity);
	notices_subscribe(notices, on_notice, cache);
	return cache;
}

void answer_cache_close(struct answer_cache *cache)
{
	if (cache == NULL)
		return;
	digest_map_close(cache->answers);
	free(cache);
}

void answer_key(const struct client_proof *proof, const char *question, const char *const *texts, size_t count,
                uint8_t key[SHA256_SIZE])
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct text_buffer b = {.pool = &pool};

	/* Every text ends with a NUL, which none of them has inside. */
	text_append(&b, question, strlen(question) + 1);
	text_append(&b, proof->client_id, strlen(proof->client_id) + 1);
	text_append(&b, &proof->method, sizeof(proof->method));
	text_append(&b, proof->secret_digest, sizeof(proof->secret_digest));
	text_append(&b, proof->raw_secret_digest, sizeof(proof->raw_secret_digest));
	for (size_t i = 0; i < count; i++) {
		text_append(&b, texts[i] != NULL ? "+" : "-", 1);
		if (texts[i] != NULL)
			text_append(&b, texts[i], strlen(texts[i]) + 1);
	}
	sha256(h2o_iovec_init(b.base, b.len), key);
	secret_wipe(b.base, b.len);
	h2o_mem_clear_pool(&pool);
}

struct answer_mark answer_mark_begin(const struct answer_cache *cache)
{
	if (cache == NULL)
		return (struct answer_mark){0};
	return (struct answer_mark){.changes = cache->changes, .everything = cache->everything};
}

/* A mark that no state of the cache fits: what is kept with it is never found. */
static void spoil(const struct answer_cache *cache, struct answer_mark *mark)
{
	mark->everything = cache->everything - 1;
}

void answer_mark_add(const struct answer_cache *cache, struct answer_mark *mark, const char *kind, const char *id)
{
	if (cache == NULL)
		return;
	if (mark->changes != cache->changes || mark->count == ANSWER_NAMES_MAX) {
		spoil(cache, mark);
		return;
	}
	uint32_t bucket = bucket_of(kind, id);
	mark->names[mark->count++] = (struct answer_name){bucket, cache->versions[bucket]};
}

static bool holds(const struct answer_cache *cache, const struct answer_mark *mark)
{
	if (!notices_live(cache->notices) || mark->everything != cache->everything)
		return false;
	for (size_t i = 0; i < mark->count; i++)
		if (mark->names[i].version != cache->versions[mark->names[i].bucket])
			return false;
	return true;
}

const void *answer_cache_get(struct answer_cache *cache, const uint8_t key[SHA256_SIZE], size_t *ret_len)
{
	const struct answer *answer = cache != NULL ? digest_map_get(cache->answers, key) : NULL;

	if (answer == NULL)
		return NULL;
	if (!holds(cache, &answer->mark) || answer->ends <= clock_now()) {
		digest_map_remove(cache->answers, key);
		return NULL;
	}
	*ret_len = answer->len;
	return answer->bytes;
}

void answer_cache_put(struct answer_cache *cache, const uint8_t key[SHA256_SIZE], const struct answer_mark *mark,
                      int64_t ends, const void *bytes, size_t len)
{
	struct answer *answer;

	if (cache == NULL || !holds(cache, mark))
		return;
	answer = digest_map_put(cache->answers, key, sizeof(*answer) + len);
	*answer = (struct answer){.mark = *mark, .ends = ends, .len = len};
	memcpy(answer->bytes, bytes, len);
}
