/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords: Argon2id as PHC strings (RFC 9106; OWASP's parameters by default). Slow on purpose: only in a worker or a
 * verb, never on the loop. Nothing here touches a pool or a request, so that it may run in any thread. */
#ifndef SALLYPORT_PASSWORD_H
#define SALLYPORT_PASSWORD_H

#include "common/text.h"

enum { PASSWORD_SIZE_MAX = 1024, PASSWORD_HASH_SIZE = 128 };

struct password_cost {
	uint32_t memory_kib, passes; /* one lane */
};

/* 1 to 1,024 bytes of UTF-8 without NUL: never cut off, never normalised. To be asked before anything is hashed. */
bool password_acceptable(h2o_iovec_t password);
/* A PHC string with a fresh salt. False if the password is not acceptable or memory is short. */
bool password_hash(h2o_iovec_t password, const struct password_cost *cost, char hash[PASSWORD_HASH_SIZE]);
/* True if the password is the one of the hash. `hash` NULL (unknown person, throttled): the work of `cost` is done all
 * the same and the answer is false. A hash whose own parameters are beyond bounds (256 MiB, 16 passes, 4 lanes) is
 * refused, so that the database cannot exhaust the daemon. */
bool password_verify(h2o_iovec_t password, const char *hash, const struct password_cost *cost);
/* True if the hash was made with other parameters than `cost`. */
bool password_needs_rehash(const char *hash, const struct password_cost *cost);

#endif
