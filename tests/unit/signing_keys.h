/* SPDX-License-Identifier: Apache-2.0 */
/* A key of every algorithm for a group of tests, and what it signs. Behind common/jws.c, whose own function signs. */
#ifndef TESTS_UNIT_SIGNING_KEYS_H
#define TESTS_UNIT_SIGNING_KEYS_H

#include "clean_pool.h"
#include "common/encoding.h"
#include "common/jwk.h"

static h2o_mem_pool_t keys_pool;
static struct jwk *made[JWS_ALGORITHMS];

static inline int make_keys(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&keys_pool);
	for (int a = 0; a < JWS_ALGORITHMS; a++)
		made[a] = jwk_generate(&keys_pool, (enum jws_algorithm)a);
	return 0;
}

static inline int drop_keys(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&keys_pool);
	return 0;
}

/* A token with a true signature of this header and payload. */
static inline h2o_iovec_t signed_token(const struct jwk *key, const char *header, const char *payload)
{
	uint8_t signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	char *input = text_printf(&pool, "%s.%s", base64url_encode(&pool, header, strlen(header)).base,
	                          base64url_encode(&pool, payload, strlen(payload)).base);

	assert_true(signature_make(key, text_of(input), signature, &len));
	return text_of(text_printf(&pool, "%s.%s", input, base64url_encode(&pool, signature, len).base));
}

#endif
