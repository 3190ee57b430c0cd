/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors of the lists: sealed, so that a client can only hand back what it was given. A cursor says where to go on in
 * one list and holds the digest of what its reader sees there: for another list, for somebody who sees something else,
 * and after a change it is unknown. It proves nothing and is bound to nobody: what is listed is decided anew. */
#ifndef SALLYPORT_MCP_CURSOR_H
#define SALLYPORT_MCP_CURSOR_H

#include "common/secret.h"

enum { CURSOR_SIZE_MAX = 128 };

struct cursor_key {
	uint8_t bytes[32];
};

/* A key for cursors alone, derived from a secret of 32 bytes; of a random one where there is none (NULL), and cursors
 * are then unknown to other processes and to the next start. */
void cursor_key_make(struct cursor_key *key, const uint8_t *master);

/* `list`: the method, e.g. "tools/list"; `seen`: digest of what the reader sees in it. NUL-terminated base64url. */
char *cursor_seal(h2o_mem_pool_t *pool, const struct cursor_key *key, const char *list, const uint8_t seen[SHA256_SIZE],
                  size_t position);
/* False for anything that cursor_seal did not make of the same list and digest. */
bool cursor_open(h2o_mem_pool_t *pool, const struct cursor_key *key, const char *list, const uint8_t seen[SHA256_SIZE],
                 h2o_iovec_t cursor, size_t *ret_position);

#endif
