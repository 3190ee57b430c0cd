/* SPDX-License-Identifier: Apache-2.0 */
#include "common/service_token.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NOW = 1800000000 };

static h2o_mem_pool_t pool;
static struct secret key, other_key;

static int setup(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	key = secret_copy(&pool, "0123456789abcdef0123456789abcdef", 32);
	other_key = secret_copy(&pool, "0123456789abcdef0123456789abcdeX", 32);
	clock_freeze(NOW);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clock_freeze(0);
	h2o_mem_clear_pool(&pool);
	return 0;
}

static char *token_of(void)
{
	json_t *claims = json_keep(&pool, json_pack("{ss ss ss}", "iss", "me", "sub", "me", "aud", "you"));
	char *token = service_token_sign(&pool, key, claims, 60);
	assert_non_null(token);
	return token;
}

/* header.payload.MAC of any texts, made without libjwt */
static char *token_made(const char *header, const char *payload)
{
	uint8_t mac[SHA256_SIZE];
	char *input = text_printf(&pool, "%s.%s", base64url_encode(&pool, header, strlen(header)).base,
	                          base64url_encode(&pool, payload, strlen(payload)).base);
	hmac_sha256(key.bytes, text_of(input), mac);
	return text_printf(&pool, "%s.%s", input, base64url_encode(&pool, mac, sizeof(mac)).base);
}

static json_t *verified(h2o_mem_pool_t *to, struct secret with, h2o_iovec_t token, const char *issuer,
                        const char *audience, int64_t now, const char **why)
{
	json_t *claims = service_token_open(to, with, token, why);
	if (claims == NULL)
		return NULL;
	*why = jwt_claims_problem(claims, issuer, audience, now, CLOCK_SKEW_S);
	return *why == NULL ? claims : NULL;
}

static void accepted(const char *token)
{
	const char *why = NULL;
	if (verified(&pool, key, text_of(token), "me", "you", NOW, &why) == NULL)
		fail_msg("%s: %s", token, why);
	assert_null(why);
}

static void refused(const char *token, const char *expected)
{
	const char *why = NULL;
	assert_null(verified(&pool, key, text_of(token), "me", "you", NOW, &why));
	assert_string_equal(why, expected);
}

#define CLAIMS "{\"iss\":\"me\",\"aud\":\"you\",\"iat\":1800000000,\"exp\":1800000060}"
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static void signs_and_verifies(void **state)
{
	const char *why = "";
	(void)state;
	char *token = token_of();
	json_t *claims = verified(&pool, key, text_of(token), "me", "you", NOW, &why);
	assert_non_null(claims);
	assert_null(why);
	assert_string_equal(json_get_text(claims, "sub").base, "me");
	assert_int_equal(json_integer_value(json_object_get(claims, "iat")), NOW);
	assert_int_equal(json_integer_value(json_object_get(claims, "exp")), NOW + 60);
	assert_int_equal(json_get_text(claims, "jti").len, 43);
	assert_string_not_equal(token, token_of()); /* another jti */

	assert_null(verified(&pool, key, text_of(token), "me", "you", NOW + 60, &why));
	assert_string_equal(why, "the token has expired");
	assert_null(verified(&pool, key, text_of(token), "me", "you", NOW - 31, &why));
	assert_string_equal(why, "the token was issued in the future");
	assert_null(verified(&pool, key, text_of(token), "you", "you", NOW, &why));
	assert_string_equal(why, "iss is another one");
	assert_null(verified(&pool, key, text_of(token), "me", "me", NOW, &why));
	assert_string_equal(why, "aud is another one");
	assert_null(verified(&pool, other_key, text_of(token), "me", "you", NOW, &why));
	assert_string_equal(why, "the signature is wrong");
}

/* What other libraries make, too. */
static void knows_other_makers(void **state)
{
	(void)state;
	accepted(token_made(HEADER, CLAIMS));
	accepted(token_made("{\"typ\":\"jwt\",\"alg\":\"HS256\",\"kid\":\"1\"}", CLAIMS));
	accepted(token_made("{\"alg\":\"HS256\"}", CLAIMS));
}

static void keys_are_long_enough(void **state)
{
	const char *why = NULL;
	json_t *claims = json_keep(&pool, json_object());
	(void)state;
	assert_null(service_token_sign(&pool, secret_copy(&pool, "0123456789abcdef0123456789abcde", 31), claims, 60));
	assert_null(service_token_sign(&pool, (struct secret){NULL, 0}, claims, 60));
	assert_null(service_token_sign(&pool, key, claims, 0));
	assert_null(service_token_sign(&pool, key, json_null(), 60));
	assert_null(service_token_sign(&pool, key, NULL, 60));
	char *token = token_of();
	struct secret shorter = {key.bytes, 31}, none = {NULL, 0}, null = {NULL, 32};
	assert_null(verified(&pool, shorter, text_of(token), "me", "you", NOW, &why));
	assert_string_equal(why, "the key is too short");
	assert_null(verified(&pool, none, text_of(token), "me", "you", NOW, &why));
	assert_string_equal(why, "the key is too short");
	assert_null(verified(&pool, null, text_of(token), "me", "you", NOW, &why));
	assert_string_equal(why, "the key is too short");
}

