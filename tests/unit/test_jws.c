/* SPDX-License-Identifier: Apache-2.0 */
#include "common/jws.c"

#include <jwt.h>
#include <openssl/pem.h>

#include "signing_keys.h"

#define CLAIMS "{\"iss\":\"https://as.example\",\"aud\":\"https://rs.example/mcp\",\"iat\":1000,\"exp\":2000}"

static struct jwk_set keys; /* all of them, public */

static int make_all(void **state)
{
	json_t *array = json_array();
	const char *error = NULL;

	make_keys(state);
	for (int a = 0; a < JWS_ALGORITHMS; a++)
		json_array_append_new(array, jwk_public_json(made[a]));
	keys = *jwk_set_read(&keys_pool, json_keep(&keys_pool, json_pack("{s:o}", "keys", array)), &error);
	return 0;
}

static h2o_iovec_t encoded(const char *text)
{
	return base64url_encode(&pool, text, strlen(text));
}

static const char *header_of(enum jws_algorithm algorithm, const char *more)
{
	return text_printf(&pool, "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"%s}", jws_algorithm_name(algorithm),
	                   made[algorithm]->kid, more);
}

static void accepted(h2o_iovec_t token)
{
	const char *why = NULL;
	if (jws_verify(&pool, &keys, "at+jwt", token, &why) == NULL)
		fail_msg("%.*s: %s", (int)token.len, token.base, why);
	assert_null(why);
}

static void refused(h2o_iovec_t token, const char *expected)
{
	const char *why = NULL;
	assert_null(jws_verify(&pool, &keys, "at+jwt", token, &why));
	assert_string_equal(why, expected);
}

/* ---- Known answers ---- */

#define RFC7515_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static bool known_answer_holds(const char *jwk, const char *input, const char *signature)
{
	const char *error = NULL;
	json_t *document = json_read(&pool, text_of(text_printf(&pool, "{\"keys\":[%s]}", jwk)), NULL);
	struct jwk_set *set = jwk_set_read(&pool, document, &error);
	assert_non_null(set);
	assert_int_equal(set->count, 1);
	return signature_holds(&set->keys[0], text_of(input), base64url_decode(&pool, text_of(signature)));
}

static void rfc7515_a2_rs256(void **state)
{
	static const char key[] =
	    "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-"
	    "Vaw-4qP"
	    "CJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXnd"
	    "S5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWN"
	    "moudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}";
	static const char signature[] =
	    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9"
	    "CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOL"
	    "n6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtV"
	    "rBp0igcN_IoypGlUPQGe77Rw";
	(void)state;
	assert_true(known_answer_holds(key, "eyJhbGciOiJSUzI1NiJ9." RFC7515_PAYLOAD, signature));
	assert_false(known_answer_holds(key, "eyJhbGciOiJSUzI1NiJ9." RFC7515_PAYLOAD "A", signature));
}

static void rfc7515_a3_es256(void **state)
{
	static const char key[] =
	    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
	static const char signature[] =
	    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
	(void)state;
	assert_true(known_answer_holds(key, "eyJhbGciOiJFUzI1NiJ9." RFC7515_PAYLOAD, signature));
	assert_false(known_answer_holds(key, "eyJhbGciOiJFUzI1NiJ8." RFC7515_PAYLOAD, signature));
}

/* Ed25519 is deterministic: signing has one right answer too. */
static void rfc8037_a4_eddsa(void **state)
{
	static const char key[] =
	    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
	static const char input[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
	static const char signature[] =
	    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
	uint8_t secret[32], made_signature[SIGNATURE_MAX];
	size_t len = sizeof(made_signature);
	struct jwk private;
	(void)state;
	assert_true(known_answer_holds(key, input, signature));
	assert_true(
	    base64url_decode_exact(text_of("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"), secret, sizeof(secret)));
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof(secret));
	assert_true(jwk_fill(&pool, &private, JWS_EDDSA, pkey, true));
	for (int i = 0; i < 2; i++) {
		assert_true(signature_make(&private, text_of(input), made_signature, &len));
		assert_string_equal(base64url_encode(&pool, made_signature, len).base, signature);
	}
}

