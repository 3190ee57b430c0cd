/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/client_certificate.c"

#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;
static EVP_PKEY *key, *other_key;

static int start(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	key = EVP_EC_gen("P-256");
	other_key = EVP_EC_gen("P-384");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	EVP_PKEY_free(other_key);
	h2o_mem_clear_pool(&pool);
	return 0;
}

static void add_name(X509_NAME *name, const char *type, const char *value)
{
	assert_int_equal(X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8, (const uint8_t *)value, -1, -1, 0), 1);
}

/* Signed by its own key; valid from `from` to `to` seconds from now. */
static h2o_iovec_t make(EVP_PKEY *of, const char *common_name, const char *alternatives, long from, long to)
{
	X509 *certificate = X509_new();
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), from);
	X509_gmtime_adj(X509_getm_notAfter(certificate), to);
	X509_set_pubkey(certificate, of);
	X509_NAME *name = X509_get_subject_name(certificate);
	add_name(name, "C", "DE");
	add_name(name, "O", "A, B + C");
	add_name(name, "CN", common_name);
	X509_set_issuer_name(certificate, name);
	if (alternatives != NULL) {
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternatives);
		assert_non_null(extension);
		X509_add_ext(certificate, extension, -1);
		X509_EXTENSION_free(extension);
	}
	assert_true(X509_sign(certificate, of, EVP_sha256()) > 0);
	uint8_t *bytes = NULL;
	int len = i2d_X509(certificate, &bytes);
	assert_true(len > 0);
	h2o_iovec_t der = h2o_iovec_init(h2o_mem_alloc_pool(&pool, (size_t)len), (size_t)len);
	memcpy(der.base, bytes, der.len);
	OPENSSL_free(bytes);
	X509_free(certificate);
	return der;
}

static void compares_distinguished_names(void **state)
{
	(void)state;
	h2o_iovec_t der = make(key, "client \xc3\xa9", NULL, -60, 3600);
	assert_true(certificate_has_subject(der, "subject_dn", "CN=client \xc3\xa9,O=A\\, B \\+ C,C=DE"));
	assert_true(certificate_has_subject(der, "subject_dn", "CN=client \\C3\\A9,O=A\\, B \\+ C,C=DE"));
	static const char *const OTHERS[] = {
	    "",
	    "CN=client",
	    "CN=client \xc3\xa9",
	    "CN=client \xc3\xa9,O=A\\, B \\+ C",
	    "CN=client \xc3\xa9,O=A\\, B \\+ C,C=DE,C=DE",
	    "C=DE,O=A\\, B \\+ C,CN=client \xc3\xa9",
	    "cn=client \xc3\xa9,o=A\\, B \\+ C,c=DE",
	    "CN=client \xc3\xa9,O=A, B + C,C=DE",
	};
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
		assert_false(certificate_has_subject(der, "subject_dn", OTHERS[i]));
	assert_false(certificate_has_subject(der, "san_dns", "client \xc3\xa9"));
	assert_false(certificate_has_subject(der, "subject", "CN=client"));
	assert_false(certificate_has_subject(der, NULL, NULL));
}

static void compares_alternative_names_of_the_kind(void **state)
{
	(void)state;
	h2o_iovec_t der = make(key, "x",
	                       "DNS:a.example,DNS:b.example,URI:https://c.example/x,IP:192.0.2.7,"
	                       "IP:2001:db8::1,email:d@example.com",
	                       -60, 3600);
	assert_true(certificate_has_subject(der, "san_dns", "a.example"));
	assert_true(certificate_has_subject(der, "san_dns", "b.example"));
	assert_true(certificate_has_subject(der, "san_uri", "https://c.example/x"));
	assert_true(certificate_has_subject(der, "san_ip", "192.0.2.7"));
	assert_true(certificate_has_subject(der, "san_ip", "2001:DB8:0:0:0:0:0:1"));
	assert_true(certificate_has_subject(der, "san_email", "d@example.com"));
	static const char *const OTHERS[][2] = {
	    {"san_dns", "A.example"},        {"san_dns", "example"},     {"san_dns", "d@example.com"},
	    {"san_dns", "192.0.2.7"},        {"san_uri", "a.example"},   {"san_uri", "https://c.example/"},
	    {"san_ip", "192.0.2.70"},        {"san_ip", "a.example"},    {"san_email", "e@example.com"},
	    {"san_ip", "::ffff:192.0.2.7"},  {"san_email", "a.example"}, {"subject_dn", "a.example"},
	    {"subject_dn", "DNS:a.example"},
	};
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
		if (certificate_has_subject(der, OTHERS[i][0], OTHERS[i][1]))
			fail_msg("%s %s", OTHERS[i][0], OTHERS[i][1]);
}

