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

static bool read_text(const char *cnf, struct confirmation *ret)
{
	json_t *claims =
	    json_read(&pool, text_of(text_printf(&pool, "{\"sub\":\"a\"%s%s}", *cnf ? ",\"cnf\":" : "", cnf)), NULL);
	assert_non_null(claims);
	memset(ret, 0xaa, sizeof(*ret));
	return confirmation_read(claims, ret);
}

static void test_reads_certificate_and_key(void **state)
{
	static const uint8_t zero[SHA256_SIZE];
	uint8_t certificate[SHA256_SIZE], key[SHA256_SIZE];
	struct confirmation c, other;
	const char *x5t = thumbprint_of("certificate"), *jkt = thumbprint_of("key");
	(void)state;
	sha256(text_of("certificate"), certificate);
	sha256(text_of("key"), key);

	assert_true(read_text("", &c));
	assert_false(c.by_certificate || c.by_key);
	assert_memory_equal(c.certificate, zero, SHA256_SIZE);
	assert_memory_equal(c.key, zero, SHA256_SIZE);

	assert_true(read_text(text_printf(&pool, "{\"x5t#S256\":\"%s\"}", x5t), &c));
	assert_true(c.by_certificate && !c.by_key);
	assert_memory_equal(c.certificate, certificate, SHA256_SIZE);
	assert_memory_equal(c.key, zero, SHA256_SIZE);

	assert_true(read_text(text_printf(&pool, "{\"jkt\":\"%s\"}", jkt), &other));
	assert_true(other.by_key && !other.by_certificate);
	assert_memory_equal(other.key, key, SHA256_SIZE);
	assert_memory_equal(other.certificate, zero, SHA256_SIZE);
	assert_false(confirmation_equal(&c, &other));
	assert_true(confirmation_equal(&c, &c));

	assert_true(read_text(text_printf(&pool, "{\"x5t#S256\":\"%s\",\"jkt\":\"%s\"}", x5t, jkt), &c));
	assert_true(c.by_certificate && c.by_key);
	assert_memory_equal(c.certificate, certificate, SHA256_SIZE);
	assert_memory_equal(c.key, key, SHA256_SIZE);
	assert_false(confirmation_equal(&c, &other));
}

static void test_reads_nothing_else(void **state)
{
	static const struct confirmation none;
	const char *good = thumbprint_of("certificate");
	(void)state;
	const char *const others[] = {
	    "null",
	    "true",
	    "[]",
	    "{}",
	    text_printf(&pool, "\"%s\"", good),
	    text_printf(&pool, "[{\"x5t#S256\":\"%s\"}]", good),
	    text_printf(&pool, "{\"x5t#S256\":\"%s\",\"jkt\":\"\"}", good),
	    text_printf(&pool, "{\"x5t#S256\":null,\"jkt\":\"%s\"}", good),
	    text_printf(&pool, "{\"x5t#S256\":\"%s\",\"jkt\":\"%s\",\"kid\":\"k\"}", good, good),
	    text_printf(&pool, "{\"jkt\":\"%s\",\"jwk\":{}}", good),
	    text_printf(&pool, "{\"x5t#s256\":\"%s\"}", good),
	    text_printf(&pool, "{\"x5t#S256\":[\"%s\"]}", good),
	    text_printf(&pool, "{\"x5t#S256\":\"%s=\"}", good),
	    text_printf(&pool, "{\"jkt\":\"%.42s\"}", good),
	    text_printf(&pool, "{\"jkt\":\"%s%s\"}", good, good),
	    "{\"jkt\":\"\"}",
	    "{\"x5t#S256\":null}",
	    "{\"x5t#S256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"}", /* stray bits at the end */
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct confirmation c;
		assert_false(read_text(others[i], &c));
		assert_memory_equal(&c, &none, sizeof(c));
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
	    cmocka_unit_test(test_reads_certificate_and_key),
	    cmocka_unit_test(test_reads_nothing_else),
	    cmocka_unit_test(test_compares_with_the_connection),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
