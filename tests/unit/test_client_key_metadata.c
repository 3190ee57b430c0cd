/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/client_key_metadata.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\",\"x\":\"" X "\",\"y\":\"" Y "\"}"
#define JWKS "\"jwks\":{\"keys\":[" EC "]}"

static h2o_mem_pool_t pool;
static struct client client;

static int setup(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	client_key_metadata_offer_tls(true, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static const char *problem(enum auth_method method, const char *json)
{
	client = (struct client){.auth_method = method};
	json_t *document = json_read(&pool, text_of(json), NULL);
	assert_non_null(document);
	return client_key_metadata_read(&pool, document, &client);
}

static void accepted(enum auth_method method, const char *json)
{
	const char *text = problem(method, json);
	if (text != NULL)
		fail_msg("%s: %s", json, text);
}

/* What is shown is what was read, and can be read again. */
static void shows_what_it_reads(void **state)
{
	(void)state;
	static const struct {
		enum auth_method method;
		const char *json;
	} CASES[] = {
	    {AUTH_PRIVATE_KEY_JWT, "{" JWKS ",\"token_endpoint_auth_signing_alg\":\"ES256\"}"},
	    {AUTH_PRIVATE_KEY_JWT,
	     "{\"jwks_uri\":\"https://c.example/jwks?x=1\",\"token_endpoint_auth_signing_alg\":\"PS256\"}"},
	    {AUTH_SECRET_JWT, "{\"token_endpoint_auth_signing_alg\":\"HS256\"}"},
	    {AUTH_TLS, "{\"tls_client_auth_subject_dn\":\"CN=a\",\"tls_client_certificate_bound_access_tokens\":true}"},
	    {AUTH_TLS, "{\"tls_client_auth_san_ip\":\"2001:db8::1\"}"},
	    {AUTH_SELF_SIGNED_TLS, "{\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x5c\":[\"AAAA\"]}]}}"},
	    {AUTH_NONE, "{}"},
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		accepted(CASES[i].method, CASES[i].json);
		json_t *shown = json_keep(&pool, json_object());
		client_key_metadata_show(shown, &client);
		json_t *given = json_read(&pool, text_of(CASES[i].json), NULL);
		assert_string_equal(json_canonical(&pool, shown).base, json_canonical(&pool, given).base);
	}
}

static void leaves_out_what_the_method_has_no_use_for(void **state)
{
	(void)state;
	accepted(AUTH_NONE, "{\"token_endpoint_auth_signing_alg\":\"none\",\"tls_client_auth_san_dns\":\"a.example\"}");
	assert_null(client.assertion_algorithm);
	assert_null(client.tls_subject);
	accepted(AUTH_PRIVATE_KEY_JWT,
	         "{\"jwks_uri\":\"https://c.example/\",\"token_endpoint_auth_signing_alg\":\"Ed25519\"}");
	assert_string_equal(client.assertion_algorithm, "EdDSA");
	accepted(AUTH_SECRET_BASIC,
	         "{\"jwks\":null,\"jwks_uri\":\"\",\"tls_client_certificate_bound_access_tokens\":false}");
	assert_null(client.jwks);
	assert_null(client.jwks_uri);
}

static void refuses_what_proves_nothing(void **state)
{
	(void)state;
	static const struct {
		enum auth_method method;
		const char *json;
	} BAD[] = {
	    {AUTH_PRIVATE_KEY_JWT, "{}"},
	    {AUTH_PRIVATE_KEY_JWT, "{" JWKS ",\"jwks_uri\":\"https://c.example/jwks\"}"},
	    {AUTH_PRIVATE_KEY_JWT, "{\"jwks\":{}}"},
	    {AUTH_PRIVATE_KEY_JWT, "{\"jwks\":{\"keys\":[]}}"},
	    {AUTH_PRIVATE_KEY_JWT, "{\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x5c\":[\"AAAA\"]}]}}"},
	    {AUTH_PRIVATE_KEY_JWT, "{\"jwks\":{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}}"},
	    {AUTH_PRIVATE_KEY_JWT, "{\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y
	                           "\",\"d\":\"AAAA\"}]}}"},
	    {AUTH_PRIVATE_KEY_JWT, "{" JWKS ",\"token_endpoint_auth_signing_alg\":\"RS256\"}"},
	    {AUTH_PRIVATE_KEY_JWT, "{" JWKS ",\"token_endpoint_auth_signing_alg\":\"none\"}"},
	    {AUTH_PRIVATE_KEY_JWT, "{" JWKS ",\"token_endpoint_auth_signing_alg\":\"HS256\"}"},
	    {AUTH_PRIVATE_KEY_JWT, "{\"jwks_uri\":\"http://c.example/jwks\"}"},
	    {AUTH_PRIVATE_KEY_JWT, "{\"jwks_uri\":\"http://localhost/jwks\"}"},
	    {AUTH_PRIVATE_KEY_JWT, "{\"jwks_uri\":\"https://c.example/jwks#a\"}"},
	    {AUTH_PRIVATE_KEY_JWT, "{\"jwks_uri\":\"https://u:p@c.example/jwks\"}"},
	    {AUTH_PRIVATE_KEY_JWT, "{\"jwks_uri\":\"file:///etc/passwd\"}"},
	    {AUTH_SECRET_JWT, "{\"token_endpoint_auth_signing_alg\":\"ES256\"}"},
	    {AUTH_SECRET_JWT, "{\"token_endpoint_auth_signing_alg\":\"HS512\"}"},
	    {AUTH_TLS, "{}"},
	    {AUTH_TLS, "{" JWKS "}"},
	    {AUTH_TLS, "{\"tls_client_auth_subject_dn\":\"\"}"},
	    {AUTH_TLS, "{\"tls_client_auth_san_ip\":\"a.example\"}"},
	    {AUTH_TLS, "{\"tls_client_auth_san_dns\":\"a.example\",\"tls_client_auth_san_uri\":\"https://a.example\"}"},
	    {AUTH_SELF_SIGNED_TLS, "{}"},
	    {AUTH_SELF_SIGNED_TLS, "{\"jwks\":{\"keys\":[]}}"},
	    {AUTH_NONE, "{\"tls_client_certificate_bound_access_tokens\":true}"},
	    {AUTH_SECRET_BASIC, "{\"tls_client_certificate_bound_access_tokens\":true}"},
	    {AUTH_NONE, "{\"jwks\":{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}}"},
	};
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		if (problem(BAD[i].method, BAD[i].json) == NULL)
			fail_msg("accepted: %d %s", (int)BAD[i].method, BAD[i].json);
}

static void certificates_are_for_listeners_that_ask_for_them(void **state)
{
	(void)state;
	static const char AUTHORITY[] = "{\"tls_client_auth_san_dns\":\"a.example\"}";
	client_key_metadata_offer_tls(true, false);
	assert_non_null(problem(AUTH_TLS, AUTHORITY));
	accepted(AUTH_SELF_SIGNED_TLS, "{" JWKS "}");
	client_key_metadata_offer_tls(false, true);
	assert_non_null(problem(AUTH_TLS, AUTHORITY));
	assert_non_null(problem(AUTH_SELF_SIGNED_TLS, "{" JWKS "}"));
	assert_non_null(
	    problem(AUTH_PRIVATE_KEY_JWT, "{" JWKS ",\"tls_client_certificate_bound_access_tokens\":true}"));
	accepted(AUTH_PRIVATE_KEY_JWT, "{" JWKS "}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(shows_what_it_reads, setup, teardown),
	    cmocka_unit_test_setup_teardown(leaves_out_what_the_method_has_no_use_for, setup, teardown),
	    cmocka_unit_test_setup_teardown(refuses_what_proves_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(certificates_are_for_listeners_that_ask_for_them, setup, teardown),
	};
	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
