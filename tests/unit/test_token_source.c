/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a token is, and service tokens. */
#include "mcp/caller/service_bearer.c"
#include "mcp/caller/token_source.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/encoding.h"

#define RESOURCE "https://rs.example/mcp"
#define KEY "0123456789abcdef0123456789abcdef"

static h2o_mem_pool_t pool;
static struct mcp MCP;
static struct foreign_issuer FOREIGN[2] = {{.issuer = "https://kc.example/realms/x"},
                                           {.issuer = "https://hydra.example"}};
static struct foreign_source RUNNING[2];
static struct token_sources SOURCES = {.foreign = RUNNING, .count = 2};
static const char *OPENED[] = {"a", "b"};
static char OWN, FIRST, SECOND; /* addresses that stand for three introspections */

static int setup(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	FOREIGN[1].opaque = false;
	RUNNING[0] = (struct foreign_source){.settings = &FOREIGN[0], .introspection = (void *)&FIRST};
	RUNNING[1] = (struct foreign_source){.settings = &FOREIGN[1], .introspection = (void *)&SECOND};
	MCP = (struct mcp){.introspection = (void *)&OWN, .sources = &SOURCES, .tokens = token_cache_open(8)};
	MCP.settings.issuer = "https://as.example";
	MCP.settings.resource = RESOURCE;
	MCP.settings.issuers.service = (struct service_tokens){
	    .issuer = "https://ci.internal",
	    .key = {(const uint8_t *)KEY, sizeof(KEY) - 1},
	    .allowed = {OPENED, 2},
	    .lifetime_max_s = 3600,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	token_cache_close(MCP.tokens);
	h2o_mem_clear_pool(&pool);
	return 0;
}

static const char *jwt(const char *claims)
{
	return text_printf(&pool, "%s.%s.AAAA", base64url_encode(&pool, "{\"alg\":\"ES256\"}", 15).base,
	                   base64url_encode(&pool, claims, strlen(claims)).base);
}

static void assert_source(const char *token, enum token_kind kind, const void *introspection)
{
	struct token_source source = token_source_of(&MCP, &pool, text_of(token));

	assert_int_equal(source.kind, kind);
	assert_ptr_equal(source.introspection, introspection);
}

static void the_form_says_whose_it_is(void **state)
{
	static const uint8_t MASTER[32] = {1};
	struct handle_keys *keys = handle_keys_of(&pool, 1, MASTER);
	struct handle h = {.generation = 0};

	(void)state;
	for (int opaque = 0; opaque < 2; opaque++) {
		FOREIGN[1].opaque = opaque == 1;
		assert_source(jwt("{\"iss\":\"https://as.example\"}"), TOKEN_SIGNED, &OWN);
		assert_source(jwt("{\"iss\":\"https://ci.internal\"}"), TOKEN_SERVICE, NULL);
		assert_source(jwt("{\"iss\":\"https://kc.example/realms/x\"}"), TOKEN_FOREIGN, &FIRST);
		assert_source(jwt("{\"iss\":\"https://hydra.example\"}"), TOKEN_FOREIGN, &SECOND);
		/* a JWT of an issuer that nobody knows is not an opaque token */
		static const char *const OTHERS[] = {
		    "{\"iss\":\"https://hydra.example/\"}",
		    "{\"iss\":\"https://AS.example\"}",
		    "{\"iss\":[\"https://as.example\"]}",
		    "{\"iss\":null}",
		    "{}",
		    "[]",
		    "{\"iss\":\"https://as.example\",\"iss\":\"https://kc.example/realms/x\"}",
		};
		for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
			assert_source(jwt(OTHERS[i]), TOKEN_UNKNOWN, NULL);
		assert_source(handle_mint(&pool, keys, HANDLE_API_KEY, &h), TOKEN_API_KEY, &OWN);
		/* what says nothing of itself */
		const char *const texts[] = {"abc", "ory_at_a.b", "a.b.c", "spending"};
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
			if (opaque)
				assert_source(texts[i], TOKEN_FOREIGN, &SECOND);
			else
				assert_source(texts[i], TOKEN_UNKNOWN, NULL);
		}
		/* what opens something here is shown to nobody else */
		assert_source("spx_short", TOKEN_UNKNOWN, NULL);
		assert_source(handle_mint(&pool, keys, HANDLE_REFRESH, &h), TOKEN_UNKNOWN, NULL);
	}
}

