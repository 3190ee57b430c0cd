/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/token_cache.h"

#include <stdlib.h>
#include <string.h>

struct token_cache {
	struct bearer **buckets;
	size_t mask, capacity, count;
	struct bearer *oldest, *newest;
};

static void dispose_bearer(void *data)
{
	struct bearer *b = data;

	if (b->list != NULL)
		h2o_mem_release_shared(b->list);
}

/* Texts and decisions lie behind the structure: one piece of memory for each token. */
static const char *place_text(char **at, const char *text)
{
	size_t size = text != NULL ? strlen(text) + 1 : 1;
	char *placed = *at;

	memcpy(placed, text != NULL ? text : "", size);
	*at += size;
	return placed;
}

static size_t size_of_text(const char *text)
{
	return text != NULL ? strlen(text) + 1 : 1;
}

struct bearer *bearer_make(const struct bearer_facts *f)
{
	size_t size = sizeof(struct bearer) + size_of_text(f->subject) + size_of_text(f->username) +
	              size_of_text(f->client_id) + size_of_text(f->grant_id) + size_of_text(f->scope) + f->tool_count;
	struct bearer *b = h2o_mem_alloc_shared(NULL, size, dispose_bearer);
	char *at = (char *)(b + 1);

	*b = (struct bearer){.active = f->active, .dies_ms = f->dies_ms, .expires = f->expires, .list = f->list};
	memcpy(b->digest, f->digest, sizeof(b->digest));
	b->subject = place_text(&at, f->subject);
	b->username = place_text(&at, f->username);
	b->client_id = place_text(&at, f->client_id);
	b->grant_id = place_text(&at, f->grant_id);
	b->scope = place_text(&at, f->scope);
	b->decisions = (const uint8_t *)at;
	if (f->tool_count > 0)
		memcpy(at, f->decisions, f->tool_count);
	return b;
}

struct token_cache *token_cache_open(size_t capacity)
{
	struct token_cache *cache = h2o_mem_alloc(sizeof(*cache));
	size_t buckets = 16;

	while (buckets < capacity)
		buckets *= 2;
	*cache = (struct token_cache){.mask = buckets - 1, .capacity = capacity};
	cache->buckets = calloc(buckets, sizeof(*cache->buckets)); /* pages are taken as they are used */
	if (cache->buckets == NULL)
		h2o_fatal("no memory");
	return cache;
}

static struct bearer **place_of(struct token_cache *cache, const uint8_t *digest)
{
	uint64_t hash; /* the digest is a hash already */
	memcpy(&hash, digest, sizeof(hash));
	struct bearer **at = &cache->buckets[hash & cache->mask];

	while (*at != NULL && memcmp((*at)->digest, digest, SHA256_SIZE) != 0)
		at = &(*at)->next;
	return at;
}

static void unlink_age(struct token_cache *cache, struct bearer *b)
{
	*(b->older != NULL ? &b->older->newer : &cache->oldest) = b->newer;
	*(b->newer != NULL ? &b->newer->older : &cache->newest) = b->older;
}

static void link_newest(struct token_cache *cache, struct bearer *b)
{
	b->older = cache->newest;
	b->newer = NULL;
	*(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = b;
	cache->newest = b;
}

static void drop(struct token_cache *cache, struct bearer **at)
{
	struct bearer *b = *at;

	*at = b->next;
	unlink_age(cache, b);
	cache->count--;
	h2o_mem_release_shared(b);
}

struct bearer *token_cache_find(struct token_cache *cache, const uint8_t digest[SHA256_SIZE], int64_t now_ms)
{
	struct bearer **at = place_of(cache, digest), *b = *at;

	if (b == NULL)
		return NULL;
	if (b->dies_ms <= now_ms) {
		drop(cache, at);
		return NULL;
	}
	if (b != cache->newest) {
		unlink_age(cache, b);
		link_newest(cache, b);
	}
	return b;
}

void token_cache_put(struct token_cache *cache, struct bearer *b)
{
	struct bearer **at = place_of(cache, b->digest);

	if (*at != NULL)
		drop(cache, at);
	if (cache->count >= cache->capacity)
		drop(cache, place_of(cache, cache->oldest->digest));
	at = place_of(cache, b->digest); /* the chain may have changed */
	b->next = NULL;
	*at = b;
	link_newest(cache, b);
	cache->count++;
}

size_t token_cache_count(const struct token_cache *cache)
{
	return cache->count;
}

void token_cache_close(struct token_cache *cache)
{
	while (cache->oldest != NULL)
		drop(cache, place_of(cache, cache->oldest->digest));
	free(cache->buckets);
	free(cache);
}
