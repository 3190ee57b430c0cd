/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/client_document.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */
#define fail_saying(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

#define URL "https://app.example/client.json"
#define SAYS "{\"client_id\":\"" URL "\",\"client_name\":\"App\",\"redirect_uris\":[\"http://127.0.0.1/cb\"]"

static h2o_mem_pool_t pool;

static int begin(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	return 0;
}

static int end(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static void urls_are_held_to_the_draft(void **state)
{
	static const char *const FINE[] = {
	    URL,
	    "https://app.example/",
	    "https://app.example:8443/a",
	    "https://app.example:443/a",
	    "https://app.example/a?v=1",
	    "https://a-b.c_d.example/a/b;c=d,e/@f:g",
	    "https://localhost/a",
	    "https://app.example/%7Ea",
	    "https://app.example/...",
	};
	static const char *const BAD[] = {
	    "",
	    "https://",
	    "https://app.example",
	    "https://app.example?a",
	    "https:///a",
	    "http://app.example/a",
	    "HTTPS://app.example/a",
	    "ftp://app.example/a",
	    "https://App.example/a",
	    "https://app.example/a#f",
	    "https://app.example/a#",
	    "https://user@app.example/a",
	    "https://user:pw@app.example/a",
	    "https://@app.example/a",
	    "https://app.example/a/../b",
	    "https://app.example/./a",
	    "https://app.example/a/..",
	    "https://app.example/%2e%2e/a",
	    "https://app.example/%2E/a",
	    "https://app.example/a/..;x/b",
	    "https://app.example\\a",
	    "https://app.example/a\\..\\b",
	    "https://app.example./a",
	    "https://.app.example/a",
	    "https://app..example/a",
	    "https://app.example:0/a",
	    "https://app.example:65536/a",
	    "https://app.example:0443/a",
	    "https://app.example:/a",
	    "https://app.example/a b",
	    "https://app.example/\xc3\xa4",
	    "https://\xc3\xa4.example/a",
	    "https://app.example/%00",
	    "https://app.example/%zz",
	    " https://app.example/a",
	    /* addresses in all spellings */
	    "https://127.0.0.1/a",
	    "https://8.8.8.8/a",
	    "https://2130706433/a",
	    "https://017700000001/a",
	    "https://0x7f000001/a",
	    "https://0x7F.1/a",
	    "https://0177.0.0.1/a",
	    "https://127.1/a",
	    "https://127.0.1/a",
	    "https://0/a",
	    "https://127.0.0.1./a",
	    "https://0x7f.0.0.0x1/a",
	    "https://app.example.1/a",
	    "https://[::1]/a",
	    "https://[::ffff:127.0.0.1]/a",
	    "https://[::ffff:7f00:1]/a",
	    "https://[fe80::1%25eth0]/a",
	    "https://[fe80::1%eth0]/a",
	    "https://[2600::1]/a",
	    "https://[v1.a]/a",
	    "https://1.2.3.4%2f/a",
	};
	char longest[DOCUMENT_URL_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(FINE) / sizeof(FINE[0]); i++)
		if (client_document_url_problem(text_of(FINE[i])) != NULL)
			fail_saying("%s", FINE[i]);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		if (client_document_url_problem(text_of(BAD[i])) == NULL)
			fail_saying("%s", BAD[i]);
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "https://app.example/", 20);
	assert_null(client_document_url_problem(h2o_iovec_init(longest, DOCUMENT_URL_MAX)));
	assert_non_null(client_document_url_problem(h2o_iovec_init(longest, DOCUMENT_URL_MAX + 1)));
	assert_non_null(client_document_url_problem(h2o_iovec_init("https://a.example/\0", 19)));
}

