/* SPDX-License-Identifier: Apache-2.0 */
/* JWKS documents from outside: whatever is taken is public, has a kid of its own, and is published again as it was
 * read. */
#include <stdlib.h>

#include "common/jwk.h"

static void check_key(h2o_mem_pool_t *pool, const struct jwk_set *set, const struct jwk *key)
{
	const char *error = NULL;

	if (key->is_private || key->sign != NULL || key->verify == NULL || jwk_set_find(set, text_of(key->kid)) != key)
		abort();
	json_t *document = json_keep(pool, json_pack("{s[o]}", "keys", jwk_public_json(key)));
	struct jwk_set *again = jwk_set_read(pool, document, &error);
	/* OpenSSL looks for factors of a modulus with random numbers: what is no product of two large primes may be
	 * found out only the second time */
	if (again == NULL && key->algorithm != JWS_ES256 && key->algorithm != JWS_EDDSA)
		return;
	if (again == NULL || again->count != 1 || EVP_PKEY_eq(again->keys->key, key->key) != 1)
		abort();
	if (!text_is(text_of(jwk_thumbprint(pool, key)), jwk_thumbprint(pool, again->keys)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool begun;
	h2o_mem_pool_t pool;
	const char *error = NULL;

	if (!begun)
		json_init();
	begun = true;
	h2o_mem_init_pool(&pool);
	json_t *document = json_read(&pool, h2o_iovec_init((char *)data, len), NULL);
	struct jwk_set *set = jwk_set_read(&pool, document, &error);
	if (set == NULL && error == NULL)
		abort();
	for (size_t i = 0; set != NULL && i < set->count; i++)
		check_key(&pool, set, &set->keys[i]);
	h2o_mem_clear_pool(&pool);
	return 0;
}
