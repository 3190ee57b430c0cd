/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/client_metadata.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

const char *const AUTH_METHOD_NAMES[AUTH_METHODS] = {"none",
                                                     "client_secret_basic",
                                                     "client_secret_post",
                                                     "client_secret_jwt",
                                                     "private_key_jwt",
                                                     "tls_client_auth",
                                                     "self_signed_tls_client_auth"};

static h2o_mem_pool_t pool;
static struct client client;
static struct metadata_problem problem;

static bool reads(const char *json, enum metadata_source source)
{
	json_t *document = json_read(&pool, text_of(json), NULL);
	assert_non_null(document);
	problem = (struct metadata_problem){NULL, NULL};
	return client_metadata_read(&pool, document, source, &client, &problem);
}

static void assert_accepted(const char *json)
{
	if (!reads(json, METADATA_REGISTERED))
		fail_msg("%s: %s", json, problem.text);
}

static void assert_refused(const char *json, const struct oauth_error *error)
{
	if (reads(json, METADATA_REGISTERED))
		fail_msg("accepted: %s", json);
	assert_ptr_equal(problem.error, error);
}

#define WITH(members) "{\"redirect_uris\":[\"http://localhost/cb\"]," members "}"

static void fills_in_what_rfc_7591_says(void **state)
{
	(void)state;
	assert_accepted("{\"redirect_uris\":[\"https://a.example/cb\"]}");
	assert_int_equal(client.auth_method, AUTH_SECRET_BASIC);
	assert_int_equal(client.grant_type_count, 1);
	assert_string_equal(client.grant_types[0], "authorization_code");
	assert_string_equal(client.application_type, "web");
	assert_string_equal(client.name, "");
	assert_string_equal(client.scope, "");
	assert_true(client.enabled);
	assert_null(client.resource);
}

static void takes_what_clients_send(void **state)
{
	(void)state;
	assert_accepted(
	    "{\"redirect_uris\":[\"http://127.0.0.1:6276/oauth/callback\"],\"client_name\":\"MCP Inspector\","
	    "\"client_uri\":\"https://github.com/modelcontextprotocol/inspector\",\"grant_types\":"
	    "[\"authorization_code\",\"refresh_token\",\"urn:ietf:params:oauth:grant-type:device_code\"],"
	    "\"response_types\":[\"code\"],\"token_endpoint_auth_method\":\"none\",\"scope\":\"\","
	    "\"application_type\":\"native\",\"software_id\":\"2e6dc280\",\"x_unknown\":{\"a\":[1]},\"jwks\":null}");
	assert_int_equal(client.grant_type_count, 2);
	assert_int_equal(client.auth_method, AUTH_NONE);
	assert_string_equal(client.application_type, "native");
	assert_accepted(
	    "{\"redirect_uris\":[\"com.example.app:/cb\",\"http://[::1]:4711/cb\",\"http://[::1]:4711/cb\"]}");
	assert_int_equal(client.redirect_uri_count, 2);
	assert_string_equal(client.application_type, "native");
}

static void refuses_redirect_uris(void **state)
{
	(void)state;
	static const char *const BAD[] = {
	    "{}",
	    "{\"redirect_uris\":[]}",
	    "{\"redirect_uris\":\"https://a.example/\"}",
	    "{\"redirect_uris\":[1]}",
	    "{\"redirect_uris\":[\"javascript:alert(1)\"]}",
	    "{\"redirect_uris\":[\"JavaScript:alert(1)\"]}",
	    "{\"redirect_uris\":[\" https://a.example/\"]}",
	    "{\"redirect_uris\":[\"data:text/html,x\"]}",
	    "{\"redirect_uris\":[\"http://a.example/\"]}",
	    "{\"redirect_uris\":[\"https://u@a.example/\"]}",
	    "{\"redirect_uris\":[\"https://a.example/#f\"]}",
	    "{\"redirect_uris\":[\"https://a.example/../x\"]}",
	    "{\"redirect_uris\":[\"https://*.example.com/\"]}",
	    "{\"redirect_uris\":[\"https://a.example/cb\",\"file:///etc/passwd\"]}",
	    "{\"redirect_uris\":[\"https://a/1\",\"https://a/2\",\"https://a/3\",\"https://a/4\",\"https://a/"
	    "5\",\"https://a/6\","
	    "\"https://a/7\",\"https://a/8\",\"https://a/9\",\"https://a/10\",\"https://a/11\"]}",
	};
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		assert_refused(BAD[i], &INVALID_REDIRECT_URI);
}

