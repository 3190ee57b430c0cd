/* SPDX-License-Identifier: Apache-2.0 */
#include "digest_map.h"

#include <stdlib.h>
#include <string.h>

/* An entry stands in one of the few places that its digest names: looking for it never takes longer, however full the
 * table is, and nobody can make it so. */
enum { PLACES = 4 };

struct entry {
	uint8_t digest[SHA256_SIZE];
	uint64_t used; /* the table's clock at that time */
	_Alignas(max_align_t) char bytes[];
};

struct digest_map {
	size_t mask; /* of the sets */
	size_t count;
	uint64_t clock;
	struct entry *entries[]; /* PLACES for each set */
};

struct digest_map *digest_map_open(size_t capacity)
{
	size_t sets = 1;
	struct digest_map *map;

	while (sets * PLACES < capacity)
		sets *= 2;
	map = calloc(1, sizeof(*map) + sets * PLACES * sizeof(map->entries[0]));
	if (map == NULL)
		h2o_fatal("no memory");
	map->mask = sets - 1;
	return map;
}

void digest_map_close(struct digest_map *map)
{
	if (map == NULL)
		return;
	digest_map_clear(map);
	free(map);
}

static struct entry **set_of(struct digest_map *map, const uint8_t digest[SHA256_SIZE])
{
	uint32_t number; /* a digest's bytes are as good as random */

	memcpy(&number, digest, sizeof(number));
	return &map->entries[(number & map->mask) * PLACES];
}

static struct entry **find(struct digest_map *map, const uint8_t digest[SHA256_SIZE])
{
	struct entry **set = set_of(map, digest);

	for (size_t i = 0; i < PLACES; i++)
		if (set[i] != NULL && memcmp(set[i]->digest, digest, SHA256_SIZE) == 0)
			return &set[i];
	return NULL;
}

static void drop(struct digest_map *map, struct entry **place)
{
	if (*place == NULL)
		return;
	free(*place);
	*place = NULL;
	map->count--;
}

void *digest_map_get(struct digest_map *map, const uint8_t digest[SHA256_SIZE])
{
	struct entry **place = find(map, digest);

	if (place == NULL)
		return NULL;
	(*place)->used = ++map->clock;
	return (*place)->bytes;
}

/* A free place, or that of the entry that was not used for longest. */
static struct entry **choose(struct digest_map *map, const uint8_t digest[SHA256_SIZE])
{
	struct entry **set = set_of(map, digest), **oldest = &set[0];

	for (size_t i = 0; i < PLACES; i++) {
		if (set[i] == NULL)
			return &set[i];
		if (set[i]->used < (*oldest)->used)
			oldest = &set[i];
	}
	return oldest;
}

void *digest_map_put(struct digest_map *map, const uint8_t digest[SHA256_SIZE], size_t size)
{
	struct entry **place = find(map, digest), *entry;

	if (place == NULL)
		place = choose(map, digest);
	drop(map, place);
	entry = h2o_mem_alloc(sizeof(*entry) + size);
	memcpy(entry->digest, digest, SHA256_SIZE);
	entry->used = ++map->clock;
	*place = entry;
	map->count++;
	return entry->bytes;
}

void digest_map_remove(struct digest_map *map, const uint8_t digest[SHA256_SIZE])
{
	struct entry **place = find(map, digest);

	if (place != NULL)
		drop(map, place);
}

void digest_map_clear(struct digest_map *map)
{
	for (size_t i = 0; i < (map->mask + 1) * PLACES; i++)
		drop(map, &map->entries[i]);
}

size_t digest_map_count(const struct digest_map *map)
{
	return map->count;
}
