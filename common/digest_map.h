/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded table of byte strings by SHA-256 digest: what is remembered of something that was costly to find out. Where
 * a place is needed, the least recently used entry of a few goes. */
#ifndef SALLYPORT_DIGEST_MAP_H
#define SALLYPORT_DIGEST_MAP_H

#include "secret.h"

struct digest_map;

/* Room for `capacity` entries, rounded up to a power of two (4 at least). Memory is taken for the entries that exist.
 */
struct digest_map *digest_map_open(size_t capacity);
void digest_map_close(struct digest_map *map);

/* NULL if there is none. What is returned lives until the next put, remove or clear. */
void *digest_map_get(struct digest_map *map, const uint8_t digest[SHA256_SIZE]);
/* A new entry of `size` bytes, to be filled at once; one of the same digest goes. Aligned for any type. */
void *digest_map_put(struct digest_map *map, const uint8_t digest[SHA256_SIZE], size_t size);
void digest_map_remove(struct digest_map *map, const uint8_t digest[SHA256_SIZE]);
void digest_map_clear(struct digest_map *map);
size_t digest_map_count(const struct digest_map *map);

#endif
