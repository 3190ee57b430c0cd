/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/password.h"

#include <argon2.h>
#include <stdio.h>
#include <string.h>

#include "common/secret.h"

enum { LANES = 1, SALT_SIZE = 16, DIGEST_SIZE = 32 };
enum { MEMORY_KIB_MAX = 262144, PASSES_MAX = 16, LANES_MAX = 4 };

bool password_acceptable(h2o_iovec_t password)
{
	return password.len >= 1 && password.len <= PASSWORD_SIZE_MAX && text_is_utf8(password);
}

bool password_hash(h2o_iovec_t password, const struct password_cost *cost, char hash[PASSWORD_HASH_SIZE])
{
	uint8_t salt[SALT_SIZE];

	if (!password_acceptable(password))
		return false;
	random_bytes(salt, sizeof(salt));
	return argon2id_hash_encoded(cost->passes, cost->memory_kib, LANES, password.base, password.len, salt,
	                             sizeof(salt), DIGEST_SIZE, hash, PASSWORD_HASH_SIZE) == ARGON2_OK;
}

/* The parameters of a PHC string as argon2_encode writes it; false for any other text. */
static bool read_cost(const char *hash, unsigned *memory_kib, unsigned *passes, unsigned *lanes)
{
	int end = 0;

	if (strlen(hash) >= PASSWORD_HASH_SIZE)
		return false;
	if (sscanf(hash, "$argon2id$v=19$m=%9u,t=%9u,p=%9u$%n", memory_kib, passes, lanes, &end) != 3)
		return false;
	return end > 0;
}

bool password_verify(h2o_iovec_t password, const char *hash, const struct password_cost *cost)
{
	unsigned memory_kib, passes, lanes;
	char unused[PASSWORD_HASH_SIZE];

	if (!password_acceptable(password))
		return false;
	if (hash == NULL || !read_cost(hash, &memory_kib, &passes, &lanes) || memory_kib > MEMORY_KIB_MAX ||
	    passes > PASSES_MAX || lanes > LANES_MAX) {
		password_hash(password, cost, unused);
		secret_wipe(unused, sizeof(unused));
		return false;
	}
	return argon2id_verify(hash, password.base, password.len) == ARGON2_OK;
}

bool password_needs_rehash(const char *hash, const struct password_cost *cost)
{
	unsigned memory_kib, passes, lanes;

	return !read_cost(hash, &memory_kib, &passes, &lanes) || memory_kib != cost->memory_kib ||
	       passes != cost->passes || lanes != LANES;
}
