/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/cursor.h"

#include <string.h>

#include "common/encoding.h"

enum { SEEN_SIZE = 16, POSITION_SIZE = 4, PLAIN_SIZE = SEEN_SIZE + POSITION_SIZE };

void cursor_key_make(struct cursor_key *key, const uint8_t *master)
{
	uint8_t random[32];

	if (master == NULL)
		random_bytes(random, sizeof(random));
	derive_key(master != NULL ? master : random, "list-cursors", key->bytes);
	secret_wipe(random, sizeof(random));
}

char *cursor_seal(h2o_mem_pool_t *pool, const struct cursor_key *key, const char *list, const uint8_t seen[SHA256_SIZE],
                  size_t position)
{
	uint8_t plain[PLAIN_SIZE];

	memcpy(plain, seen, SEEN_SIZE);
	for (size_t i = 0; i < POSITION_SIZE; i++)
		plain[SEEN_SIZE + i] = (uint8_t)(position >> 8 * (POSITION_SIZE - 1 - i));
	h2o_iovec_t sealed = secret_seal(pool, key->bytes, text_of(list), h2o_iovec_init(plain, sizeof(plain)));
	return base64url_encode(pool, sealed.base, sealed.len).base;
}

bool cursor_open(h2o_mem_pool_t *pool, const struct cursor_key *key, const char *list, const uint8_t seen[SHA256_SIZE],
                 h2o_iovec_t cursor, size_t *ret_position)
{
	if (cursor.len > CURSOR_SIZE_MAX)
		return false;
	h2o_iovec_t sealed = base64url_decode(pool, cursor);
	struct secret plain = secret_open(pool, key->bytes, text_of(list), sealed);

	if (plain.bytes == NULL || plain.len != PLAIN_SIZE || memcmp(plain.bytes, seen, SEEN_SIZE) != 0)
		return false;
	*ret_position = 0;
	for (size_t i = 0; i < POSITION_SIZE; i++)
		*ret_position = *ret_position << 8 | plain.bytes[SEEN_SIZE + i];
	return true;
}
