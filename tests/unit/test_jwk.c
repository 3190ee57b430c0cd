/* SPDX-License-Identifier: Apache-2.0 */
#include "common/jwk.c"

#include "clean_pool.h"

/* RFC 7638, 3.1 */
#define RFC7638_N                                                                                                      \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXj"          \
	"BZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqz"          \
	"s8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ"          \
	"-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
/* RFC 7515, A.3 */
#define RFC7515_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC7515_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
/* RFC 8037, A.2 */
#define RFC8037_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

#define RSA(more) "{'kty':'RSA','kid':'r','n':'" RFC7638_N "','e':'AQAB'" more "}"
#define EC(more) "{'kty':'EC','crv':'P-256','kid':'e','x':'" RFC7515_X "','y':'" RFC7515_Y "'" more "}"
#define OKP(more) "{'kty':'OKP','crv':'Ed25519','kid':'o','x':'" RFC8037_X "'" more "}"
#define SET(keys) "{'keys':[" keys "]}"

/* The text with quotes for apostrophes. */
static json_t *json_of(const char *text)
{
	char *copy = text_copy(&pool, text_of(text));
	for (char *p = copy; *p != '\0'; p++)
		*p = *p == '\'' ? '"' : *p;
	json_t *value = json_read(&pool, text_of(copy), NULL);
	assert_non_null(value);
	return value;
}

static struct jwk_set *set_of(const char *text)
{
	const char *error = NULL;
	struct jwk_set *set = jwk_set_read(&pool, json_of(text), &error);
	if (set == NULL)
		fail_msg("%s: %s", text, error);
	return set;
}

static void refused(const char *text, const char *expected)
{
	const char *error = NULL;
	if (jwk_set_read(&pool, json_of(text), &error) != NULL)
		fail_msg("%s was read", text);
	assert_string_equal(error, expected);
	assert_int_equal(ERR_peek_error(), 0);
}

static void passed_over(const char *text)
{
	assert_int_equal(set_of(text)->count, 0);
}

