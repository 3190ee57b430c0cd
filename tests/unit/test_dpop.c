/* SPDX-License-Identifier: Apache-2.0 */
#include "common/dpop.c"
#include "common/jws.c"

#include "signing_keys.h"

#include "common/dpop_nonce.h"

#define TOKEN_URL "https://server.example.com/token"
#define NOW 1562262616LL

/* RFC 9449, 4.1 and 7.1 */
static const char RFC_TOKEN_PROOF[] =
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJq"
    "dGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijox"
    "NTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
static const char RFC_RESOURCE_PROOF[] =
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJq"
    "dGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNv"
    "dXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqz"
    "hrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
static const char RFC_TOKEN[] = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
static const char RFC_THUMBPRINT[] = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

static const char *public_text(const struct jwk *key)
{
	json_t *public = json_keep(&pool, jwk_public_json(key));

	json_object_del(public, "kid");
	json_object_del(public, "use");
	return json_text(&pool, public).base;
}

static const char *header_of(const struct jwk *key)
{
	return text_printf(&pool, "{\"typ\":\"dpop+jwt\",\"alg\":\"%s\",\"jwk\":%s}",
	                   jws_algorithm_name(key->algorithm), public_text(key));
}

#define CLAIMS_MORE(more)                                                                                              \
	"{\"jti\":\"j1\",\"htm\":\"POST\",\"htu\":\"https://server.example.com/token\",\"iat\":1562262616" more "}"

static const char *problem_at(h2o_iovec_t proof, const char *method, const char *url, const char *token, int64_t now)
{
	struct dpop_request request = {.method = method, .url = url, .token = text_of(token), .now = now};
	struct dpop_proof ret;

	return dpop_verify(&pool, proof, &request, &ret);
}

static const char *problem_of_claims(const char *claims)
{
	return problem_at(signed_token(made[JWS_ES256], header_of(made[JWS_ES256]), claims), "POST", TOKEN_URL, NULL,
	                  NOW);
}

static const char *problem_of_header(const struct jwk *key, const char *header)
{
	return problem_at(signed_token(key, header, CLAIMS_MORE("")), "POST", TOKEN_URL, NULL, NOW);
}

static void rfc9449_examples(void **state)
{
	struct dpop_request request = {.method = "POST", .url = TOKEN_URL, .now = NOW};
	struct dpop_proof proof;
	uint8_t first[SHA256_SIZE];

	(void)state;
	assert_null(dpop_verify(&pool, text_of(RFC_TOKEN_PROOF), &request, &proof));
	assert_string_equal(proof.thumbprint_text, RFC_THUMBPRINT);
	assert_int_equal(proof.age_s, 0);
	assert_null(proof.nonce.base);
	memcpy(first, proof.digest, sizeof(first));

	request = (struct dpop_request){.method = "GET",
	                                .url = "https://resource.example.org/protectedresource",
	                                .token = text_of(RFC_TOKEN),
	                                .now = NOW};
	assert_null(dpop_verify(&pool, text_of(RFC_RESOURCE_PROOF), &request, &proof));
	assert_string_equal(proof.thumbprint_text, RFC_THUMBPRINT);
	assert_int_equal(proof.age_s, -2);
	assert_memory_not_equal(first, proof.digest, sizeof(first));

	assert_string_equal(problem_at(text_of(RFC_RESOURCE_PROOF), "GET", request.url, "another", NOW),
	                    "the proof is for another access token");
	assert_string_equal(problem_at(text_of(RFC_TOKEN_PROOF), "POST", TOKEN_URL, RFC_TOKEN, NOW),
	                    "the proof is for another access token");
	assert_string_equal(problem_at(text_of(RFC_TOKEN_PROOF), "GET", TOKEN_URL, NULL, NOW),
	                    "the proof is for another method");
	assert_string_equal(problem_at(text_of(RFC_TOKEN_PROOF), "POST", TOKEN_URL "s", NULL, NOW),
	                    "the proof is for another URL");
}

static void every_algorithm_signs(void **state)
{
	(void)state;
	for (int a = 0; a < JWS_ALGORITHMS; a++)
		assert_null(problem_of_header(made[a], header_of(made[a])));
	const char *okp =
	    text_printf(&pool, "{\"typ\":\"dpop+jwt\",\"alg\":\"Ed25519\",\"jwk\":%s}", public_text(made[JWS_EDDSA]));
	assert_null(problem_of_header(made[JWS_EDDSA], okp));
	/* RFC 9449, 4.3: a proof may name its key, and nobody listens */
	const char *named = text_printf(&pool, "{\"typ\":\"DPoP+jwt\",\"alg\":\"ES256\",\"kid\":\"k\",\"jwk\":%s}",
	                                public_text(made[JWS_ES256]));
	assert_null(problem_of_header(made[JWS_ES256], named));
}