static void refuses_other_members(void **state)
{
	(void)state;
	static const char *const BAD[] = {
	    "[]",
	    WITH("\"token_endpoint_auth_method\":\"private_key_jwt\""),
	    WITH("\"token_endpoint_auth_method\":1"),
	    WITH("\"grant_types\":[\"client_credentials\"]"),
	    WITH("\"grant_types\":[\"refresh_token\"]"),
	    WITH("\"grant_types\":[1]"),
	    WITH("\"grant_types\":\"authorization_code\""),
	    WITH("\"response_types\":[\"token\"]"),
	    WITH("\"client_name\":\"a\\u202eb\""),
	    WITH("\"client_name\":\"a\\u200bb\""),
	    WITH("\"client_name\":\"a\\nb\""),
	    WITH("\"client_name\":[\"a\"]"),
	    WITH("\"client_name\":\"  \""),
	    WITH("\"client_name\":\"\\u3000\\u00a0 \\u2003\""),
	    WITH("\"client_name\":\"12345678901234567890123456789012345678901234567890123456789012345\""),
	    WITH("\"client_uri\":\"javascript:alert(1)\""),
	    WITH("\"logo_uri\":\"data:image/png;base64,AA\""),
	    WITH("\"scope\":\"a\\u00e9\""),
	    WITH("\"scope\":[\"a\"]"),
	    WITH("\"application_type\":\"service\""),
	    WITH("\"contacts\":\"a@b\""),
	    WITH("\"contacts\":[1]"),
	    WITH("\"software_id\":\"a\\u0007\""),
	    WITH("\"jwks\":\"{}\""),
	    WITH("\"jwks_uri\":[\"https://c.example/jwks\"]"),
	    WITH("\"token_endpoint_auth_signing_alg\":[\"ES256\"]"),
	    WITH("\"tls_client_auth_subject_dn\":1"),
	    WITH("\"tls_client_certificate_bound_access_tokens\":\"yes\""),
	    WITH("\"dpop_bound_access_tokens\":1"),
	    WITH("\"contacts\":[\"a\\u202eb\"]"),
	};
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		assert_refused(BAD[i], &INVALID_CLIENT_METADATA);
}

