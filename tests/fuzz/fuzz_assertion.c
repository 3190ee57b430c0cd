/* SPDX-License-Identifier: Apache-2.0 */
/* Any client_assertion. What is peeked at has a client and an algorithm that is known here; nothing that was not signed
 * is taken from the signature on; claims that are accepted name a client, end soon and have an id. */
#include <stdlib.h>
#include <string.h>

#include "authz/assertion.h"
#include "common/encoding.h"
#include "common/jws.h"
#include "common/service_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1000000 };

static const struct jwk_set *keys(void)
{
	static h2o_mem_pool_t pool;
	static struct jwk_set *set;
	const char *error;

	if (set != NULL)
		return set;
	json_init();
	h2o_mem_init_pool(&pool);
	const struct jwk *key = jwk_generate(&pool, JWS_ES256);
	set = jwk_set_read(&pool, json_keep(&pool, json_pack("{s:[o]}", "keys", jwk_public_json(key))), &error);
	return set;
}

static void claims_of(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	const json_t *claims = json_read(pool, text, NULL);
	struct assertion a = {.expires_at = 0};

	if (json_is_object(claims) && assertion_problem(claims, "c", "https://as.example", NOW, &a) == NULL &&
	    (a.expires_at <= NOW || a.expires_at > NOW + 2 * ASSERTION_LIFETIME_MAX))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t secret[32] = "a secret that no input can know";
	h2o_iovec_t text = h2o_iovec_init(data, size);
	struct assertion_peek peek = {.client_id = NULL};
	const char *why;
	h2o_mem_pool_t pool;

	const struct jwk_set *set = keys();
	h2o_mem_init_pool(&pool);
	if (assertion_peek(&pool, text, &peek) == NULL &&
	    (peek.client_id == NULL || peek.client_id[0] == '\0' || peek.algorithm == NULL ||
	     peek.is_mac != (strcmp(peek.algorithm, "HS256") == 0)))
		abort();
	if (jws_verify_own(&pool, set, ASSERTION_JWT_TYPS, text, NULL, &why) != NULL)
		abort();
	if (service_token_open(&pool, (struct secret){secret, sizeof(secret)}, text, &why) != NULL)
		abort();
	claims_of(&pool, text);
	h2o_mem_clear_pool(&pool);
	return 0;
}