/* What a token shows is kept to hold it to that; of a key, its id. */
static void what_it_shows_is_seen(void **state)
{
	static const uint8_t MASTER[32] = {1};
	struct handle_keys *keys = handle_keys_of(&pool, 1, MASTER);
	struct handle h = {.id = {0xab}};
	const char *key = handle_mint(&pool, keys, HANDLE_API_KEY, &h);
	struct token_source source =
	    token_source_of(&MCP, &pool, text_of(jwt("{\"iss\":\"https://hydra.example\",\"aud\":\"x\"}")));

	(void)state;
	assert_true(text_is(json_get_text(source.shown, "aud"), "x"));
	assert_null(token_source_of(&MCP, &pool, text_of(jwt("{\"iss\":\"https://as.example\"}"))).shown);
	source = token_source_of(&MCP, &pool, text_of(key));
	assert_true(text_is(json_get_text(source.shown, "jti"), "ab000000-0000-0000-0000-000000000000"));
	assert_true(text_is(json_get_text(source.shown, "grant_id"), "ab000000-0000-0000-0000-000000000000"));
	assert_null(token_source_of(&MCP, &pool,
	                            text_of(text_printf(&pool, "%.20s%.*s!", key, (int)strlen(key) - 21, key + 20)))
	                .shown);
}

static const char *take(const char *key, const char *claims, int lifetime_s)
{
	static const uint8_t DIGEST[SHA256_SIZE] = {7};
	struct secret secret = {(const uint8_t *)key, strlen(key)};
	char *token = service_token_sign(&pool, secret, json_read(&pool, text_of(claims), NULL), lifetime_s);

	assert_non_null(token);
	token_cache_drop_all(MCP.tokens);
	const char *why = service_bearer_take(&MCP, &pool, text_of(token), DIGEST);
	assert_int_equal(token_cache_count(MCP.tokens), why == NULL);
	if (why == NULL) {
		const struct bearer *b = token_cache_find(MCP.tokens, DIGEST, clock_monotonic_ms(), INT64_MAX);
		assert_true(b->active);
		assert_string_equal(b->subject, "https://ci.internal nightly");
	}
	return why;
}

#define CLAIMS(more) "{\"iss\":\"https://ci.internal\",\"sub\":\"nightly\",\"aud\":\"" RESOURCE "\"" more "}"

static void a_service_token_opens_what_is_allowed(void **state)
{
	static const struct {
		const char *claims, *scope;
	} CASES[] = {{CLAIMS(",\"scope\":\"a\""), "a"},
	             {CLAIMS(",\"scope\":\"b c a\""), "a b"},
	             {CLAIMS(",\"scope\":\"c\""), ""},
	             {CLAIMS(""), ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		static const uint8_t DIGEST[SHA256_SIZE] = {7};
		assert_null(take(KEY, CASES[i].claims, 600));
		const struct bearer *b = token_cache_find(MCP.tokens, DIGEST, clock_monotonic_ms(), INT64_MAX);
		assert_string_equal(b->scope, CASES[i].scope);
		assert_string_equal(b->client_id, ""); /* the issuer is no client, and may be called like one of ours */
	}
}

static void other_service_tokens_are_refused(void **state)
{
	(void)state;
	assert_non_null(take("another key of thirty-two bytes!", CLAIMS(""), 600));
	assert_non_null(take(KEY, CLAIMS(""), 3601));
	assert_non_null(take(KEY, "{\"iss\":\"https://ci.internal\",\"aud\":\"" RESOURCE "\"}", 600));
	assert_non_null(
	    take(KEY, "{\"iss\":\"https://ci.internal\",\"sub\":\"nightly\",\"aud\":\"https://x.example\"}", 600));
	assert_non_null(
	    take(KEY, "{\"iss\":\"https://as.example\",\"sub\":\"nightly\",\"aud\":\"" RESOURCE "\"}", 600));
	assert_non_null(take(KEY, CLAIMS(",\"cnf\":{\"kid\":\"x\"}"), 600));
	assert_non_null(take(KEY, CLAIMS(",\"scope\":\"a\\\"b\""), 600));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_form_says_whose_it_is, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_it_shows_is_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_service_token_opens_what_is_allowed, setup, teardown),
	    cmocka_unit_test_setup_teardown(other_service_tokens_are_refused, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