static void the_operator_decides_about_sites(void **state)
{
	static const char *const SOME[] = {"app.example", "*.apps.example", NULL}, *const NOBODY[] = {NULL};
	struct client_document_settings s = {.enabled = true};

	(void)state;
	assert_null(client_document_refused(&s, URL));
	s.enabled = false;
	assert_non_null(client_document_refused(&s, URL));
	assert_null(client_document_refused(&s, "client_abc"));
	assert_null(client_document_refused(&s, NULL));
	s = (struct client_document_settings){.enabled = true, .allow = SOME};
	assert_null(client_document_refused(&s, URL));
	assert_null(client_document_refused(&s, "https://a.b.apps.example/x"));
	assert_non_null(client_document_refused(&s, "https://apps.example/x"));
	assert_non_null(client_document_refused(&s, "https://evilapps.example/x"));
	assert_non_null(client_document_refused(&s, "https://app.example.evil/x"));
	assert_non_null(client_document_refused(&s, "https://app.example@evil/x"));
	s.allow = NOBODY;
	assert_non_null(client_document_refused(&s, URL));
	s = (struct client_document_settings){.enabled = true, .deny = SOME};
	assert_non_null(client_document_refused(&s, URL));
	assert_non_null(client_document_refused(&s, "https://x.apps.example/x"));
	assert_null(client_document_refused(&s, "https://other.example/x"));
}

static const char *problem_of(const char *document)
{
	const char *problem = NULL;
	struct client c;

	if (client_document_read(&pool, text_of(document), URL, &c, &problem))
		return NULL;
	assert_non_null(problem);
	return problem;
}

static struct client read_fine(const char *document)
{
	const char *problem = NULL;
	struct client c;

	if (!client_document_read(&pool, text_of(document), URL, &c, &problem))
		fail_saying("%s: %s", document, problem);
	return c;
}

static void a_document_makes_a_client(void **state)
{
	struct client c = read_fine(SAYS ",\"grant_types\":[\"authorization_code\",\"refresh_token\"],\"logo_uri\":"
	                                 "\"https://app.example/logo.png\",\"unknown\":{\"a\":[1]}}");

	(void)state;
	assert_string_equal(c.client_id, URL);
	assert_string_equal(c.origin, "document");
	assert_string_equal(c.name, "App");
	assert_int_equal(c.auth_method, AUTH_NONE);
	assert_int_equal(c.redirect_uri_count, 1);
	assert_int_equal(c.grant_type_count, 2);
	assert_null(c.resource);
}

