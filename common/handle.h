/* SPDX-License-Identifier: Apache-2.0 */
/* Handles: the strings that the servers mint and get back, but for client ids and secrets and access tokens. Text form:
 *
 *     <tag>_<base64url of: key id (1 byte), id (16), generation (4, big endian), MAC (32)>
 *
 * MAC = HMAC-SHA256 over the tag, a NUL and the bytes before it, under the key that the key id names. So a forged
 * handle, or one of another type, is refused in constant time before the database hears of it, the database holds
 * nothing that opens anything, and the same successor of a refresh token can be computed again. */
#ifndef SALLYPORT_HANDLE_H
#define SALLYPORT_HANDLE_H

#include "text.h"

enum handle_type {
	HANDLE_CODE,           /* spc: authorization code; id = row of codes */
	HANDLE_REFRESH,        /* spr: refresh token; id = grant, generation counts its rotations */
	HANDLE_SESSION,        /* sps: sign-in session (cookie) */
	HANDLE_BROWSER,        /* spb: binds authorization requests to one browser (cookie) */
	HANDLE_REQUEST,        /* spq: authorization request (form field) */
	HANDLE_REGISTRATION,   /* spg: registration access token */
	HANDLE_ADMIN_KEY,      /* spa: bearer of the admin REST */
	HANDLE_INITIAL_ACCESS, /* spi: initial access token, with which clients register */
	HANDLE_MCP_SESSION,    /* spm: legacy session of the MCP server; id = random number and whose it is */
	HANDLE_MCP_TASK,       /* spt: task of the MCP server */
	HANDLE_API_KEY,        /* spx: what a resource server takes like an access token */
	HANDLE_TYPES
};

struct handle {
	uint8_t id[16];
	uint32_t generation; /* 0 where the type has none */
};

/* Secrets of one daemon: 1 to 8 master secrets with ids 0..255; the first one mints, all open. */
struct handle_keys;

/* Reads "<id> <base64url of 32 bytes>" lines (blank lines and # comments ignored). The file must not be readable by
 * others than its owner (and group). NULL and *error (static or in pool) on failure. The result lives in the pool,
 * wiped with it. */
struct handle_keys *handle_keys_load(h2o_mem_pool_t *pool, const char *file, const char **error);
/* The same of a text, whose lines may also end with a comma; `name` says in *error what it is. */
struct handle_keys *handle_keys_read(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, const char **error);
/* For tests and one-key uses. */
struct handle_keys *handle_keys_of(h2o_mem_pool_t *pool, uint8_t key_id, const uint8_t master[32]);
/* Key of 32 bytes derived from the minting master secret for another purpose (e.g. "signing-keys"); `key_id` selects an
 * older one, -1 the minting one. False if there is no such id. *ret_id (may be NULL) says which was used. */
bool handle_keys_derive(const struct handle_keys *keys, int key_id, const char *purpose, uint8_t key[32], int *ret_id);

/* NUL-terminated, in the pool, wiped with it. Of the same id, generation and keys comes the same text. */
char *handle_mint(h2o_mem_pool_t *pool, const struct handle_keys *keys, enum handle_type type, const struct handle *h);
/* True for a text that has the form of such a handle: of one that is for another server to open. */
bool handle_looks_like(enum handle_type type, h2o_iovec_t text);
/* The same, and the id that it names, which anybody can have written there. */
bool handle_peek_id(enum handle_type type, h2o_iovec_t text, uint8_t ret_id[16]);
/* True for a text that begins as a handle of any type does: whatever the rest, it is nobody else's business. */
bool handle_has_tag(h2o_iovec_t text);
/* False for anything that handle_mint did not make with this type and these keys. */
bool handle_open(const struct handle_keys *keys, enum handle_type type, h2o_iovec_t text, struct handle *ret);

#endif