static void names_algorithms(void **state)
{
	static const char *const others[] = {"", "none", "None", "es256", "ES256 ", "ES25", "HS256", "RS512", "EdDSa"};
	enum jws_algorithm found = JWS_ALGORITHMS;
	(void)state;
	for (int a = 0; a < JWS_ALGORITHMS; a++) {
		assert_true(jws_algorithm_of(text_of(jws_algorithm_name((enum jws_algorithm)a)), &found));
		assert_int_equal(found, a);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(jws_algorithm_of(text_of(others[i]), &found));
	assert_false(jws_algorithm_of(h2o_iovec_init(H2O_STRLIT("ES256\0x")), &found));
	assert_false(jws_algorithm_of(h2o_iovec_init(NULL, 0), &found));
	assert_true(jws_algorithm_of(text_of("Ed25519"), &found));
	assert_int_equal(found, JWS_EDDSA);
}

static void thumbprints_are_those_of_the_rfcs(void **state)
{
	(void)state;
	struct jwk_set *set = set_of(SET(RSA(",'alg':'RS256'") "," OKP("") "," EC("")));
	assert_int_equal(set->count, 3);
	/* RFC 7638, 3.1 and RFC 8037, A.3 */
	assert_string_equal(jwk_thumbprint(&pool, &set->keys[0]), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	assert_string_equal(jwk_thumbprint(&pool, &set->keys[1]), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	assert_string_equal(jwk_thumbprint(&pool, &set->keys[2]), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
	assert_string_equal(set->keys[0].kid, "r");
}

static void publishes_what_it_read(void **state)
{
	static const char *const texts[] = {
	    RSA(",'alg':'RS256','use':'sig'"),
	    RSA(",'alg':'PS256','use':'sig'"),
	    EC(",'alg':'ES256','use':'sig'"),
	    OKP(",'alg':'EdDSA','use':'sig'"),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct jwk_set *set = set_of(text_printf(&pool, SET("%s"), texts[i]));
		assert_int_equal(set->count, 1);
		assert_false(set->keys[0].is_private);
		assert_null(set->keys[0].sign);
		json_t *json = jwk_public_json(&set->keys[0]);
		assert_true(json_equal(json, json_of(texts[i])));
		json_decref(json);
		assert_null(jwk_private_der(&pool, &set->keys[0]).base);
	}
}

static void generates_and_keeps(void **state)
{
	(void)state;
	for (int a = 0; a < JWS_ALGORITHMS; a++) {
		enum jws_algorithm algorithm = (enum jws_algorithm)a;
		struct jwk *key = jwk_generate(&pool, algorithm);
		assert_non_null(key);
		assert_true(key->is_private);
		assert_int_equal(key->algorithm, algorithm);
		assert_string_equal(key->kid, jwk_thumbprint(&pool, key));
		assert_int_equal(strlen(key->kid), 43);

		h2o_iovec_t der = jwk_private_der(&pool, key);
		struct jwk *again = jwk_of_private_der(&pool, algorithm, der.base, der.len);
		assert_non_null(again);
		assert_string_equal(again->kid, key->kid);
		assert_int_equal(EVP_PKEY_eq(again->key, key->key), 1);

		json_t *public = jwk_public_json(key);
		assert_null(json_object_get(public, "d"));
		assert_int_equal(json_object_size(public), algorithm == JWS_ES256 ? 7 : 6);
		json_t *document = json_keep(&pool, json_pack("{s[o]}", "keys", public));
		const char *error = NULL;
		struct jwk_set *set = jwk_set_read(&pool, document, &error);
		assert_non_null(set);
		assert_non_null(jwk_set_find(set, text_of(key->kid)));
		assert_int_equal(set->keys[0].algorithm, algorithm);
	}
}

/* RFC 8725, 3.1: a stored key cannot come back as one of another algorithm. */
static void private_keys_fit_their_algorithm(void **state)
{
	(void)state;
	struct jwk *key = jwk_generate(&pool, JWS_ES256);
	h2o_iovec_t der = jwk_private_der(&pool, key);
	assert_null(jwk_of_private_der(&pool, JWS_EDDSA, der.base, der.len));
	assert_null(jwk_of_private_der(&pool, JWS_RS256, der.base, der.len));
	assert_null(jwk_of_private_der(&pool, JWS_ES256, der.base, der.len - 1));
	assert_null(jwk_of_private_der(&pool, JWS_ES256, der.base, 0));
	char *longer = h2o_mem_alloc_pool(&pool, der.len + 1);
	memcpy(longer, der.base, der.len);
	longer[der.len] = 0;
	assert_null(jwk_of_private_der(&pool, JWS_ES256, longer, der.len + 1));
	assert_null(jwk_of_private_der(&pool, JWS_ES256, "0", 1));

	EVP_PKEY *other_curve = EVP_EC_gen("secp384r1");
	struct jwk wrong;
	assert_false(jwk_fill(&pool, &wrong, JWS_ES256, other_curve, true));
	assert_false(jwk_fill(&pool, &wrong, JWS_RS256, EVP_RSA_gen(1024), true));
	assert_false(jwk_fill(&pool, &wrong, JWS_ES256, NULL, true));
}

static void passes_over_what_is_not_for_it(void **state)
{
	(void)state;
	passed_over(SET(""));
	passed_over(SET("{}"));
	passed_over(SET("{'kty':'XYZ','kid':'1'}"));
	passed_over(SET("{'kty':'AKP','kid':'1','alg':'ML-DSA-44','pub':'AA'}"));
	passed_over(SET("{'kty':'EC','crv':'P-384','kid':'1','x':'AA','y':'AA'}"));
	passed_over(SET("{'kty':'EC','crv':'secp256k1','kid':'1','x':'AA','y':'AA'}"));
	passed_over(SET("{'kty':'OKP','crv':'X25519','kid':'1','x':'AA'}"));
	passed_over(SET(EC(",'use':'enc'")));
	passed_over(SET(EC(",'use':1")));
	passed_over(SET(EC(",'key_ops':['deriveKey']")));
	passed_over(SET(EC(",'key_ops':'verify'")));
	passed_over(SET(EC(",'alg':'ES384'")));
	passed_over(SET(EC(",'alg':'RS256'")));
	passed_over(SET(EC(",'alg':'HS256'")));
	passed_over(SET(EC(",'alg':'none'")));
	passed_over(SET(EC(",'alg':5")));
	passed_over(SET(RSA(",'alg':'ES256'")));
	passed_over(SET(RSA(",'alg':'RSA-OAEP'")));
	passed_over(SET(RSA(",'alg':'RS512'")));
	passed_over(SET(OKP(",'alg':'ES256'")));
	passed_over(SET("{'kty':'EC','crv':'P-256','x':'" RFC7515_X "','y':'" RFC7515_Y "'}"));
	passed_over(SET("{'kty':'EC','crv':'P-256','kid':'','x':'" RFC7515_X "','y':'" RFC7515_Y "'}"));
	passed_over(SET("{'kty':'EC','crv':'P-256','kid':7,'x':'" RFC7515_X "','y':'" RFC7515_Y "'}"));
	/* what stands beside them counts */
	struct jwk_set *set =
	    set_of(SET("{}," EC(",'use':'enc'") "," EC(",'key_ops':['verify','sign'],'x5t':'z'") "," RSA("")));
	assert_int_equal(set->count, 2);
	assert_int_equal(set->keys[0].algorithm, JWS_ES256);
	assert_int_equal(set->keys[1].algorithm, JWS_RS256);
	assert_ptr_equal(jwk_set_find(set, text_of("e")), &set->keys[0]);
	assert_null(jwk_set_find(set, text_of("E")));
	assert_null(jwk_set_find(set, text_of("")));
	assert_null(jwk_set_find(set, h2o_iovec_init(NULL, 0)));
	assert_null(jwk_set_find(set, h2o_iovec_init(H2O_STRLIT("e\0"))));
}

static void refuses_sets_that_cannot_be_trusted(void **state)
{
	(void)state;
	refused("[]", "no array \"keys\"");
	refused("{}", "no array \"keys\"");
	refused("{'keys':{}}", "no array \"keys\"");
	refused("{'keys':[1]}", "key 1 is not an object");
	refused(SET(EC("") ",{'kty':'oct','kid':'s','k':'AAAA'}"), "key 2 is a secret or private key");
	refused(SET("{'kty':'oct','use':'enc'}"), "key 1 is a secret or private key");
	refused(SET(EC(",'d':'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI'")), "key 1 is a secret or private key");
	refused(SET(RSA(",'use':'enc','qi':'AA'")), "key 1 is a secret or private key");
	refused(SET(OKP(",'d':''")), "key 1 is a secret or private key");
	refused(SET(EC("") "," EC("")), "key 2 has the kid of another key");
	/* off the curve; swapped, short, long, padded, not canonical and zero coordinates */
	refused(SET("{'kty':'EC','crv':'P-256','kid':'1','x':'" RFC7515_Y "','y':'" RFC7515_X "'}"),
	        "key 1 is no point of P-256");
	refused(SET("{'kty':'EC','crv':'P-256','kid':'1','x':'AA','y':'" RFC7515_Y "'}"), "key 1 is no point of P-256");
	refused(SET("{'kty':'EC','crv':'P-256','kid':'1','x':'" RFC7515_X "=','y':'" RFC7515_Y "'}"),
	        "key 1 is no point of P-256");
	refused(SET("{'kty':'EC','crv':'P-256','kid':'1','x':'" RFC7515_X "'}"), "key 1 is no point of P-256");
	refused(SET("{'kty':'EC','crv':'P-256','kid':'1','x':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',"
	            "'y':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'}"),
	        "key 1 is no point of P-256");
	refused(SET("{'kty':'EC','crv':'P-256','kid':'1','x':'_____wAAAAEAAAAAAAAAAAAAAAD_______________8',"
	            "'y':'" RFC7515_Y "'}"),
	        "key 1 is no point of P-256");
	refused(SET("{'kty':'OKP','crv':'Ed25519','kid':'1','x':'AA'}"), "key 1 is no Ed25519 key");
	refused(SET("{'kty':'OKP','crv':'Ed25519','kid':'1'}"), "key 1 is no Ed25519 key");
}

static void refuses_weak_rsa(void **state)
{
	static const char why[] = "key 1 is no RSA key of 2048 to 8192 bits";
	static const char form[] = SET("{'kty':'RSA','kid':'1','n':'%s','e':'%s'}");
	(void)state;
	refused(text_printf(&pool, form, RFC7638_N, "AQ"), why);     /* 1: anybody signs */
	refused(text_printf(&pool, form, RFC7638_N, "AQAA"), why);   /* even */
	refused(text_printf(&pool, form, RFC7638_N, "AAEAAQ"), why); /* leading zero */
	refused(text_printf(&pool, form, RFC7638_N, ""), why);
	refused(text_printf(&pool, form, RFC7638_N, RFC7638_N), why); /* endless exponent */
	refused(text_printf(&pool, form, "AL39", "AQAB"), why);
	refused(text_printf(&pool, form, RFC7638_N "A", "AQAB"), why); /* not canonical */
	char *even = text_copy(&pool, text_of(RFC7638_N));             /* its last octet is 0x83 */
	assert_string_equal(even + strlen(even) - 2, "gw");
	even[strlen(even) - 1] = 'g';
	refused(text_printf(&pool, form, even, "AQAB"), why);
	/* a modulus of 8200 bits */
	struct text_buffer wide = {.pool = &pool};
	for (int i = 0; i < 1025 / 3 * 4; i++)
		text_append(&wide, "_", 1);
	text_append_str(&wide, "__8");
	refused(text_printf(&pool, form, wide.base, "AQAB"), why);
	/* a modulus of 1024 bits */
	EVP_PKEY *small = EVP_RSA_gen(1024);
	char *n = number_text(&pool, small, OSSL_PKEY_PARAM_RSA_N, 0);
	EVP_PKEY_free(small);
	refused(text_printf(&pool, form, n, "AQAB"), why);
}

static void bounds_the_number_of_keys(void **state)
{
	(void)state;
	struct text_buffer many = {.pool = &pool};
	text_append_str(&many, "{'keys':[{}");
	for (int i = 1; i < JWK_SET_MAX; i++)
		text_append_str(&many, ",{}");
	passed_over(text_printf(&pool, "%s]}", many.base));
	refused(text_printf(&pool, "%s,{}]}", many.base), "too many keys");
}

/* ---- sets whose keys prove nobody but their owner ---- */

static const struct jwk_set *own(const char *text, enum jws_algorithm rsa, const char **error)
{
	return jwk_set_read_own(&pool, json_of(text), rsa, error);
}

static void reads_own_sets(void **state)
{
	(void)state;
	const char *error = NULL;
	const struct jwk_set *set =
	    own(SET("{'kty':'EC','crv':'P-256','x':'" RFC7515_X "','y':'" RFC7515_Y "'}," RSA("") "," OKP("")),
	        JWS_PS256, &error);
	assert_non_null(set);
	assert_int_equal(set->count, 3);
	assert_string_equal(set->keys[0].kid, "");
	assert_int_equal(set->keys[1].algorithm, JWS_PS256);
	assert_null(jwk_set_find(set, text_of("")));
	assert_int_equal(own(SET(RSA("")), JWS_RS256, &error)->keys[0].algorithm, JWS_RS256);
	assert_int_equal(own(SET(RSA(",'alg':'RS256'")), JWS_PS256, &error)->keys[0].algorithm, JWS_RS256);
	assert_int_equal(own(SET(RSA(",'alg':'PS256'")), JWS_RS256, &error)->keys[0].algorithm, JWS_PS256);
	assert_int_equal(own(SET(RSA(",'alg':'RS512'")), JWS_RS256, &error)->count, 0);
	assert_null(own(SET(RSA(",'d':'AQAB'")), JWS_RS256, &error));
	assert_null(own(SET("{'kty':'oct','k':'AAAA'}"), JWS_RS256, &error));
	assert_null(own(SET("{'kty':'EC','crv':'P-256','x':'" RFC7515_Y "','y':'" RFC7515_X "'}"), JWS_RS256, &error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(names_algorithms, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(thumbprints_are_those_of_the_rfcs, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(publishes_what_it_read, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(generates_and_keeps, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(private_keys_fit_their_algorithm, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(passes_over_what_is_not_for_it, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(refuses_sets_that_cannot_be_trusted, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(refuses_weak_rsa, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(bounds_the_number_of_keys, open_pool, close_clean_pool),
	    cmocka_unit_test_setup_teardown(reads_own_sets, open_pool, close_clean_pool),
	};
	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