/* ---- Both directions ---- */

static void signs_and_verifies(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) { /* r and s with leading zeros come by, too */
		for (int a = 0; a < JWS_ALGORITHMS; a++) {
			h2o_iovec_t token = jws_sign(&pool, made[a], "at+jwt", text_of(CLAIMS));
			assert_int_equal(strlen(token.base), token.len);
			accepted(token);
			assert_string_equal(jws_peek_kid(&pool, token, "at+jwt").base, made[a]->kid);
		}
	}
	const char *why = "";
	json_t *claims =
	    jws_verify(&pool, &keys, "at+jwt", jws_sign(&pool, made[JWS_ES256], "at+jwt", text_of(CLAIMS)), &why);
	assert_int_equal(json_integer_value(json_object_get(claims, "exp")), 2000);
	assert_null(jwt_claims_problem(claims, "https://as.example", "https://rs.example/mcp", 1500, 30));
	/* a private key verifies as well; a public one does not sign */
	struct jwk_set own = {.keys = made[JWS_PS256], .count = 1};
	assert_non_null(jws_verify(&pool, &own, "x", jws_sign(&pool, made[JWS_PS256], "x", text_of("{}")), &why));
	assert_null(jws_sign(&pool, &keys.keys[0], "at+jwt", text_of(CLAIMS)).base);
}