static void says_what_is_wrong(void **state)
{
	static const struct {
		const char *json, *text;
	} WRONG[] = {
	    {"[]", "client metadata must be a JSON object"},
	    {"{\"redirect_uris\":[\"https://a.example/\",7]}", "redirect_uris must be an array of at most 10 URIs"},
	    {WITH("\"client_name\":7"), "client_name must be at most 64 visible characters"},
	    {WITH("\"client_name\":\"a\\nb\""), "client_name must be at most 64 visible characters"},
	    {WITH("\"token_endpoint_auth_method\":\"x\""),
	     "token_endpoint_auth_method must be one that the server offers"},
	    {WITH("\"contacts\":[\"a\",1]"),
	     "contacts must be an array of at most 10 texts of at most 256 visible characters"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		assert_false(reads(WRONG[i].json, METADATA_REGISTERED));
		assert_string_equal(problem.text, WRONG[i].text);
	}
}

/* null and "" leave a member out. */
static void takes_empty_members(void **state)
{
	static const char *const NAMES[] = {
	    "client_name", "grant_types",      "response_types", "token_endpoint_auth_method",
	    "jwks",        "jwks_uri",         "scope",          "token_endpoint_auth_signing_alg",
	    "client_uri",  "application_type", "software_id",    "dpop_bound_access_tokens",
	    "contacts",    "enabled",          "consent",        "resource",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		for (int way = 0; way < 2; way++) {
			const char *value = way == 0 ? "null" : "\"\"";
			const char *text = text_printf(&pool, "{\"redirect_uris\":[\"http://localhost/cb\"],\"%s\":%s}",
			                               NAMES[i], value);
			assert_accepted(text);
			assert_true(reads(text, METADATA_ADMIN));
		}
	}
}

/* Nobody makes himself a resource server, nor enables himself. */
static void lets_only_the_admin_say_some(void **state)
{
	(void)state;
	assert_accepted(WITH(
	    "\"resource\":\"https://mcp.example/mcp\",\"enabled\":false,\"origin\":\"admin\",\"client_id\":\"x\""));
	assert_null(client.resource);
	assert_null(client.client_id);
	assert_true(client.enabled);
	assert_true(reads("{\"resource\":\"https://mcp.example/mcp\",\"enabled\":false}", METADATA_ADMIN));
	assert_string_equal(client.resource, "https://mcp.example/mcp");
	assert_false(client.enabled);
	assert_int_equal(client.grant_type_count, 0);
	assert_false(reads("{\"resource\":\"https://mcp.example/mcp\",\"token_endpoint_auth_method\":\"none\"}",
	                   METADATA_ADMIN));
	assert_false(reads("{\"resource\":\"mcp\"}", METADATA_ADMIN));
	assert_false(reads(WITH("\"enabled\":\"no\""), METADATA_ADMIN));
}

/* Tokens of a client's own: only by the administrator, only for one that proves who it is, only with a scope. */
static void lets_the_admin_make_services(void **state)
{
	(void)state;
#define SERVICE "\"grant_types\":[\"client_credentials\"],\"token_endpoint_auth_method\":"
	assert_true(reads("{" SERVICE "\"client_secret_basic\",\"scope\":\"logs:read\"}", METADATA_ADMIN));
	assert_int_equal(client.grant_type_count, 1);
	assert_string_equal(client.grant_types[0], "client_credentials");
	assert_int_equal(client.redirect_uri_count, 0);
	json_t *shown = json_keep(&pool, client_metadata_json(&client, METADATA_ADMIN));
	assert_int_equal(json_array_size(json_object_get(shown, "response_types")), 0);
	assert_true(client_metadata_read(&pool, shown, METADATA_ADMIN, &client, &problem));
	assert_int_equal(client.grant_type_count, 1);
	assert_true(reads(WITH(SERVICE "\"client_secret_post\",\"scope\":\"a\""), METADATA_ADMIN));
	assert_int_equal(client.grant_type_count, 1);
	assert_true(reads(WITH("\"scope\":\"a\",\"grant_types\":[\"client_credentials\",\"authorization_code\"]"),
	                  METADATA_ADMIN));
	assert_int_equal(client.grant_type_count, 2);
	assert_false(reads("{\"scope\":\"a\",\"grant_types\":[\"client_credentials\",\"authorization_code\"]}",
	                   METADATA_ADMIN)); /* the code needs somewhere to go */
	assert_false(reads("{" SERVICE "\"none\",\"scope\":\"a\"}", METADATA_ADMIN));
	assert_false(reads("{" SERVICE "\"client_secret_basic\"}", METADATA_ADMIN));
	assert_false(reads("{" SERVICE "\"client_secret_basic\",\"scope\":\"  \"}", METADATA_ADMIN));
	assert_accepted(WITH("\"scope\":\"a\",\"grant_types\":[\"client_credentials\",\"authorization_code\"]"));
	assert_int_equal(client.grant_type_count, 1); /* asked for by itself: left out */
	assert_string_equal(client.grant_types[0], "authorization_code");
#undef SERVICE
}

/* What is shown reads back as the same client: the admin's update depends on it. */
static void shows_what_it_read(void **state)
{
	(void)state;
	static const char TEXT[] =
	    "{\"client_name\":\"n\",\"redirect_uris\":[\"http://localhost/"
	    "cb\"],\"grant_types\":[\"authorization_code\","
	    "\"refresh_token\"],\"response_types\":[\"code\"],\"token_endpoint_auth_method\":\"none\",\"application_"
	    "type\":"
	    "\"native\",\"scope\":\"b "
	    "a\",\"client_uri\":\"https://a.example/\",\"software_version\":\"1\",\"contacts\":[\"a@b\"]}";
	assert_accepted(TEXT);
	json_t *shown = json_keep(&pool, client_metadata_json(&client, METADATA_REGISTERED));
	assert_string_equal(json_text(&pool, shown).base, TEXT);
	shown = json_keep(&pool, client_metadata_json(&client, METADATA_ADMIN));
	assert_true(client_metadata_read(&pool, shown, METADATA_ADMIN, &client, &problem));
	assert_true(json_is_null(json_object_get(shown, "last_used_at")));
}

static int start(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fills_in_what_rfc_7591_says),  cmocka_unit_test(takes_what_clients_send),
	    cmocka_unit_test(refuses_redirect_uris),        cmocka_unit_test(refuses_other_members),
	    cmocka_unit_test(lets_only_the_admin_say_some), cmocka_unit_test(shows_what_it_read),
	    cmocka_unit_test(lets_the_admin_make_services), cmocka_unit_test(says_what_is_wrong),
	    cmocka_unit_test(takes_empty_members),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
