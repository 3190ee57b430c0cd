/* SPDX-License-Identifier: Apache-2.0 */
/* Compact tokens from outside. The input is read as a token, as the claims of a rightly signed token (so that what
 * comes after the signature is reached), and as header and payload, on two lines, under a signature that is not theirs.
 */
#include <stdlib.h>
#include <string.h>

#include "common/encoding.h"
#include "common/jws.h"

static const struct jwk_set *fuzz_keys(void)
{
	static h2o_mem_pool_t pool;
	static struct jwk_set *set;

	if (set == NULL) {
		h2o_mem_init_pool(&pool);
		json_init();
		set = h2o_mem_alloc_pool(&pool, sizeof(*set));
		set->keys = jwk_generate(&pool, JWS_ES256);
		set->keys->kid = "k";
		set->count = 1;
	}
	return set;
}

static void read_token(h2o_mem_pool_t *pool, const struct jwk_set *keys, h2o_iovec_t token, bool may_hold)
{
	const char *why = NULL;
	json_t *claims = jws_verify(pool, keys, "at+jwt", token, &why);
	h2o_iovec_t kid = jws_peek_kid(pool, token, "at+jwt");

	if ((claims == NULL) == (why == NULL))
		abort();
	/* nobody signs by chance, and what holds has a kid */
	if (claims != NULL && (!may_hold || kid.len == 0 || !json_is_object(claims)))
		abort();
	if (claims != NULL)
		jwt_claims_problem(claims, "https://as.example", "https://rs.example/mcp", 1500, 30);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct jwk_set *keys = fuzz_keys();
	h2o_iovec_t input = h2o_iovec_init((char *)data, len);
	const uint8_t *line_end = memchr(data, '\n', len);
	h2o_mem_pool_t pool;
	const char *why = NULL;

	h2o_mem_init_pool(&pool);
	read_token(&pool, keys, input, false);
	/* any text as claims behind a right header */
	h2o_iovec_t token = jws_sign(&pool, keys->keys, "at+jwt", input);
	if (token.base == NULL)
		abort();
	read_token(&pool, keys, token, true);
	if (line_end != NULL) {
		size_t first = (size_t)(line_end - data);
		char *text = text_printf(&pool, "%s.%s.%s", base64url_encode(&pool, data, first).base,
		                         base64url_encode(&pool, line_end + 1, len - first - 1).base,
		                         strrchr(token.base, '.') + 1);
		read_token(&pool, keys, text_of(text), false);
		if (jws_verify(&pool, keys, "at+jwt", text_of(text), &why) != NULL)
			abort();
	}
	h2o_mem_clear_pool(&pool);
	return 0;
}
