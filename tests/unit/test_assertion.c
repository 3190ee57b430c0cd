/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/assertion.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/encoding.h"

static h2o_mem_pool_t pool;
static struct assertion_peek peek;
static struct assertion assertion;

enum { NOW = 1000000 };
#define ISSUER "https://as.example/t1"

static int setup(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static h2o_iovec_t token(const char *header, const char *claims)
{
	return text_of(text_printf(&pool, "%s.%s.AAAA", base64url_encode(&pool, header, strlen(header)).base,
	                           base64url_encode(&pool, claims, strlen(claims)).base));
}

static void peeks_at_client_and_algorithm(void **state)
{
	(void)state;
	assert_null(assertion_peek(&pool, token("{\"alg\":\"ES256\"}", "{\"sub\":\"c-1\"}"), &peek));
	assert_string_equal(peek.client_id, "c-1");
	assert_string_equal(peek.algorithm, "ES256");
	assert_false(peek.is_mac);
	assert_null(assertion_peek(&pool, token("{\"alg\":\"HS256\"}", "{\"sub\":\"c-1\"}"), &peek));
	assert_true(peek.is_mac);
	static const char *const BAD[][2] = {
	    {"{\"alg\":\"none\"}", "{\"sub\":\"c\"}"},
	    {"{\"alg\":\"HS384\"}", "{\"sub\":\"c\"}"},
	    {"{\"alg\":\"es256\"}", "{\"sub\":\"c\"}"},
	    {"{\"alg\":[\"ES256\"]}", "{\"sub\":\"c\"}"},
	    {"{}", "{\"sub\":\"c\"}"},
	    {"[]", "{\"sub\":\"c\"}"},
	    {"{\"alg\":\"ES256\"}", "{}"},
	    {"{\"alg\":\"ES256\"}", "{\"sub\":\"\"}"},
	    {"{\"alg\":\"ES256\"}", "{\"sub\":1}"},
	    {"{\"alg\":\"ES256\"}", "{\"sub\":\"c\",\"sub\":\"d\"}"},
	    {"{\"alg\":\"ES256\"}", "x"},
	};
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		if (assertion_peek(&pool, token(BAD[i][0], BAD[i][1]), &peek) == NULL)
			fail_msg("%s %s", BAD[i][0], BAD[i][1]);
	static const char *const NO_TOKEN[] = {"", ".", "..", "a.b", "a.b.c", "a", "=.=.="};
	for (size_t i = 0; i < sizeof(NO_TOKEN) / sizeof(NO_TOKEN[0]); i++)
		assert_non_null(assertion_peek(&pool, text_of(NO_TOKEN[i]), &peek));
	char *big = h2o_mem_alloc_pool(&pool, ASSERTION_SIZE_MAX + 2);
	memset(big, 'a', ASSERTION_SIZE_MAX + 1);
	assert_non_null(assertion_peek(&pool, h2o_iovec_init(big, ASSERTION_SIZE_MAX + 1), &peek));
}

static const char *problem(const char *claims)
{
	json_t *object = json_read(&pool, text_of(claims), NULL);
	assert_non_null(object);
	return assertion_problem(object, "c-1", ISSUER, NOW, &assertion);
}

#define WHO "\"iss\":\"c-1\",\"sub\":\"c-1\","
#define AUD "\"aud\":\"" ISSUER "\","
#define JTI "\"jti\":\"j\","

static void takes_assertions_for_this_server(void **state)
{
	(void)state;
	uint8_t digest[SHA256_SIZE];
	assert_null(problem("{" WHO AUD JTI "\"exp\":1000060}"));
	assert_int_equal(assertion.expires_at, 1000060);
	sha256(text_of("j"), digest);
	assert_memory_equal(assertion.jti_digest, digest, SHA256_SIZE);
	assert_null(
	    problem("{" WHO "\"aud\":[\"" ISSUER "\"]," JTI "\"exp\":1000330,\"iat\":1000030,\"nbf\":1000030}"));
	assert_null(problem("{" WHO AUD JTI "\"exp\":1000001,\"iat\":999000}"));
	assert_null(problem("{" WHO AUD JTI "\"exp\":1000060.75,\"iat\":999999.5}"));
	assert_int_equal(assertion.expires_at, 1000060);
}

static void refuses_other_claims(void **state)
{
	(void)state;
	static const char *const BAD[] = {
	    "{}",
	    "{\"sub\":\"c-1\"," AUD JTI "\"exp\":1000060}",
	    "{\"iss\":\"c-1\"," AUD JTI "\"exp\":1000060}",
	    "{\"iss\":\"c-2\",\"sub\":\"c-1\"," AUD JTI "\"exp\":1000060}",
	    "{\"iss\":\"c-1\",\"sub\":\"c-2\"," AUD JTI "\"exp\":1000060}",
	    "{" WHO JTI "\"exp\":1000060}",
	    "{" WHO "\"aud\":\"" ISSUER "/token\"," JTI "\"exp\":1000060}",
	    "{" WHO "\"aud\":\"" ISSUER "/\"," JTI "\"exp\":1000060}",
	    "{" WHO "\"aud\":[\"" ISSUER "\",\"https://other.example\"]," JTI "\"exp\":1000060}",
	    "{" WHO "\"aud\":[\"" ISSUER "\",\"" ISSUER "\"]," JTI "\"exp\":1000060}",
	    "{" WHO "\"aud\":[]," JTI "\"exp\":1000060}",
	    "{" WHO "\"aud\":[[\"" ISSUER "\"]]," JTI "\"exp\":1000060}",
	    "{" WHO AUD "\"exp\":1000060}",
	    "{" WHO AUD "\"jti\":\"\",\"exp\":1000060}",
	    "{" WHO AUD "\"jti\":7,\"exp\":1000060}",
	    "{" WHO AUD "\"jti\":\"j\"}",
	    "{" WHO AUD JTI "\"exp\":1000000}",
	    "{" WHO AUD JTI "\"exp\":1000331}",
	    "{" WHO AUD JTI "\"exp\":1e300}",
	    "{" WHO AUD JTI "\"exp\":-1e300}",
	    "{" WHO AUD JTI "\"exp\":\"1000060\"}",
	    "{" WHO AUD JTI "\"exp\":1000060,\"iat\":1000031}",
	    "{" WHO AUD JTI "\"exp\":1000060,\"nbf\":1000031}",
	    "{" WHO AUD JTI "\"exp\":1000060,\"iat\":\"now\"}",
	    "{" WHO AUD JTI "\"exp\":1000060,\"nbf\":true}",
	};
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		if (problem(BAD[i]) == NULL)
			fail_msg("%s", BAD[i]);
	struct text_buffer b = {.pool = &pool};
	text_append_str(&b, "{" WHO AUD "\"exp\":1000060,\"jti\":\"");
	for (int i = 0; i <= JTI_MAX; i++)
		text_append_str(&b, "j");
	text_append_str(&b, "\"}");
	assert_non_null(problem(b.base));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(peeks_at_client_and_algorithm, setup, teardown),
	    cmocka_unit_test_setup_teardown(takes_assertions_for_this_server, setup, teardown),
	    cmocka_unit_test_setup_teardown(refuses_other_claims, setup, teardown),
	};
	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