/* Every combination of leading zeros and high bits, against OpenSSL's own encoder. */
static void der_is_openssls(void **state)
{
	static const uint8_t firsts[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	uint8_t fixed[ES256_SIZE], der[DER_MAX], *expected;
	(void)state;
	for (size_t i = 0; i < sizeof(firsts) * sizeof(firsts) * P256_SIZE; i++) {
		size_t zeros = i % P256_SIZE, pair = i / P256_SIZE;
		memset(fixed, 0, sizeof(fixed));
		memset(fixed + zeros, firsts[pair % sizeof(firsts)], P256_SIZE - zeros);
		memset(fixed + P256_SIZE + zeros, firsts[pair / sizeof(firsts)], P256_SIZE - zeros);
		size_t len = ecdsa_to_der(fixed, der);
		ECDSA_SIG *numbers = ECDSA_SIG_new();
		ECDSA_SIG_set0(numbers, BN_bin2bn(fixed, P256_SIZE, NULL),
		               BN_bin2bn(fixed + P256_SIZE, P256_SIZE, NULL));
		expected = NULL;
		int expected_len = i2d_ECDSA_SIG(numbers, &expected);
		assert_int_equal(len, expected_len);
		assert_memory_equal(der, expected, len);
		OPENSSL_free(expected);
		ECDSA_SIG_free(numbers);

		uint8_t back[SIGNATURE_MAX];
		memcpy(back, der, len);
		assert_true(ecdsa_to_fixed(back, &len));
		assert_int_equal(len, ES256_SIZE);
		assert_memory_equal(back, fixed, ES256_SIZE);
	}
}

static char *pem_of(const struct jwk *key, bool private)
{
	char *data;
	BIO *bio = BIO_new(BIO_s_mem());
	if (private)
		PEM_write_bio_PrivateKey(bio, key->key, NULL, NULL, 0, NULL, NULL);
	else
		PEM_write_bio_PUBKEY(bio, key->key);
	long len = BIO_get_mem_data(bio, &data);
	char *pem = text_copy(&pool, h2o_iovec_init(data, (size_t)len));
	BIO_free(bio);
	return pem;
}

static void libjwt_verifies_what_is_signed(enum jws_algorithm algorithm, jwt_alg_t expected)
{
	char *pem = pem_of(made[algorithm], false);
	for (int i = 0; i < 20; i++) {
		h2o_iovec_t token = jws_sign(&pool, made[algorithm], "JWT", text_of(CLAIMS));
		jwt_t *jwt = NULL;
		assert_int_equal(jwt_decode(&jwt, token.base, (const unsigned char *)pem, (int)strlen(pem)), 0);
		assert_int_equal(jwt_get_alg(jwt), expected);
		assert_int_equal(jwt_get_grant_int(jwt, "exp"), 2000);
		jwt_free(jwt);
		ERR_clear_error();
	}
}

static void verifies_what_libjwt_signs(enum jws_algorithm algorithm, jwt_alg_t alg)
{
	char *pem = pem_of(made[algorithm], true);
	for (int i = 0; i < 20; i++) {
		jwt_t *jwt = NULL;
		assert_int_equal(jwt_new(&jwt), 0);
		assert_int_equal(jwt_add_header(jwt, "kid", made[algorithm]->kid), 0);
		assert_int_equal(jwt_add_grants_json(jwt, CLAIMS), 0);
		assert_int_equal(jwt_set_alg(jwt, alg, (const unsigned char *)pem, (int)strlen(pem)), 0);
		char *text = jwt_encode_str(jwt);
		const char *why = "";
		assert_non_null(jws_verify(&pool, &keys, "JWT", text_of(text), &why));
		refused(text_of(text), "typ is another one");
		free(text);
		jwt_free(jwt);
		ERR_clear_error();
	}
}

static void agrees_with_libjwt(void **state)
{
	(void)state;
	libjwt_verifies_what_is_signed(JWS_ES256, JWT_ALG_ES256);
	libjwt_verifies_what_is_signed(JWS_RS256, JWT_ALG_RS256);
	verifies_what_libjwt_signs(JWS_ES256, JWT_ALG_ES256);
	verifies_what_libjwt_signs(JWS_RS256, JWT_ALG_RS256);
}

/* ---- What is refused ---- */

static void refuses_other_forms(void **state)
{
	(void)state;
	h2o_iovec_t token = jws_sign(&pool, made[JWS_ES256], "at+jwt", text_of(CLAIMS));
	char *last = strrchr(token.base, '.');
	char *first = strchr(token.base, '.');

	refused(h2o_iovec_init(NULL, 0), "the token is empty or too long");
	refused(text_of("."), "the token has not three parts");
	refused(text_of(".."), "a part of the token is empty");
	refused(text_of("..."), "the token has not three parts");
	refused(text_of("a.b"), "the token has not three parts");
	refused(text_of(text_printf(&pool, "%s.%s", token.base, "AA")), "the token has not three parts");
	refused(text_of(text_printf(&pool, "%s..AA", token.base)), "the token has not three parts");
	refused(h2o_iovec_init(token.base, (size_t)(last - token.base)), "the token has not three parts");
	refused(h2o_iovec_init(token.base, (size_t)(last - token.base + 1)), "a part of the token is empty");
	/* detached payload: RFC 7515, appendix F */
	refused(text_of(text_printf(&pool, "%.*s.%s", (int)(first - token.base + 1), token.base, last + 1)),
	        "a part of the token is empty");
	/* JSON serialization */
	refused(text_of("{\"payload\":\"e30\",\"signatures\":[]}"), "the token has not three parts");

	struct text_buffer claims = {.pool = &pool};
	text_append_str(&claims, "{\"a\":\"");
	for (int i = 0; i < 11900; i++)
		text_append(&claims, "x", 1);
	text_append_str(&claims, "\"}");
	h2o_iovec_t large = jws_sign(&pool, made[JWS_ES256], "at+jwt", h2o_iovec_init(claims.base, claims.len));
	assert_true(large.len < JWS_SIZE_MAX);
	accepted(large);
	while (large.len <= JWS_SIZE_MAX) {
		claims.len -= 2;
		text_append_str(&claims, "xx\"}");
		large = jws_sign(&pool, made[JWS_ES256], "at+jwt", h2o_iovec_init(claims.base, claims.len));
	}
	refused(large, "the token is empty or too long");
}

/* One text for one token: no padding, line breaks, other alphabets, stray bits. */
static void reads_base64url_strictly(void **state)
{
	(void)state;
	h2o_iovec_t token = jws_sign(&pool, made[JWS_ES256], "at+jwt", text_of(CLAIMS));
	accepted(token);
	refused(text_of(text_printf(&pool, "%s=", token.base)), "the signature is no base64url");
	refused(text_of(text_printf(&pool, "%s==", token.base)), "the signature is no base64url");
	refused(text_of(text_printf(&pool, "%s\n", token.base)), "the signature is no base64url");
	refused(text_of(text_printf(&pool, " %s", token.base)), "the header is no base64url of a JSON object");
	refused(h2o_iovec_init(token.base, token.len - 1), "the signature is no base64url");
	refused(h2o_iovec_init(token.base, token.len - 2), "the signature is wrong");
	/* 64 bytes are 86 characters, of which the last one holds two bits: fifteen others mean the same to a lenient
	 * decoder */
	char *other = text_copy(&pool, token);
	other[token.len - 1]++;
	refused(text_of(other), "the signature is no base64url");
	refused(h2o_iovec_init(text_printf(&pool, "%sx", token.base), token.len + 2), "the signature is no base64url");
}

static void any_changed_byte_is_refused(void **state)
{
	(void)state;
	for (int a = 0; a < JWS_ALGORITHMS; a++) {
		h2o_iovec_t token = jws_sign(&pool, made[a], "at+jwt", text_of("{}"));
		for (size_t i = 0; i < token.len; i++) {
			char *changed = text_copy(&pool, token);
			const char *why = NULL;
			changed[i] ^= 1;
			assert_null(jws_verify(&pool, &keys, "at+jwt", text_of(changed), &why));
			assert_non_null(why);
		}
	}
}

/* RFC 8725, 2.1 and 3.1 */
static void the_key_says_the_algorithm(void **state)
{
	static const char *const unknown[] = {"none", "None", "NONE", "HS256", "RS512", "ES384", "es256", ""};
	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		char *header =
		    text_printf(&pool, "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", unknown[i], made[0]->kid);
		refused(signed_token(made[JWS_ES256], header, CLAIMS), "alg is unknown");
	}
	refused(signed_token(made[0], text_printf(&pool, "{\"typ\":\"at+jwt\",\"kid\":\"%s\"}", made[0]->kid), CLAIMS),
	        "alg is unknown");
	refused(signed_token(made[0], text_printf(&pool, "{\"alg\":1,\"typ\":\"at+jwt\",\"kid\":\"%s\"}", made[0]->kid),
	                     CLAIMS),
	        "alg is unknown");
	for (int a = 0; a < JWS_ALGORITHMS; a++) {
		for (int b = 0; b < JWS_ALGORITHMS; b++) {
			char *header = text_printf(&pool, "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
			                           jws_algorithm_name((enum jws_algorithm)b), made[a]->kid);
			h2o_iovec_t token = signed_token(made[a], header, CLAIMS);
			if (a == b)
				accepted(token);
			else
				refused(token, "alg is not that of the key");
			/* signed by another key than the one that kid names */
			if (a != b)
				refused(signed_token(made[b], header_of((enum jws_algorithm)a, ""), CLAIMS),
				        "the signature is wrong");
		}
	}
	/* HS256 under the public key's PEM */
	char *pem = pem_of(made[JWS_RS256], false);
	jwt_t *jwt = NULL;
	assert_int_equal(jwt_new(&jwt), 0);
	jwt_add_header(jwt, "kid", made[JWS_RS256]->kid);
	jwt_add_grants_json(jwt, CLAIMS);
	assert_int_equal(jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)pem, (int)strlen(pem)), 0);
	char *text = jwt_encode_str(jwt);
	const char *why = NULL;
	assert_null(jws_verify(&pool, &keys, "JWT", text_of(text), &why));
	assert_string_equal(why, "alg is unknown");
	free(text);
	jwt_free(jwt);
}

