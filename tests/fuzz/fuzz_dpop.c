/* SPDX-License-Identifier: Apache-2.0 */
/* DPoP proofs from outside. The input is read as a proof, as the claims of one that is signed by its own key, as a
 * header and claims on two lines, and as an htu; and as a nonce. */
#include <stdlib.h>
#include <string.h>

#include "common/dpop.h"
#include "common/dpop_nonce.h"
#include "common/encoding.h"
#include "common/jwk.h"

#define URL "https://server.example.com/token"
#define NOW 1562262616LL

static struct jwk *fuzz_key(void)
{
	static h2o_mem_pool_t pool;
	static struct jwk *key;

	if (key == NULL) {
		h2o_mem_init_pool(&pool);
		json_init();
		key = jwk_generate(&pool, JWS_EDDSA);
	}
	return key;
}

/* EdDSA needs no other form of its signature. */
static h2o_iovec_t sign(h2o_mem_pool_t *pool, const struct jwk *key, h2o_iovec_t header, h2o_iovec_t claims)
{
	uint8_t signature[64];
	size_t len = sizeof(signature);
	char *input = text_printf(pool, "%s.%s", base64url_encode(pool, header.base, header.len).base,
	                          base64url_encode(pool, claims.base, claims.len).base);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (EVP_MD_CTX_copy_ex(ctx, key->sign) != 1 ||
	    EVP_DigestSign(ctx, signature, &len, (const uint8_t *)input, strlen(input)) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	return text_of(text_printf(pool, "%s.%s", input, base64url_encode(pool, signature, len).base));
}

static void read_proof(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *own_thumbprint)
{
	struct dpop_request request = {.method = "POST", .url = URL, .now = NOW};
	struct dpop_proof proof;

	if (dpop_verify(pool, text, &request, &proof) != NULL)
		return;
	if (proof.age_s > DPOP_SKEW_MAX_S || proof.age_s < -DPOP_SKEW_MAX_S || strlen(proof.thumbprint_text) != 43)
		abort();
	/* nobody signs for this key by chance */
	if (own_thumbprint == NULL && strcmp(proof.thumbprint_text, jwk_thumbprint(pool, fuzz_key())) == 0)
		abort();
}

static bool was_made(h2o_mem_pool_t *pool, const struct handle_keys *keys, h2o_iovec_t nonce)
{
	for (int64_t t = NOW - 2 * DPOP_NONCE_PERIOD_S; t <= NOW + DPOP_NONCE_PERIOD_S; t++)
		if (text_is(nonce, dpop_nonce_make(pool, keys, "a", t)))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct jwk *key = fuzz_key();
	h2o_iovec_t input = h2o_iovec_init((char *)data, len);
	const char *line_end = memchr(data, '\n', len);
	static const uint8_t MASTER[32] = {1};
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	read_proof(&pool, input, NULL);
	json_t *public = json_keep(&pool, jwk_public_json(key));
	char *header =
	    text_printf(&pool, "{\"typ\":\"dpop+jwt\",\"alg\":\"EdDSA\",\"jwk\":%s}", json_text(&pool, public).base);
	read_proof(&pool, sign(&pool, key, text_of(header), input), key->kid);
	if (line_end != NULL) {
		h2o_iovec_t first = h2o_iovec_init(input.base, (size_t)(line_end - input.base));
		h2o_iovec_t second = h2o_iovec_init(line_end + 1, len - first.len - 1);
		read_proof(&pool, sign(&pool, key, first, second), key->kid);
	}
	dpop_url_matches(input, URL);
	struct handle_keys *keys = handle_keys_of(&pool, 1, MASTER);
	if (dpop_nonce_judge(keys, "a", input, NOW, 0) != NONCE_REFUSED && !was_made(&pool, keys, input))
		abort();
	h2o_mem_clear_pool(&pool);
	return 0;
}