static void sizes_are_bounded(void **state)
{
	(void)state;
	char *text = h2o_mem_alloc_pool(&pool, SERVICE_TOKEN_SIZE_MAX + 2);
	memset(text, 'A', SERVICE_TOKEN_SIZE_MAX + 1);
	text[SERVICE_TOKEN_SIZE_MAX + 1] = '\0';
	json_t *claims = json_keep(&pool, json_pack("{ss}", "x", text));
	assert_null(service_token_sign(&pool, key, claims, 60));
	text[SERVICE_TOKEN_SIZE_MAX - 600] = '\0'; /* the claims fit, the token would not */
	assert_null(service_token_sign(&pool, key, json_keep(&pool, json_pack("{ss}", "x", text)), 60));
	text[2900] = '\0';
	assert_non_null(service_token_sign(&pool, key, json_keep(&pool, json_pack("{ss}", "x", text)), 60));
	char *large = h2o_mem_alloc_pool(&pool, SERVICE_TOKEN_SIZE_MAX + 2);
	memset(large, 'A', SERVICE_TOKEN_SIZE_MAX + 1);
	large[SERVICE_TOKEN_SIZE_MAX + 1] = '\0';
	refused(large, "the token is empty or too long");
	refused("", "the token is empty or too long");
}

static const char EMPTY_PART[] = "a part of the token is empty";

/* libjwt believes the token's alg, and takes "none" for a signature. */
static void only_hs256(void **state)
{
	static const char why[] = "the header is not that of an HS256 token";
	static const char *const headers[] = {
	    "{\"alg\":\"none\"}",
	    "{\"alg\":\"HS384\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"HS512\"}",
	    "{\"alg\":\"RS256\"}",
	    "{\"alg\":\"ES256\"}",
	    "{\"alg\":\"hs256\"}",
	    "{\"alg\":[\"HS256\"]}",
	    "{\"typ\":\"JWT\"}",
	    "{}",
	    "[]",
	    "{\"alg\":\"HS256\",\"alg\":\"none\"}",
	    "{\"alg\":\"none\",\"alg\":\"HS256\"}",
	    "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}",
	    "{\"alg\":\"HS256\",\"typ\":1}",
	    "{\"alg\":\"HS256\",\"crit\":[]}",
	    "{\"alg\":\"HS256\",\"b64\":false}",
	    "{\"alg\":\"HS256\",\"jwk\":{}}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		refused(token_made(headers[i], CLAIMS), why);
	char *unsigned_token = text_printf(&pool, "%s.%s.", base64url_encode(&pool, "{\"alg\":\"none\"}", 14).base,
	                                   base64url_encode(&pool, CLAIMS, strlen(CLAIMS)).base);
	refused(unsigned_token, EMPTY_PART);
	refused(token_made("", CLAIMS), EMPTY_PART);
}

/* libjwt takes all of these. */
static void one_text_for_one_token(void **state)
{
	static const char why[] = "the signature is not that of an HS256 token";
	(void)state;
	char token[512];
	size_t len = strlen(strcpy(token, token_made(HEADER, CLAIMS)));
	accepted(token);
	refused(text_printf(&pool, "%s=", token), why);
	refused(text_printf(&pool, "%.*s\n%s", (int)len - 3, token, token + len - 3), why);
	refused(text_printf(&pool, "%.*s", (int)len - 1, token), why);
	refused(text_printf(&pool, "%.*s.", (int)(strrchr(token, '.') - token), token), EMPTY_PART);
	char *other = text_copy(&pool, text_of(token));
	other[len - 1]++; /* 32 bytes are 43 characters, the last of which holds two spare bits */
	refused(other, why);
	refused(text_printf(&pool, "%s.", token), "the token has not three parts");
	refused("a.b", "the token has not three parts");
	refused("..", EMPTY_PART);
	refused(text_printf(&pool, " %s", token), "the header is not that of an HS256 token");
	refused(token_made(HEADER,
	                   "{\"iss\":\"you\",\"iss\":\"me\",\"aud\":\"you\",\"iat\":1800000000,\"exp\":1800000060}"),
	        "the claims are no base64url of a JSON object");
	refused(token_made(HEADER, "[]"), "the claims are no base64url of a JSON object");
	const char *problem = NULL;
	assert_null(verified(&pool, key, h2o_iovec_init(token, len + 1), "me", "you", NOW, &problem));
	assert_string_equal(problem, why);
}

static void any_changed_byte_is_refused(void **state)
{
	(void)state;
	char *token = token_made(HEADER, CLAIMS);
	for (size_t i = 0; token[i] != '\0'; i++) {
		const char *why = NULL;
		char *changed = text_copy(&pool, text_of(token));
		changed[i] ^= 1;
		assert_null(verified(&pool, key, text_of(changed), "me", "you", NOW, &why));
		assert_non_null(why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(signs_and_verifies, setup, teardown),
	    cmocka_unit_test_setup_teardown(knows_other_makers, setup, teardown),
	    cmocka_unit_test_setup_teardown(keys_are_long_enough, setup, teardown),
	    cmocka_unit_test_setup_teardown(sizes_are_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(only_hs256, setup, teardown),
	    cmocka_unit_test_setup_teardown(one_text_for_one_token, setup, teardown),
	    cmocka_unit_test_setup_teardown(any_changed_byte_is_refused, setup, teardown),
	};
	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
