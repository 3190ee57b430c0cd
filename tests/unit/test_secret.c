/* SPDX-License-Identifier: Apache-2.0 */
#include "common/secret.c"

#include <openssl/kdf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

static const char *hex(const void *bytes, size_t len)
{
	return hex_encode(&pool, bytes, len);
}

static void digests(void **state)
{
	(void)state;
	uint8_t digest[SHA256_SIZE];
	for (int i = 0; i < 2; i++) {           /* the context is used again */
		sha256(text_of("abc"), digest); /* FIPS 180-4 */
		assert_string_equal(hex(digest, 32),
		                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
		sha256(text_of(NULL), digest);
		assert_string_equal(hex(digest, 32),
		                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	}
}

static void computes_macs(void **state)
{
	(void)state;
	uint8_t key[32] = {0}, mac[SHA256_SIZE];
	memset(key, 0x0b, 20); /* RFC 4231, 4.2: zeros behind a key change nothing */
	for (int i = 0; i < 2; i++) {
		uint8_t other[32] = {(uint8_t)i};
		hmac_sha256(other, text_of("between"), mac);
		hmac_sha256(key, text_of("Hi There"), mac);
		assert_string_equal(hex(mac, 32), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	}
}

static void derives_keys(void **state)
{
	(void)state;
	uint8_t master[32], a[32], b[32], expected[32];
	size_t len = sizeof(expected);
	memset(master, 0x42, sizeof(master));
	derive_key(master, "signing-keys", a);
	/* The library's own HKDF says the same. */
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string("digest", (char[]){"SHA256"}, 0),
	    OSSL_PARAM_construct_octet_string("key", master, sizeof(master)),
	    OSSL_PARAM_construct_octet_string("info", (char[]){"signing-keys"}, 12),
	    OSSL_PARAM_construct_end(),
	};
	assert_int_equal(EVP_KDF_derive(ctx, expected, len, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	assert_memory_equal(a, expected, 32);
	derive_key(master, "signing-keyt", b);
	assert_memory_not_equal(a, b, 32);
	master[31] ^= 1;
	derive_key(master, "signing-keys", b);
	assert_memory_not_equal(a, b, 32);
}

static void *digest_in_thread(void *data)
{
	uint8_t digest[SHA256_SIZE], key[32] = {0};
	sha256(text_of("abc"), digest);
	hmac_sha256(key, text_of("abc"), digest);
	memcpy(data, digest, sizeof(digest));
	return NULL;
}

static void works_in_threads(void **state)
{
	(void)state;
	uint8_t here[SHA256_SIZE], there[SHA256_SIZE];
	pthread_t thread;
	digest_in_thread(here);
	assert_int_equal(pthread_create(&thread, NULL, digest_in_thread, there), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_memory_equal(here, there, sizeof(here));
}

static void makes_tokens(void **state)
{
	(void)state;
	char *a = random_token(&pool, "sps_"), *b = random_token(&pool, "sps_");
	uint8_t bytes[32];
	assert_int_equal(strlen(a), 47);
	assert_true(text_starts(text_of(a), "sps_"));
	assert_true(base64url_decode_exact(text_of(a + 4), bytes, 32));
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(random_token(&pool, "")), 43);
}

static void wipes(void **state)
{
	(void)state;
	h2o_mem_pool_t own;
	/* What the pool calls before it frees, on memory that can still be looked at. */
	struct wiped *wiped = h2o_mem_alloc(sizeof(*wiped) + 6);
	wiped->len = 6;
	memcpy(wiped->bytes, "secret", 6);
	wiped_dispose(wiped);
	assert_memory_equal(wiped->bytes, "\0\0\0\0\0\0", 6);
	free(wiped);
	h2o_mem_init_pool(&own);
	struct secret s = secret_copy(&own, "secret", 6);
	assert_int_equal(s.len, 6);
	assert_true(secret_equal(s.bytes, "secret", 6));
	assert_false(secret_equal(s.bytes, "secres", 6));
	assert_true(secret_equal(s.bytes, "", 0));
	assert_int_equal(secret_copy(&own, NULL, 0).len, 0);
	uint8_t *zeroed = secret_alloc(&own, 5000);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(zeroed[i], 0);
	assert_int_equal((uintptr_t)zeroed % alignof(max_align_t), 0);
	h2o_mem_clear_pool(&own);
	char text[] = "secret";
	secret_wipe(text, 6);
	assert_int_equal(text[0], 0);
}

static void seals(void **state)
{
	(void)state;
	uint8_t key[32] = {1}, other[32] = {2};
	h2o_iovec_t context = text_of("keys/7"), plain = text_of("the private key");
	h2o_iovec_t sealed = secret_seal(&pool, key, context, plain);
	assert_int_equal(sealed.len, 12 + plain.len + 16);
	struct secret opened = secret_open(&pool, key, context, sealed);
	assert_int_equal(opened.len, plain.len);
	assert_memory_equal(opened.bytes, plain.base, plain.len);
	assert_null(secret_open(&pool, other, context, sealed).bytes);
	assert_null(secret_open(&pool, key, text_of("keys/8"), sealed).bytes);
	assert_null(secret_open(&pool, key, text_of(NULL), sealed).bytes);
	h2o_iovec_t again = secret_seal(&pool, key, context, plain);
	assert_memory_not_equal(again.base, sealed.base, sealed.len);
	for (size_t len = 0; len < sealed.len; len++)
		assert_null(secret_open(&pool, key, context, h2o_iovec_init(sealed.base, len)).bytes);
	for (size_t bit = 0; bit < sealed.len * 8; bit++) {
		sealed.base[bit / 8] ^= (char)(1 << bit % 8);
		assert_null(secret_open(&pool, key, context, sealed).bytes);
		sealed.base[bit / 8] ^= (char)(1 << bit % 8);
	}
	h2o_iovec_t nothing = secret_seal(&pool, key, text_of(NULL), text_of(NULL));
	assert_int_equal(nothing.len, 28);
	opened = secret_open(&pool, key, text_of(NULL), nothing);
	assert_non_null(opened.bytes);
	assert_int_equal(opened.len, 0);
	assert_null(secret_open(&pool, other, text_of(NULL), nothing).bytes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(digests),      cmocka_unit_test(computes_macs),
	    cmocka_unit_test(derives_keys), cmocka_unit_test(works_in_threads),
	    cmocka_unit_test(makes_tokens), cmocka_unit_test(wipes),
	    cmocka_unit_test(seals),
	};
	h2o_mem_init_pool(&pool);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	h2o_mem_clear_pool(&pool);
	return failed;
}
