/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/challenge.c"
#include "common/request_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

#define METADATA "https://mcp.example/.well-known/oauth-protected-resource/mcp"

static struct mcp MCP = {.metadata_url = METADATA};
static const struct service SERVICE = {.name = "mcp", .daemon = &MCP};

static struct request *request_of(const char *initial_scopes)
{
	struct request *r = request_test(&SERVICE, NULL);
	assert_true(scopes_parse(&r->pool, text_of(initial_scopes), &MCP.settings.initial_scopes));
	return r;
}

static void test_no_token_gives_no_error(void **state)
{
	(void)state;
	struct request *r = request_of("logs:read deployments:read");
	assert_int_equal(challenge_missing(r), STEP_DONE);
	assert_int_equal(reply_test_status(r), 401);
	assert_string_equal(reply_test_header(r, "www-authenticate"),
	                    "Bearer resource_metadata=\"" METADATA "\", scope=\"deployments:read logs:read\"");
	request_test_free(r);
}

static void test_no_scope_is_left_out(void **state)
{
	(void)state;
	struct request *r = request_of("");
	challenge_missing(r);
	assert_string_equal(reply_test_header(r, "www-authenticate"), "Bearer resource_metadata=\"" METADATA "\"");
	request_test_free(r);
}

static void test_bad_token(void **state)
{
	(void)state;
	struct request *r = request_of("logs:read");
	challenge_invalid(r, "expired");
	assert_int_equal(reply_test_status(r), 401);
	const char *header = reply_test_header(r, "www-authenticate");
	assert_true(strncmp(header, "Bearer error=\"invalid_token\", error_description=\"", 49) == 0);
	assert_non_null(strstr(header, "resource_metadata=\"" METADATA "\", scope=\"logs:read\""));
	assert_null(strstr(header, "expired,")); /* the reason stays in the log */
	request_test_free(r);
}

static void test_malformed_credentials(void **state)
{
	(void)state;
	struct request *r = request_of("logs:read");
	challenge_malformed(r, "two");
	assert_int_equal(reply_test_status(r), 400);
	assert_true(strncmp(reply_test_header(r, "www-authenticate"), "Bearer error=\"invalid_request\"", 30) == 0);
	request_test_free(r);
}

static void test_missing_scope(void **state)
{
	(void)state;
	struct request *r = request_of("logs:read");
	struct scopes wanted;
	assert_true(scopes_parse(&r->pool, text_of("tools:admin logs:read"), &wanted));
	challenge_scope(r, &wanted);
	assert_int_equal(reply_test_status(r), 403);
	const char *header = reply_test_header(r, "www-authenticate");
	assert_true(strncmp(header, "Bearer error=\"insufficient_scope\"", 33) == 0);
	assert_non_null(strstr(header, "scope=\"logs:read tools:admin\""));
	assert_non_null(strstr(header, "resource_metadata=\"" METADATA "\""));
	request_test_free(r);
}

static void test_another_sign_in(void **state)
{
	(void)state;
	struct request *r = request_of("logs:read");
	struct scopes wanted;
	assert_true(scopes_parse(&r->pool, text_of("tools:admin logs:read"), &wanted));
	challenge_authentication(r, "phr phrh", 300, &wanted);
	assert_int_equal(reply_test_status(r), 401);
	const char *header = reply_test_header(r, "www-authenticate");
	assert_true(text_starts(text_of(header), "Bearer error=\"insufficient_user_authentication\", "));
	assert_non_null(strstr(header, ", scope=\"logs:read tools:admin\", acr_values=\"phr phrh\", max_age=\"300\""));
	request_test_free(r);
	r = request_of("logs:read");
	challenge_authentication(r, NULL, 0, &wanted);
	header = reply_test_header(r, "www-authenticate");
	assert_null(strstr(header, "acr_values"));
	assert_null(strstr(header, "max_age"));
	request_test_free(r);
}

