/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/token_cache.h"

#include <stdlib.h>
#include <string.h>

#include "common/rate_limit.h"

/* By use. The living and the dead have a row each. */
struct age_row {
	struct bearer *oldest, *newest;
	size_t count, capacity;
};

struct token_cache {
	struct bearer **buckets, **chains[TOKEN_KEYS];
	size_t mask;
	uint64_t seed;
	struct age_row living, dead;
};

static void dispose_bearer(void *data)
{
	struct bearer *b = data;

	if (b->limits != NULL)
		h2o_mem_release_shared(b->limits);
	json_decref(b->parsed);
}

const json_t *bearer_claims(const struct bearer *bearer)
{
	struct bearer *b = (struct bearer *)bearer; /* what it says does not change */

	if (b->parsed == NULL)
		b->parsed = json_loads(b->claims, JSON_ALLOW_NUL, NULL);
	if (b->parsed == NULL)
		b->parsed = json_object(); /* of a token that nobody said anything about */
	return b->parsed;
}

/* Texts lie behind the structure: one piece of memory for each token. */
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
	              size_of_text(f->client_id) + size_of_text(f->grant_id) + size_of_text(f->jti) +
	              size_of_text(f->scope) + size_of_text(f->grantable) + size_of_text(f->claims);
	struct bearer *b = h2o_mem_alloc_shared(NULL, size, dispose_bearer);
	char *at = (char *)(b + 1);

	*b = (struct bearer){
	    .active = f->active,
	    .asked_ms = f->asked_ms,
	    .dies_ms = f->dies_ms,
	    .expires = f->expires,
	    .bound = f->bound,
	};
	memcpy(b->digest, f->digest, sizeof(b->digest));
	b->subject = place_text(&at, f->subject);
	b->person = rate_number(text_of(b->subject));
	b->username = place_text(&at, f->username);
	b->client_id = place_text(&at, f->client_id);
	b->client = rate_number(text_of(b->client_id));
	b->grant_id = place_text(&at, f->grant_id);
	b->jti = place_text(&at, f->jti);
	b->scope = place_text(&at, f->scope);
	b->grantable = place_text(&at, f->grantable);
	b->claims = place_text(&at, f->claims);
	return b;
}

const char *bearer_key(const struct bearer *b, enum token_key key)
{
	switch (key) {
	case TOKEN_GRANT: return b->grant_id;
	case TOKEN_JTI: return b->jti;
	case TOKEN_CLIENT: return b->client_id;
	case TOKEN_KEYS: break;
	}
	return "";
}

static struct bearer **make_buckets(size_t count)
{
	struct bearer **buckets = calloc(count, sizeof(struct bearer *)); /* pages are taken as they are used */

	if (buckets == NULL)
		h2o_fatal("no memory");
	return buckets;
}

struct token_cache *token_cache_open(size_t capacity)
{
	struct token_cache *cache = h2o_mem_alloc(sizeof(*cache));
	size_t buckets = 16;

	while (buckets < capacity)
		buckets *= 2;
	*cache = (struct token_cache){
	    .mask = buckets - 1,
	    .living = {.capacity = capacity},
	    .dead = {.capacity = capacity / 4 + 1},
	};
	random_bytes(&cache->seed, sizeof(cache->seed));
	cache->buckets = make_buckets(buckets);
	for (size_t key = 0; key < TOKEN_KEYS; key++)
		cache->chains[key] = make_buckets(buckets);
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

/* ---- by use ---- */

static struct age_row *row_of(struct token_cache *cache, const struct bearer *b)
{
	return b->active ? &cache->living : &cache->dead;
}

static void unlink_age(struct age_row *row, struct bearer *b)
{
	*(b->older != NULL ? &b->older->newer : &row->oldest) = b->newer;
	*(b->newer != NULL ? &b->newer->older : &row->newest) = b->older;
	row->count--;
}

static void link_newest(struct age_row *row, struct bearer *b)
{
	b->older = row->newest;
	b->newer = NULL;
	*(row->newest != NULL ? &row->newest->newer : &row->oldest) = b;
	row->newest = b;
	row->count++;
}

/* ---- by grant, jti and client ---- */

uint64_t token_key_hash(uint64_t seed, h2o_iovec_t value)
{
	uint64_t hash = 0xcbf29ce484222325u ^ seed;

	for (size_t i = 0; i < value.len; i++)
		hash = (hash ^ (uint8_t)value.base[i]) * 0x100000001b3u;
	return hash;
}

static struct bearer **chain_of(struct token_cache *cache, enum token_key key, h2o_iovec_t value)
{
	uint64_t hash = token_key_hash(cache->seed, value);