static void refuses_other_headers(void **state)
{
	const struct jwk *key = made[JWS_ES256];
	const char *jwk = public_text(key), *rsa = public_text(made[JWS_RS256]);
	static const char *const HEADERS[] = {
	    "{\"typ\":\"JWT\",\"alg\":\"ES256\",\"jwk\":%s}",
	    "{\"alg\":\"ES256\",\"jwk\":%s}",
	    "{\"typ\":\"dpop+jwt\",\"alg\":\"none\",\"jwk\":%s}",
	    "{\"typ\":\"dpop+jwt\",\"alg\":\"HS256\",\"jwk\":%s}",
	    "{\"typ\":\"dpop+jwt\",\"alg\":\"es256\",\"jwk\":%s}",
	    "{\"typ\":\"dpop+jwt\",\"alg\":\"EdDSA\",\"jwk\":%s}",
	    "{\"typ\":\"dpop+jwt\",\"jwk\":%s}",
	    "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":true,\"jwk\":%s}",
	    "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jku\":\"https://evil.example\",\"jwk\":%s}",
	    "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":[%s]}",
	    "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"x\":%s}",
	    "[%s]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(HEADERS) / sizeof(HEADERS[0]); i++) {
		char *at = strstr(HEADERS[i], "%s");
		char *header = text_printf(&pool, "%.*s%s%s", (int)(at - HEADERS[i]), HEADERS[i], jwk, at + 2);
		assert_non_null(problem_of_header(key, header));
	}
	/* a key of another kind, a private one, a shared one, one that is for another use */
	assert_non_null(
	    problem_of_header(key, text_printf(&pool, "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":%s}", rsa)));
	static const char *const MEMBERS[] = {"\"d\":\"AAAA\"", "\"k\":\"AAAA\"", "\"use\":\"enc\"",
	                                      "\"key_ops\":[\"sign\"]", "\"alg\":\"PS256\""};
	for (size_t i = 0; i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++) {
		json_t *object = json_keep(&pool, jwk_public_json(key));
		json_object_del(object, "alg");
		json_object_del(object, "use");
		char *open = json_text(&pool, object).base;
		char *with = text_printf(&pool, "{%s,%s", MEMBERS[i], open + 1);
		assert_non_null(problem_of_header(
		    key, text_printf(&pool, "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":%s}", with)));
	}
	assert_non_null(problem_of_header(
	    key, "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}"));
	/* signed with another key than the one inside */
	struct jwk *other = jwk_generate(&pool, JWS_ES256);
	assert_string_equal(problem_of_header(other, header_of(key)), "the signature is wrong");
	/* an RSA key is for what the header says, whatever it could do */
	const char *as_ps256 = text_printf(&pool, "{\"typ\":\"dpop+jwt\",\"alg\":\"PS256\",\"jwk\":%s}", rsa);
	assert_non_null(problem_of_header(made[JWS_RS256], as_ps256));
}

static void refuses_other_claims(void **state)
{
	static const char *const CLAIMS[] = {
	    "[]",
	    "{}",
	    "{\"htm\":\"POST\",\"htu\":\"https://server.example.com/token\",\"iat\":1562262616}",
	    "{\"jti\":\"\",\"htm\":\"POST\",\"htu\":\"https://server.example.com/token\",\"iat\":1562262616}",
	    "{\"jti\":1,\"htm\":\"POST\",\"htu\":\"https://server.example.com/token\",\"iat\":1562262616}",
	    "{\"jti\":\"j\",\"htm\":\"post\",\"htu\":\"https://server.example.com/token\",\"iat\":1562262616}",
	    "{\"jti\":\"j\",\"htu\":\"https://server.example.com/token\",\"iat\":1562262616}",
	    "{\"jti\":\"j\",\"htm\":\"POST\",\"iat\":1562262616}",
	    "{\"jti\":\"j\",\"htm\":\"POST\",\"htu\":\"/token\",\"iat\":1562262616}",
	    "{\"jti\":\"j\",\"htm\":\"POST\",\"htu\":\"https://server.example.com/token\"}",
	    "{\"jti\":\"j\",\"htm\":\"POST\",\"htu\":\"https://server.example.com/token\",\"iat\":\"1562262616\"}",
	    "{\"jti\":\"j\",\"htm\":\"POST\",\"htu\":\"https://server.example.com/token\",\"iat\":1e300}",
	    "{\"jti\":\"j\",\"jti\":\"k\",\"htm\":\"POST\",\"htu\":\"https://server.example.com/"
	    "token\",\"iat\":1562262616}",
	    CLAIMS_MORE(",\"nonce\":\"\""),
	    CLAIMS_MORE(",\"nonce\":7"),
	    CLAIMS_MORE(",\"exp\":1562262500"),
	    CLAIMS_MORE(",\"exp\":\"never\""),
	    CLAIMS_MORE(",\"nbf\":1562262700"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CLAIMS) / sizeof(CLAIMS[0]); i++)
		assert_non_null(problem_of_claims(CLAIMS[i]));
	assert_null(problem_of_claims(CLAIMS_MORE("")));
	assert_null(
	    problem_of_claims(CLAIMS_MORE(",\"nonce\":\"n\",\"exp\":1562262700,\"nbf\":1562262600,\"ath\":\"x\"")));
	char *jti = text_printf(&pool, "%0257d", 1);
	assert_non_null(problem_of_claims(
	    text_printf(&pool, "{\"jti\":\"%s\",\"htm\":\"POST\",\"htu\":\"%s\",\"iat\":1562262616}", jti, TOKEN_URL)));
	char *large = text_printf(&pool, "%08000d", 1);
	assert_non_null(problem_of_claims(text_printf(&pool, CLAIMS_MORE(",\"x\":\"%s\""), large)));
}

static void time_is_bounded(void **state)
{
	struct dpop_request request = {.method = "POST", .url = TOKEN_URL};
	static const struct {
		int64_t age;
		bool holds, is_fresh;
	} CASES[] = {{0, true, true},    {60, true, true},    {61, true, false},
	             {300, true, false}, {301, false, false}, {-30, true, true},
	             {-31, true, false}, {-300, true, false}, {-301, false, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct dpop_proof proof;
		request.now = NOW + CASES[i].age;
		assert_int_equal(dpop_verify(&pool, text_of(RFC_TOKEN_PROOF), &request, &proof) == NULL,
		                 CASES[i].holds);
		if (CASES[i].holds)
			assert_int_equal(dpop_is_fresh(&proof), CASES[i].is_fresh);
	}
}

static void urls_are_compared_after_normalising(void **state)
{
	static const struct {
		const char *htu, *url;
		bool matches;
	} CASES[] = {
	    {"https://rs.example/mcp", "https://rs.example/mcp", true},
	    {"HTTPS://RS.Example/mcp", "https://rs.example/mcp", true},
	    {"https://rs.example:443/mcp", "https://rs.example/mcp", true},
	    {"https://rs.example/mcp?a=b", "https://rs.example/mcp", true},
	    {"https://rs.example/mcp#f", "https://rs.example/mcp", true},
	    {"https://rs.example/", "https://rs.example", true},
	    {"https://rs.example", "https://rs.example", true},
	    {"http://127.0.0.1:80/mcp", "http://127.0.0.1/mcp", true},
	    {"http://127.0.0.1:9401/mcp", "http://127.0.0.1:9401/mcp", true},
	    {"http://[::1]:9401/mcp", "http://[::1]:9401/mcp", true},
	    {"https://rs.example/MCP", "https://rs.example/mcp", false},
	    {"https://rs.example/mcp/", "https://rs.example/mcp", false},
	    {"https://rs.example/%6dcp", "https://rs.example/mcp", false},
	    {"https://rs.example/x/../mcp", "https://rs.example/mcp", false},
	    {"http://rs.example/mcp", "https://rs.example/mcp", false},
	    {"http://rs.example:443/mcp", "https://rs.example/mcp", false},
	    {"https://rs.example:80/mcp", "https://rs.example/mcp", false},
	    {"https://rs.example:8443/mcp", "https://rs.example/mcp", false},
	    {"https://rs.example.evil/mcp", "https://rs.example/mcp", false},
	    {"https://rs.example./mcp", "https://rs.example/mcp", false},
	    {"https://user@rs.example/mcp", "https://rs.example/mcp", false},
	    {"https:///mcp", "https://rs.example/mcp", false},
	    {"https:rs.example/mcp", "https://rs.example/mcp", false},
	    {"//rs.example/mcp", "https://rs.example/mcp", false},
	    {"", "https://rs.example/mcp", false},
	    {"http://localhost:9401/mcp", "http://127.0.0.1:9401/mcp", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		if (dpop_url_matches(text_of(CASES[i].htu), CASES[i].url) != CASES[i].matches)
			fail_msg("%s and %s", CASES[i].htu, CASES[i].url);
}

static void any_changed_byte_is_refused(void **state)
{
	(void)state;
	size_t len = sizeof(RFC_TOKEN_PROOF) - 1;
	char *text = text_copy(&pool, h2o_iovec_init(RFC_TOKEN_PROOF, len));

	for (size_t i = 0; i < len; i++) {
		char was = text[i];
		text[i] = was == 'A' ? 'B' : 'A';
		assert_non_null(problem_at(h2o_iovec_init(text, len), "POST", TOKEN_URL, NULL, NOW));
		text[i] = was;
	}
	assert_null(problem_at(h2o_iovec_init(text, len), "POST", TOKEN_URL, NULL, NOW));
	assert_non_null(problem_at(h2o_iovec_init(text, len - 1), "POST", TOKEN_URL, NULL, NOW));
	assert_non_null(problem_at((h2o_iovec_t){NULL, 0}, "POST", TOKEN_URL, NULL, NOW));
}

static void what_must_not_come_twice(void **state)
{
	struct dpop_request request = {.method = "POST", .url = TOKEN_URL, .now = NOW};
	struct dpop_proof a, b, c;
	struct jwk *other = jwk_generate(&pool, JWS_ES256);

	(void)state;
	const char *claims = CLAIMS_MORE("");
	assert_null(dpop_verify(&pool, signed_token(other, header_of(other), claims), &request, &a));
	assert_null(dpop_verify(&pool, signed_token(other, header_of(other), claims), &request, &b));
	const struct jwk *key = made[JWS_ES256];
	assert_null(dpop_verify(&pool, signed_token(key, header_of(key), claims), &request, &c));
	assert_memory_equal(a.digest, b.digest, sizeof(a.digest)); /* another signature, the same proof */
	assert_memory_not_equal(a.digest, c.digest, sizeof(a.digest));
	assert_memory_not_equal(a.thumbprint, c.thumbprint, sizeof(a.thumbprint));
}

static void nonces(void **state)
{
	static const uint8_t MASTER[32] = {1}, OTHER[32] = {2};
	struct handle_keys *keys = handle_keys_of(&pool, 7, MASTER), *others = handle_keys_of(&pool, 7, OTHER);
	struct handle_keys *renamed = handle_keys_of(&pool, 8, MASTER);
	int64_t start = 1000 * DPOP_NONCE_PERIOD_S;
	h2o_iovec_t nonce = text_of(dpop_nonce_make(&pool, keys, "a", start));

	(void)state;
	assert_int_equal(dpop_nonce_judge(keys, "a", nonce, start, 0), NONCE_FRESH);
	assert_int_equal(dpop_nonce_judge(keys, "a", nonce, start + 59, 0), NONCE_FRESH);
	assert_int_equal(dpop_nonce_judge(keys, "a", nonce, start - 1, 0), NONCE_FRESH);
	assert_int_equal(dpop_nonce_judge(keys, "a", nonce, start - 61, 0), NONCE_REFUSED);
	assert_int_equal(dpop_nonce_judge(keys, "a", nonce, start + 60, 0), NONCE_AGEING);
	assert_int_equal(dpop_nonce_judge(keys, "a", nonce, start + 119, 0), NONCE_AGEING);
	assert_int_equal(dpop_nonce_judge(keys, "a", nonce, start + 120, 0), NONCE_REFUSED);
	assert_int_equal(dpop_nonce_judge(keys, "a", nonce, start, start), NONCE_FRESH);
	assert_int_equal(dpop_nonce_judge(keys, "a", nonce, start, start + 1), NONCE_REFUSED);
	assert_int_equal(dpop_nonce_judge(keys, "b", nonce, start, 0), NONCE_REFUSED);
	assert_int_equal(dpop_nonce_judge(others, "a", nonce, start, 0), NONCE_REFUSED);
	assert_int_equal(dpop_nonce_judge(renamed, "a", nonce, start, 0), NONCE_REFUSED);
	for (size_t i = 0; i < nonce.len; i++) {
		char *text = text_copy(&pool, nonce);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_int_equal(dpop_nonce_judge(keys, "a", text_of(text), start, 0), NONCE_REFUSED);
	}
	assert_int_equal(dpop_nonce_judge(keys, "a", (h2o_iovec_t){NULL, 0}, start, 0), NONCE_REFUSED);
	assert_int_equal(dpop_nonce_judge(keys, "a", h2o_iovec_init(nonce.base, nonce.len - 1), start, 0),
	                 NONCE_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(rfc9449_examples, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(every_algorithm_signs, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(refuses_other_headers, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(refuses_other_claims, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(time_is_bounded, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(urls_are_compared_after_normalising, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(any_changed_byte_is_refused, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(what_must_not_come_twice, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(nonces, open_pool, close_clean_pool),
	};
	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
