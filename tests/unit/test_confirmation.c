/* SPDX-License-Identifier: Apache-2.0 */
#include "common/confirmation.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/router.h"

static h2o_mem_pool_t pool;

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

static const char *thumbprint_of(const char *text)
{
	uint8_t digest[SHA256_SIZE];
	sha256(text_of(text), digest);
	return base64url_encode(&pool, digest, sizeof(digest)).base;
}

static enum confirmation read_text(const char *cnf, uint8_t thumbprint[SHA256_SIZE])
{
	json_t *claims =
	    json_read(&pool, text_of(text_printf(&pool, "{\"sub\":\"a\"%s%s}", *cnf ? ",\"cnf\":" : "", cnf)), NULL);
	assert_non_null(claims);
	memset(thumbprint, 0xaa, SHA256_SIZE);
	return confirmation_read(claims, thumbprint);
}

static void test_reads_one_thumbprint_only(void **state)
{
	static const uint8_t zero[SHA256_SIZE];
	uint8_t thumbprint[SHA256_SIZE], expected[SHA256_SIZE];
	const char *good = thumbprint_of("certificate");
	(void)state;
	assert_int_equal(read_text("", thumbprint), CONFIRMATION_NONE);
	assert_memory_equal(thumbprint, zero, SHA256_SIZE);
	assert_int_equal(read_text(text_printf(&pool, "{\"x5t#S256\":\"%s\"}", good), thumbprint),
	                 CONFIRMATION_CERTIFICATE);
	sha256(text_of("certificate"), expected);
	assert_memory_equal(thumbprint, expected, SHA256_SIZE);
	const char *const others[] = {
	    "null",
	    "true",
	    "[]",
	    "{}",
	    text_printf(&pool, "\"%s\"", good),
	    text_printf(&pool, "[{\"x5t#S256\":\"%s\"}]", good),
	    text_printf(&pool, "{\"jkt\":\"%s\"}", good),
	    text_printf(&pool, "{\"x5t#S256\":\"%s\",\"jkt\":\"%s\"}", good, good),
	    text_printf(&pool, "{\"x5t#s256\":\"%s\"}", good),
	    text_printf(&pool, "{\"x5t#S256\":[\"%s\"]}", good),
	    text_printf(&pool, "{\"x5t#S256\":\"%s=\"}", good),
	    text_printf(&pool, "{\"x5t#S256\":\"%.42s\"}", good),
	    text_printf(&pool, "{\"x5t#S256\":\"%s%s\"}", good, good),
	    "{\"x5t#S256\":\"\"}",
	    "{\"x5t#S256\":null}",
	    "{\"x5t#S256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"}", /* stray bits at the end */
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(read_text(others[i], thumbprint), CONFIRMATION_OTHER);
		assert_memory_equal(thumbprint, zero, SHA256_SIZE);
	}
}

static void test_compares_with_the_connection(void **state)
{
	static const struct service service;
	static const uint8_t zero[SHA256_SIZE];
	uint8_t thumbprint[SHA256_SIZE];
	struct request *r = request_test(&service, NULL);
	(void)state;
	sha256(text_of("certificate"), thumbprint);
	assert_false(request_certificate_is(r, thumbprint));
	assert_false(request_certificate_is(r, zero));
	r->test_certificate = text_of("certificate");
	assert_true(request_certificate_is(r, thumbprint));
	assert_false(request_certificate_is(r, zero));
	thumbprint[SHA256_SIZE - 1] ^= 1;
	assert_false(request_certificate_is(r, thumbprint));
	request_test_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reads_one_thumbprint_only),
	    cmocka_unit_test(test_compares_with_the_connection),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