	return &cache->chains[key][(hash ^ hash >> 32) & cache->mask];
}

static void link_keys(struct token_cache *cache, struct bearer *b)
{
	for (enum token_key key = 0; key < TOKEN_KEYS; key++) {
		struct bearer_link *link = &b->links[key];
		const char *value = bearer_key(b, key);

		*link = (struct bearer_link){NULL, NULL};
		if (value[0] == '\0')
			continue;
		link->at = chain_of(cache, key, text_of(value));
		link->next = *link->at;
		if (link->next != NULL)
			link->next->links[key].at = &link->next;
		*link->at = b;
	}
}

static void unlink_keys(struct bearer *b)
{
	for (enum token_key key = 0; key < TOKEN_KEYS; key++) {
		struct bearer_link *link = &b->links[key];

		if (link->at == NULL)
			continue;
		*link->at = link->next;
		if (link->next != NULL)
			link->next->links[key].at = link->at;
	}
}

/* ---- the table ---- */

static void drop(struct token_cache *cache, struct bearer **at)
{
	struct bearer *b = *at;

	*at = b->next;
	unlink_age(row_of(cache, b), b);
	unlink_keys(b);
	h2o_mem_release_shared(b);
}

static void drop_oldest(struct token_cache *cache, struct age_row *row)
{
	drop(cache, place_of(cache, row->oldest->digest));
}

struct bearer *token_cache_find(struct token_cache *cache, const uint8_t digest[SHA256_SIZE], int64_t now_ms,
                                int64_t age_limit_ms)
{
	struct bearer **at = place_of(cache, digest), *b = *at;

	if (b == NULL)
		return NULL;
	if (b->dies_ms <= now_ms || now_ms - b->asked_ms >= age_limit_ms) {
		drop(cache, at);
		return NULL;
	}
	struct age_row *row = row_of(cache, b);
	if (b != row->newest) {
		unlink_age(row, b);
		link_newest(row, b);
	}
	return b;
}

bool token_cache_knows_grant(struct token_cache *cache, h2o_iovec_t grant, int64_t since_ms)
{
	const struct bearer *b = grant.len > 0 ? *chain_of(cache, TOKEN_GRANT, grant) : NULL;

	while (b != NULL && !(b->active && b->asked_ms >= since_ms && text_is(grant, b->grant_id)))
		b = b->links[TOKEN_GRANT].next;
	return b != NULL;
}

void token_cache_put(struct token_cache *cache, struct bearer *b)
{
	struct bearer **at = place_of(cache, b->digest);
	struct age_row *row = row_of(cache, b);

	if (*at != NULL)
		drop(cache, at);
	if (row->count >= row->capacity)
		drop_oldest(cache, row);
	at = place_of(cache, b->digest); /* the chain may have changed */
	b->next = NULL;
	*at = b;
	link_newest(row, b);
	link_keys(cache, b);
}

size_t token_cache_drop(struct token_cache *cache, enum token_key key, h2o_iovec_t value)
{
	struct bearer *b = *chain_of(cache, key, value);
	size_t dropped = 0;

	while (b != NULL) {
		struct bearer *next = b->links[key].next;
		if (text_is(value, bearer_key(b, key))) {
			drop(cache, place_of(cache, b->digest));
			dropped++;
		}
		b = next;
	}
	return dropped;
}

void token_cache_drop_all(struct token_cache *cache)
{
	while (cache->living.oldest != NULL)
		drop_oldest(cache, &cache->living);
	while (cache->dead.oldest != NULL)
		drop_oldest(cache, &cache->dead);
}

size_t token_cache_count(const struct token_cache *cache)
{
	return cache->living.count + cache->dead.count;
}

void token_cache_close(struct token_cache *cache)
{
	token_cache_drop_all(cache);
	for (size_t key = 0; key < TOKEN_KEYS; key++)
		free(cache->chains[key]);
	free(cache->buckets);
	free(cache);
}