/* "a.example" with something behind a NUL is another name. */
static void takes_names_with_their_length(void **state)
{
	(void)state;
	h2o_iovec_t der = make(key, "x", "DNS:a.example!evil.example", -60, 3600);
	size_t at = 0;
	while (at + 5 < der.len && memcmp(der.base + at, "!evil", 5) != 0)
		at++;
	assert_int_equal(der.base[at], '!');
	der.base[at] = '\0'; /* the signature is broken, which is not asked here */
	assert_false(certificate_has_subject(der, "san_dns", "a.example"));
}

static void certificates_of_authorities_expire(void **state)
{
	(void)state;
	assert_false(certificate_has_subject(make(key, "x", "DNS:a.example", -3600, -60), "san_dns", "a.example"));
	assert_false(certificate_has_subject(make(key, "x", "DNS:a.example", 60, 3600), "san_dns", "a.example"));
}

static const char *base64_of(h2o_iovec_t der)
{
	return base64_encode(&pool, der.base, der.len).base;
}

static const struct key_set *set_of(const char *json)
{
	const char *error = NULL;
	const struct key_set *set = key_set_read(&pool, json_read(&pool, text_of(json), NULL), JWS_RS256, &error);
	if (set == NULL)
		fail_msg("%s: %s", json, error);
	return set;
}

static void knows_the_clients_own_certificates(void **state)
{
	(void)state;
	h2o_iovec_t der = make(key, "self", NULL, -60, -30), foreign = make(other_key, "self", NULL, -60, 3600);
	struct jwk jwk;
	EVP_PKEY_up_ref(key);
	assert_true(jwk_fill(&pool, &jwk, JWS_ES256, key, false));
	jwk.kid = "k";
	json_t *public_json = json_keep(&pool, jwk_public_json(&jwk));
	json_object_del(public_json, "kid");
	const char *keys = json_text(&pool, public_json).base;
	const struct key_set *by_key = set_of(text_printf(&pool, "{\"keys\":[%s]}", keys));
	assert_true(certificate_is_of(der, by_key));
	assert_false(certificate_is_of(foreign, by_key));
	/* a curve that no signature is verified with here */
	const struct key_set *by_certificate = set_of(
	    text_printf(&pool, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x5c\":[\"%s\"]}]}", base64_of(foreign)));
	assert_true(certificate_is_of(foreign, by_certificate));
	assert_false(certificate_is_of(make(other_key, "self", NULL, -61, 3600), by_certificate));
	assert_false(certificate_is_of(der, by_certificate));
	assert_false(certificate_is_of(h2o_iovec_init("x", 1), by_key));
	assert_false(certificate_is_of((h2o_iovec_t){NULL, 0}, by_key));
	assert_false(certificate_is_of(h2o_iovec_init(der.base, der.len - 1), by_key));
	char *longer = h2o_mem_alloc_pool(&pool, der.len + 1);
	memcpy(longer, der.base, der.len);
	longer[der.len] = 0;
	assert_false(certificate_is_of(h2o_iovec_init(longer, der.len + 1), by_key));
}

static void judges_what_names_a_subject(void **state)
{
	(void)state;
	assert_null(tls_subject_problem(SUBJECT_DN, text_of("CN=a")));
	assert_null(tls_subject_problem(SUBJECT_SAN_IP, text_of("2001:db8::1")));
	assert_null(tls_subject_problem(SUBJECT_SAN_DNS, text_of("a.example")));
	assert_non_null(tls_subject_problem(SUBJECT_DN, text_of("a")));
	assert_non_null(tls_subject_problem(SUBJECT_SAN_IP, text_of("a.example")));
	assert_non_null(
	    tls_subject_problem(SUBJECT_SAN_IP, text_of("192.0.2.7 0000000000000000000000000000000000000000000")));
	assert_non_null(tls_subject_problem(SUBJECT_SAN_DNS, text_of("")));
	assert_non_null(tls_subject_problem(SUBJECT_SAN_DNS, text_of("a\x01")));
}

static void the_thumbprint_is_of_the_der(void **state)
{
	(void)state;
	assert_string_equal(sha256_base64url(&pool, text_of("abc")), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(compares_distinguished_names),
	    cmocka_unit_test(compares_alternative_names_of_the_kind),
	    cmocka_unit_test(takes_names_with_their_length),
	    cmocka_unit_test(certificates_of_authorities_expire),
	    cmocka_unit_test(knows_the_clients_own_certificates),
	    cmocka_unit_test(judges_what_names_a_subject),
	    cmocka_unit_test(the_thumbprint_is_of_the_der),
	};
	json_init();
	return cmocka_run_group_tests(tests, start, stop);
}
