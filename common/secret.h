/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers, digests, and values that must not be compared or left behind carelessly. */
#ifndef SALLYPORT_SECRET_H
#define SALLYPORT_SECRET_H

#include "text.h"

enum { SHA256_SIZE = 32 };

/* A value that is wiped when its pool goes and that is compared in constant time only. There is no
 * function that prints one. */
struct secret {
	const uint8_t *bytes;
	size_t len;
};
struct secret secret_copy(h2o_mem_pool_t *pool, const void *bytes, size_t len);
bool secret_equal(const void *a, const void *b, size_t len);
void secret_wipe(void *bytes, size_t len);
/* Zeroed memory of the pool that is wiped when the pool goes. */
void *secret_alloc(h2o_mem_pool_t *pool, size_t len);

/* From the kernel; the process ends if it cannot give them. */
void random_bytes(void *bytes, size_t len);
/* 256 random bits as 43 base64url characters behind a prefix, e.g. "sps_"; wiped with the pool. */
char *random_token(h2o_mem_pool_t *pool, const char *prefix);

void sha256(h2o_iovec_t data, uint8_t digest[SHA256_SIZE]);
/* The same as base64url, 43 characters: S256 (RFC 7636, 4.2), x5t#S256, thumbprints of keys (RFC 7638). */
char *sha256_base64url(h2o_mem_pool_t *pool, h2o_iovec_t data);
void hmac_sha256(const uint8_t key[32], h2o_iovec_t data, uint8_t mac[SHA256_SIZE]);
/* RFC 5869 with SHA-256: a key of 32 bytes for one purpose. */
void derive_key(const uint8_t master[32], const char *purpose, uint8_t key[32]);

/* AES-256-GCM. Sealed form: 12 bytes nonce, ciphertext, 16 bytes tag; `context` is authenticated, not stored.
 * secret_open gives {NULL, 0} if anything was changed. */
h2o_iovec_t secret_seal(h2o_mem_pool_t *pool, const uint8_t key[32], h2o_iovec_t context, h2o_iovec_t plain);
struct secret secret_open(h2o_mem_pool_t *pool, const uint8_t key[32], h2o_iovec_t context, h2o_iovec_t sealed);

#endif