static void refuses_signatures_of_the_wrong_size(void **state)
{
	uint8_t signature[300] = {0};
	(void)state;
	for (int a = 0; a < JWS_ALGORITHMS; a++) {
		char *input = text_printf(&pool, "%s.%s", encoded(header_of((enum jws_algorithm)a, "")).base,
		                          encoded(CLAIMS).base);
		for (size_t len = 1; len <= sizeof(signature); len += 1 + (len > 70) * 31) {
			char *zeros = base64url_encode(&pool, signature, len).base;
			refused(text_of(text_printf(&pool, "%s.%s", input, zeros)), "the signature is wrong");
		}
	}
	/* ECDSA in DER, as X.509 has it */
	char *input = text_printf(&pool, "%s.%s", encoded(header_of(JWS_ES256, "")).base, encoded(CLAIMS).base);
	size_t len = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_MD_CTX_copy_ex(ctx, made[JWS_ES256]->sign);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)input, strlen(input)), 1);
	EVP_MD_CTX_free(ctx);
	refused(text_of(text_printf(&pool, "%s.%s", input, base64url_encode(&pool, signature, len).base)),
	        "the signature is wrong");
	/* r and s of the group's order and beyond */
	memset(signature, 0xff, ES256_SIZE);
	refused(text_of(text_printf(&pool, "%s.%s", input, base64url_encode(&pool, signature, ES256_SIZE).base)),
	        "the signature is wrong");
}