static void test_an_approval(void **state)
{
	(void)state;
	struct request *r = request_of("logs:read");
	struct scopes wanted;
	assert_true(scopes_parse(&r->pool, text_of("logs:read"), &wanted));
	challenge_details(r, "Ask her", json_pack("[{s:s}]", "type", "t"), &wanted);
	assert_int_equal(reply_test_status(r), 403);
	const char *header = reply_test_header(r, "www-authenticate");
	assert_true(text_starts(text_of(header), "Bearer error=\"insufficient_authorization_details\", "));
	assert_non_null(strstr(header, ", scope=\"logs:read\""));
	assert_string_equal(reply_test_body(r).base,
	                    "{\"error\":\"insufficient_authorization_details\",\"error_description\":\"Ask her\","
	                    "\"authorization_details\":[{\"type\":\"t\"}]}");
	request_test_free(r);
}

/* A client that takes the first line alone, or all of them as one text, finds Bearer and what belongs to it first. */
static void test_dpop_is_offered_behind(void **state)
{
	(void)state;
	struct request *r = request_of("logs:read");
	challenge_missing(r);
	assert_string_equal(reply_test_header(r, "www-authenticate"),
	                    "Bearer resource_metadata=\"" METADATA "\", scope=\"logs:read\"");
	const struct reply_header *h = r->headers, *offer = NULL;
	for (; h != NULL; h = h->next)
		if (strcmp(h->name, "www-authenticate") == 0)
			offer = h;
	assert_string_equal(offer->value, "DPoP algs=\"ES256 EdDSA Ed25519 PS256 RS256\"");
	request_test_free(r);
}

static void test_who_came_with_dpop_is_told_so_alone(void **state)
{
	static const struct {
		step_result (*challenge)(struct request *, const char *);
		const char *error;
	} CASES[] = {{challenge_invalid, "invalid_token"}, {challenge_proof, "invalid_dpop_proof"}};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct request *r = request_of("logs:read");
		size_t lines = 0;
		request_test_header(r, "authorization", "dpop abc");
		CASES[i].challenge(r, "x");
		assert_int_equal(reply_test_status(r), 401);
		const char *header = reply_test_header(r, "www-authenticate");
		assert_true(text_starts(text_of(header), text_printf(&r->pool, "DPoP error=\"%s\"", CASES[i].error)));
		assert_non_null(strstr(header, "algs=\"ES256 "));
		assert_non_null(strstr(header, "resource_metadata=\"" METADATA "\", scope=\"logs:read\""));
		for (const struct reply_header *h = r->headers; h != NULL; h = h->next)
			lines += strcmp(h->name, "www-authenticate") == 0;
		assert_int_equal(lines, 1);
		request_test_free(r);
	}
	struct request *r = request_of("logs:read");
	request_test_header(r, "authorization", "DPoP abc");
	challenge_nonce(r);
	assert_int_equal(reply_test_status(r), 401);
	assert_true(text_starts(text_of(reply_test_header(r, "www-authenticate")), "DPoP error=\"use_dpop_nonce\""));
	request_test_free(r);
}

/* Clients look for name="value" anywhere in the header: a description must hold nothing of that form. */
static void test_values_are_simple(void **state)
{
	(void)state;
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	static const char *const texts[] = {INVALID_TEXT, PROOF_TEXT,     NONCE_TEXT,
	                                    SCOPE_TEXT,   MALFORMED_TEXT, AUTHENTICATION_TEXT};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_null(strpbrk(texts[i], "\"\\=,"));
	h2o_mem_clear_pool(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_token_gives_no_error),
	    cmocka_unit_test(test_no_scope_is_left_out),
	    cmocka_unit_test(test_bad_token),
	    cmocka_unit_test(test_malformed_credentials),
	    cmocka_unit_test(test_missing_scope),
	    cmocka_unit_test(test_another_sign_in),
	    cmocka_unit_test(test_an_approval),
	    cmocka_unit_test(test_dpop_is_offered_behind),
	    cmocka_unit_test(test_who_came_with_dpop_is_told_so_alone),
	    cmocka_unit_test(test_values_are_simple),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