static void documents_that_are_none(void **state)
{
	static const char *const BAD[] = {
	    "",
	    "[]",
	    "null",
	    "\"" URL "\"",
	    "{}",
	    "{\"client_id\":\"" URL "\"}",
	    "{\"client_id\":\"" URL "\",\"client_name\":\"App\"}",
	    "{\"client_id\":\"" URL "\",\"redirect_uris\":[\"http://127.0.0.1/cb\"]}",
	    "{\"client_id\":\"" URL "\",\"client_name\":\"\",\"redirect_uris\":[\"http://127.0.0.1/cb\"]}",
	    "{\"client_id\":\"" URL "\",\"client_name\":7,\"redirect_uris\":[\"http://127.0.0.1/cb\"]}",
	    "{\"client_id\":\"" URL "\",\"client_name\":\"App\",\"redirect_uris\":[]}",
	    "{\"client_id\":\"" URL "\",\"client_name\":\"App\",\"redirect_uris\":\"http://127.0.0.1/cb\"}",
	    "{\"client_id\":\"" URL "\",\"client_name\":\"App\",\"redirect_uris\":[\"javascript:alert(1)\"]}",
	    "{\"client_id\":\"" URL "\",\"client_name\":\"App\",\"redirect_uris\":[\"https://app.example/cb#f\"]}",
	    "{\"client_id\":\"" URL "/\",\"client_name\":\"App\",\"redirect_uris\":[\"http://127.0.0.1/cb\"]}",
	    "{\"client_id\":\"https://APP.example/client.json\",\"client_name\":\"App\",\"redirect_uris\":[\"http://"
	    "127.0.0.1/cb\"]}",
	    "{\"client_id\":\"https://app.example:443/client.json\",\"client_name\":\"App\",\"redirect_uris\":[\"http:/"
	    "/127.0.0.1/cb\"]}",
	    "{\"client_id\":\"https://app.example/client%2ejson\",\"client_name\":\"App\",\"redirect_uris\":[\"http://"
	    "127.0.0.1/cb\"]}",
	    "{\"client_id\":[\"" URL "\"],\"client_name\":\"App\",\"redirect_uris\":[\"http://127.0.0.1/cb\"]}",
	    "{\"client_id\":\"x\",\"client_id\":\"" URL
	    "\",\"client_name\":\"App\",\"redirect_uris\":[\"http://127.0.0.1/cb\"]}",
	    SAYS,
	    SAYS "} x",
	    SAYS ",\"client_secret\":\"x\"}",
	    SAYS ",\"client_secret\":null}",
	    SAYS ",\"client_secret_expires_at\":0}",
	    SAYS ",\"token_endpoint_auth_method\":\"client_secret_basic\"}",
	    SAYS ",\"token_endpoint_auth_method\":\"client_secret_post\"}",
	    SAYS ",\"token_endpoint_auth_method\":\"client_secret_jwt\"}",
	    SAYS ",\"token_endpoint_auth_method\":\"magic\"}",
	    SAYS ",\"token_endpoint_auth_method\":7}",
	    SAYS ",\"token_endpoint_auth_method\":\"private_key_jwt\"}",
	    SAYS ",\"token_endpoint_auth_methods_supported\":[\"client_secret_basic\"]}",
	    SAYS ",\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\"]}",
	    SAYS ",\"jwks\":{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}}",
	    SAYS ",\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"a\",\"y\":\"b\",\"d\":\"c\"}]}}",
	    SAYS ",\"response_types\":[\"token\"]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		if (problem_of(BAD[i]) == NULL)
			fail_saying("%s", BAD[i]);
}

static enum auth_method method_of(const char *members)
{
	return read_fine(text_printf(&pool, SAYS ",%s}", members)).auth_method;
}

static void the_method_is_one_that_both_can(void **state)
{
	static const char KEYS[] = "\"jwks_uri\":\"https://app.example/jwks\"";
	static const char LIST[] = "\"token_endpoint_auth_methods_supported\"";
	static const char ONE[] = "\"token_endpoint_auth_method\"";

	(void)state;
	assert_int_equal(method_of("\"a\":1"), AUTH_NONE);
	assert_int_equal(method_of(KEYS), AUTH_PRIVATE_KEY_JWT);
	assert_int_equal(method_of(text_printf(&pool, "%s:\"none\"", ONE)), AUTH_NONE);
	assert_int_equal(method_of(text_printf(&pool, "%s:\"private_key_jwt\",%s", ONE, KEYS)), AUTH_PRIVATE_KEY_JWT);
	/* What it prefers comes first. */
	assert_int_equal(method_of(text_printf(&pool, "%s:\"private_key_jwt\",%s:[\"none\",\"private_key_jwt\"],%s",
	                                       ONE, LIST, KEYS)),
	                 AUTH_PRIVATE_KEY_JWT);
	assert_int_equal(
	    method_of(text_printf(&pool, "%s:\"none\",%s:[\"none\",\"private_key_jwt\"],%s", ONE, LIST, KEYS)),
	    AUTH_NONE);
	/* A preference that no document can have gives way to the list. */
	assert_int_equal(method_of(text_printf(
			     &pool, "%s:\"client_secret_basic\",%s:[\"client_secret_basic\",\"none\"]", ONE, LIST)),
	                 AUTH_NONE);
	assert_int_equal(method_of(text_printf(&pool, "%s:[\"none\",\"private_key_jwt\"],%s", LIST, KEYS)),
	                 AUTH_PRIVATE_KEY_JWT);
	/* Without keys there is nothing to sign with. */
	assert_int_equal(method_of(text_printf(&pool, "%s:[\"private_key_jwt\",\"none\"]", LIST)), AUTH_NONE);
}

static void a_document_is_no_service(void **state)
{
	struct client c =
	    read_fine(SAYS ",\"jwks_uri\":\"https://app.example/jwks\",\"grant_types\":[\"authorization_code\","
	                   "\"client_credentials\"]}");

	(void)state;
	assert_int_equal(c.grant_type_count, 1);
	assert_string_equal(c.grant_types[0], "authorization_code");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(urls_are_held_to_the_draft),      cmocka_unit_test(the_operator_decides_about_sites),
	    cmocka_unit_test(a_document_makes_a_client),       cmocka_unit_test(documents_that_are_none),
	    cmocka_unit_test(the_method_is_one_that_both_can), cmocka_unit_test(a_document_is_no_service),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