static void the_header_holds_three_members_only(void **state)
{
	static const char *const members[] = {
	    ",\"crit\":[]",
	    ",\"crit\":[\"b64\"],\"b64\":false",
	    ",\"b64\":true",
	    ",\"jku\":\"https://evil.example/jwks\"",
	    ",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}",
	    ",\"x5u\":\"https://evil.example\"",
	    ",\"x5c\":[]",
	    ",\"x5t\":\"AA\"",
	    ",\"zip\":\"DEF\"",
	    ",\"cty\":\"JWT\"",
	    ",\"enc\":\"A128GCM\"",
	    ",\"\":0",
	    ",\"Alg\":\"ES256\"",
	};
	static const char no_object[] = "the header is no base64url of a JSON object";
	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		refused(signed_token(made[JWS_ES256], header_of(JWS_ES256, members[i]), CLAIMS),
		        "the header has a member that is not allowed");
	accepted(signed_token(made[JWS_ES256], text_printf(&pool, " %s\n", header_of(JWS_ES256, "")), CLAIMS));
	refused(signed_token(made[0], header_of(JWS_ES256, ",\"alg\":\"ES256\""), CLAIMS), no_object);
	refused(signed_token(made[0], header_of(JWS_ES256, ",\"kid\":\"x\""), CLAIMS), no_object);
	refused(signed_token(made[0], text_printf(&pool, "%s{}", header_of(JWS_ES256, "")), CLAIMS), no_object);
	refused(signed_token(made[0], "[]", CLAIMS), no_object);
	refused(signed_token(made[0], "null", CLAIMS), no_object);
	refused(signed_token(made[0], "", CLAIMS), "a part of the token is empty");
	refused(signed_token(made[0], "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"\\u0000\"}", CLAIMS), no_object);
	refused(signed_token(made[0], "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"\xff\"}", CLAIMS), no_object);
	refused(signed_token(made[0], "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"../../dev/null\"}", CLAIMS),
	        "kid is unknown");
	refused(signed_token(made[0], "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"\"}", CLAIMS), "kid is missing");
	refused(signed_token(made[0], "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":5}", CLAIMS), "kid is missing");
	refused(signed_token(made[0], "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", CLAIMS), "kid is missing");
}

/* RFC 8725, 3.11 */
static void the_type_is_demanded(void **state)
{
	static const char *const right[] = {"at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"};
	static const char *const wrong[] = {"JWT",
	                                    "",
	                                    "at+jwt ",
	                                    "at+jw",
	                                    "at+jwtx",
	                                    "/at+jwt",
	                                    "text/at+jwt",
	                                    "application/",
	                                    "application/application/at+jwt",
	                                    "logout+jwt",
	                                    "application at+jwt"};
	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		accepted(jws_sign(&pool, made[JWS_ES256], right[i], text_of(CLAIMS)));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refused(jws_sign(&pool, made[JWS_ES256], wrong[i], text_of(CLAIMS)), "typ is another one");
	refused(signed_token(made[0], text_printf(&pool, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", made[0]->kid), CLAIMS),
	        "typ is another one");
	refused(signed_token(made[0],
	                     text_printf(&pool, "{\"alg\":\"ES256\",\"typ\":null,\"kid\":\"%s\"}", made[0]->kid),
	                     CLAIMS),
	        "typ is another one");
}

static void claims_are_read_strictly(void **state)
{
	static const char why[] = "the claims are no base64url of a JSON object";
	static const char *const bad[] = {"[]",
	                                  "\"x\"",
	                                  "{",
	                                  "{\"a\":1,\"a\":2}",
	                                  "{\"a\":\"\\u0000\"}",
	                                  "{\"a\":\"\xc0\xaf\"}",
	                                  "{\"a\":99999999999999999999}",
	                                  "{} {}",
	                                  "\xef\xbb\xbf{}"};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(signed_token(made[JWS_ES256], header_of(JWS_ES256, ""), bad[i]), why);
	struct text_buffer deep = {.pool = &pool};
	for (int i = 0; i < 5000; i++)
		text_append_str(&deep, "[");
	refused(signed_token(made[JWS_ES256], header_of(JWS_ES256, ""), deep.base), why);
}

static void peeks_at_the_kid_only(void **state)
{
	(void)state;
	h2o_iovec_t token = signed_token(made[0], "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"new\"}", CLAIMS);
	assert_string_equal(jws_peek_kid(&pool, token, "at+jwt").base, "new");
	refused(token, "kid is unknown");
	assert_null(jws_peek_kid(&pool, token, "JWT").base);
	assert_null(jws_peek_kid(&pool, text_of("a.b"), "at+jwt").base);
	assert_null(jws_peek_kid(&pool, h2o_iovec_init(NULL, 0), "at+jwt").base);
	token = signed_token(made[0], "{\"alg\":\"none\",\"typ\":\"at+jwt\",\"kid\":\"new\"}", CLAIMS);
	assert_null(jws_peek_kid(&pool, token, "at+jwt").base);
}

/* ---- Claims ---- */

static const char *problem_of(const char *text, int64_t now)
{
	char *copy = text_copy(&pool, text_of(text));
	for (char *p = copy; *p != '\0'; p++)
		*p = *p == '\'' ? '"' : *p;
	json_t *claims = json_read(&pool, text_of(copy), NULL);
	assert_non_null(claims);
	const char *why = jwt_claims_problem(claims, "I", "A", now, 30);
	return why != NULL ? why : "fine";
}

static void checks_claims(void **state)
{
	static const char iss[] = "iss is another one", aud[] = "aud is another one";
	static const char times[] = "exp, iat or nbf is missing or no integer";
	(void)state;
#define TIMES "'iat':1000,'exp':2000"
#define IDS "'iss':'I','aud':'A',"
	assert_string_equal(problem_of("{" IDS TIMES "}", 1500), "fine");
	assert_string_equal(problem_of("{'iss':'I','aud':['B','A']," TIMES "}", 1500), "fine");
	assert_string_equal(problem_of("{'aud':'A'," TIMES "}", 1500), iss);
	assert_string_equal(problem_of("{'iss':['I'],'aud':'A'," TIMES "}", 1500), iss);
	assert_string_equal(problem_of("{'iss':'I/','aud':'A'," TIMES "}", 1500), iss);
	assert_string_equal(problem_of("{'iss':'I'," TIMES "}", 1500), aud);
	assert_string_equal(problem_of("{'iss':'I','aud':'a'," TIMES "}", 1500), aud);
	assert_string_equal(problem_of("{'iss':'I','aud':'A/'," TIMES "}", 1500), aud);
	assert_string_equal(problem_of("{'iss':'I','aud':'B A'," TIMES "}", 1500), aud);
	assert_string_equal(problem_of("{'iss':'I','aud':[]," TIMES "}", 1500), aud);
	assert_string_equal(problem_of("{'iss':'I','aud':['A',1]," TIMES "}", 1500), aud);
	assert_string_equal(problem_of("{'iss':'I','aud':[['A']]," TIMES "}", 1500), aud);
	assert_string_equal(problem_of("{'iss':'I','aud':{'A':'A'}," TIMES "}", 1500), aud);
	assert_string_equal(problem_of("{" IDS "'iat':1000}", 1500), times);
	assert_string_equal(problem_of("{" IDS "'exp':2000}", 1500), times);
	assert_string_equal(problem_of("{" IDS "'iat':1000,'exp':2000.0}", 1500), times);
	assert_string_equal(problem_of("{" IDS "'iat':1000,'exp':'2000'}", 1500), times);
	assert_string_equal(problem_of("{" IDS "'iat':1000,'exp':1e300}", 1500), times);
	assert_string_equal(problem_of("{" IDS "'iat':null,'exp':2000}", 1500), times);
	assert_string_equal(problem_of("{" IDS TIMES ",'nbf':'x'}", 1500), times);
	assert_string_equal(problem_of("{" IDS TIMES "}", 1999), "fine");
	assert_string_equal(problem_of("{" IDS TIMES "}", 2000), "the token has expired");
	assert_string_equal(problem_of("{" IDS "'iat':1000,'exp':-9223372036854775808}", 1500),
	                    "the token has expired");
	assert_string_equal(problem_of("{" IDS "'iat':1000,'exp':9223372036854775807}", 1500), "fine");
	assert_string_equal(problem_of("{" IDS TIMES "}", 970), "fine");
	assert_string_equal(problem_of("{" IDS TIMES "}", 969), "the token was issued in the future");
	assert_string_equal(problem_of("{" IDS "'iat':9223372036854775807,'exp':2000}", 1500),
	                    "the token was issued in the future");
	assert_string_equal(problem_of("{" IDS TIMES ",'nbf':1530}", 1500), "fine");
	assert_string_equal(problem_of("{" IDS TIMES ",'nbf':1531}", 1500), "the token is not valid yet");
}

/* ---- signatures with keys of the signer's own set ---- */

static const char *const TYPS[] = {"JWT", "client-authentication+jwt", NULL};

static h2o_iovec_t signed_by(const struct jwk *key, const char *header)
{
	struct text_buffer b = {.pool = &pool};
	uint8_t signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	text_append_iovec(&b, encoded(header));
	text_append(&b, ".", 1);
	text_append_iovec(&b, encoded(CLAIMS));
	assert_true(signature_make(key, h2o_iovec_init(b.base, b.len), signature, &len));
	text_append(&b, ".", 1);
	text_append_iovec(&b, base64url_encode(&pool, signature, len));
	return h2o_iovec_init(b.base, b.len);
}

static const char *own_problem(const struct jwk_set *set, h2o_iovec_t token, bool *unknown)
{
	const char *why = NULL;
	json_t *claims = jws_verify_own(&pool, set, TYPS, token, unknown, &why);
	assert_int_equal(claims == NULL, why != NULL);
	return why;
}

static void finds_the_key_that_is_meant(void **state)
{
	(void)state;
	bool unknown;
	for (int a = 0; a < JWS_ALGORITHMS; a++) {
		const char *alg = jws_algorithm_name((enum jws_algorithm)a), *kid = made[a]->kid;
		h2o_iovec_t with_kid =
		    signed_by(made[a], text_printf(&pool, "{\"alg\":\"%s\",\"kid\":\"%s\"}", alg, kid));
		h2o_iovec_t without = signed_by(made[a], text_printf(&pool, "{\"alg\":\"%s\",\"typ\":\"jwt\"}", alg));
		h2o_iovec_t other_kid = signed_by(made[a], text_printf(&pool, "{\"alg\":\"%s\",\"kid\":\"new\"}", alg));
		assert_null(own_problem(&keys, with_kid, &unknown));
		assert_null(own_problem(&keys, without, &unknown));
		assert_non_null(own_problem(&keys, other_kid, &unknown));
		assert_true(unknown);
		struct jwk nameless = *jwk_set_find(&keys, text_of(kid));
		nameless.kid = "";
		struct jwk_set single = {&nameless, 1};
		assert_null(own_problem(&single, with_kid, &unknown));
		assert_null(own_problem(&single, without, &unknown));
		struct jwk twins[] = {nameless, nameless};
		struct jwk_set two = {twins, 2};
		assert_non_null(own_problem(&two, without, &unknown));
		assert_true(unknown);
	}
}

static void refuses_what_no_own_key_signed(void **state)
{
	(void)state;
	bool unknown;
	const struct jwk *ec = made[JWS_ES256];
	static const char *const HEADERS[] = {
	    "{\"alg\":\"none\"}",
	    "{\"alg\":\"HS256\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}",
	    "{\"alg\":\"ES256\",\"typ\":1}",
	    "{\"alg\":\"ES256\",\"kid\":\"\"}",
	    "{\"alg\":\"ES256\",\"kid\":1}",
	    "{\"alg\":\"ES256\",\"jku\":\"https://a.example\"}",
	    "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}",
	    "[]",
	};
	for (size_t i = 0; i < sizeof(HEADERS) / sizeof(HEADERS[0]); i++) {
		if (own_problem(&keys, signed_by(ec, HEADERS[i]), &unknown) == NULL)
			fail_msg("%s", HEADERS[i]);
		assert_false(unknown);
	}
	h2o_iovec_t token = signed_by(ec, "{\"alg\":\"ES256\"}");
	assert_null(own_problem(&keys, token, NULL));
	token.base[token.len - 5] = token.base[token.len - 5] == 'A' ? 'B' : 'A';
	assert_string_equal(own_problem(&keys, token, &unknown), "the signature is wrong");
	assert_false(unknown);
	/* the algorithm of another key of the set, under the kid of this one */
	const char *header = text_printf(&pool, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", ec->kid);
	assert_string_equal(own_problem(&keys, signed_by(ec, header), &unknown), "alg is not that of the key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(rfc7515_a2_rs256, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(rfc7515_a3_es256, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(rfc8037_a4_eddsa, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(signs_and_verifies, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(der_is_openssls, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(agrees_with_libjwt, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(refuses_other_forms, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(reads_base64url_strictly, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(any_changed_byte_is_refused, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(the_key_says_the_algorithm, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(refuses_signatures_of_the_wrong_size, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(the_header_holds_three_members_only, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(the_type_is_demanded, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(claims_are_read_strictly, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(peeks_at_the_kid_only, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(checks_claims, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(finds_the_key_that_is_meant, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(refuses_what_no_own_key_signed, open_pool, close_clean_pool),
	};
	json_init();
	return cmocka_run_group_tests(tests, make_all, drop_keys);
}
