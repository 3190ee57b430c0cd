/* SPDX-License-Identifier: Apache-2.0 */
/* The key that signs the checkpoints of an audit log: Ed25519 (RFC 8032), whose signatures have one form only. The
 * private half is the daemon's; with the public half an auditor can check, and cannot forge. */
#ifndef SALLYPORT_AUDIT_KEY_H
#define SALLYPORT_AUDIT_KEY_H

#include "text.h"

enum { AUDIT_SIGNATURE_SIZE = 64, AUDIT_KEY_ID_SIZE = 17 };

struct audit_key;
/* PEM file: the private half, or with `is_public` the public one. NULL and *error, in the pool. */
struct audit_key *audit_key_load(h2o_mem_pool_t *pool, const char *path, bool is_public, const char **error);
void audit_key_free(struct audit_key *key);
/* Makes both halves: `path`, which only its owner can read, and `path`.pub. NULL, or why not. Never replaces a file. */
const char *audit_key_make(h2o_mem_pool_t *pool, const char *path);
/* First half of the SHA-256 of the public half, as hexadecimal digits: the same for both halves. */
const char *audit_key_id(const struct audit_key *key);
bool audit_key_sign(const struct audit_key *key, h2o_iovec_t text, uint8_t signature[AUDIT_SIGNATURE_SIZE]);
bool audit_key_verify(const struct audit_key *key, h2o_iovec_t text, const uint8_t signature[AUDIT_SIGNATURE_SIZE]);

#endif
