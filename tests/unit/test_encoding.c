/* SPDX-License-Identifier: Apache-2.0 */
#include "common/encoding.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;

#define T(literal) ((h2o_iovec_t){(char *)literal, sizeof(literal) - 1})

/* RFC 4648, 10. */
static const char *const vectors[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void encodes_the_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		h2o_iovec_t plain = text_of(vectors[i][0]), padded = text_of(vectors[i][1]);
		h2o_iovec_t bare = {padded.base, strcspn(padded.base, "=")};
		assert_string_equal(base64_encode(&pool, plain.base, plain.len).base, padded.base);
		assert_true(text_equal(base64url_encode(&pool, plain.base, plain.len), bare));
		assert_true(text_equal(base64_decode(&pool, padded), plain));
		assert_true(text_equal(base64url_decode(&pool, bare), plain));
		if (bare.len != padded.len) {
			assert_null(base64url_decode(&pool, padded).base);
			assert_null(base64_decode(&pool, bare).base);
		}
	}
	assert_non_null(base64url_decode(&pool, text_of(NULL)).base);
	assert_non_null(base64_decode(&pool, T("")).base);
	assert_string_equal(base64url_encode(&pool, "\xfb\xff", 2).base, "-_8");
	assert_string_equal(base64_encode(&pool, "\xfb\xff", 2).base, "+/8=");
}

static void goes_round(void **state)
{
	(void)state;
	uint8_t bytes[80], back[80];
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(i * 37 + len * 11);
		h2o_iovec_t text = base64url_encode(&pool, bytes, len);
		assert_int_equal(strlen(text.base), text.len);
		assert_true(base64url_decode_exact(text, back, len));
		assert_memory_equal(bytes, back, len);
		assert_false(base64url_decode_exact(text, back, len + 1));
		if (len != 0)
			assert_false(base64url_decode_exact(text, back, len - 1));
		text = base64_encode(&pool, bytes, len);
		h2o_iovec_t plain = base64_decode(&pool, text);
		assert_true(plain.base != NULL && plain.len == len);
		assert_memory_equal(plain.base, bytes, len);
	}
}

/* Of all texts of 2 and 3 characters exactly as many decode as there are values. */
static void has_one_text_for_a_value(void **state)
{
	(void)state;
	char text[3];
	uint8_t bytes[2];
	size_t one = 0, two = 0;
	for (int a = 0; a < 256; a++)
		for (int b = 0; b < 256; b++) {
			text[0] = (char)a;
			text[1] = (char)b;
			one += base64url_decode_exact(h2o_iovec_init(text, 2), bytes, 1);
			text[2] = (char)b;
			text[1] = 'x';
			two += base64url_decode_exact(h2o_iovec_init(text, 3), bytes, 2);
		}
	assert_int_equal(one, 256);
	assert_int_equal(two, 64 * 16);
}

static void refuses_other_base64(void **state)
{
	(void)state;
	static const h2o_iovec_t bad_url[] = {
	    T("A"),   T("AAAAA"), T("Zm9v\n"), T("Zm 9v"),      T("Zm9+"), T("Zm9/"),  T("Zg=="), T("Zh"),
	    T("Zm9"), T("Z\0"),   T("Zm9v="),  T("Zm\xc3\xb6"), T("===="), T("Zm9vZ"), T("Zm8="),
	};
	for (size_t i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++)
		assert_null(base64url_decode(&pool, bad_url[i]).base);
	static const h2o_iovec_t bad[] = {
	    T("Zg"),       T("Zg="),       T("Zh=="), T("Zm9="), T("Z==="),     T("===="),   T("=Zm9"),  T("Zm=v"),
	    T("Zg==Zg=="), T("Zm9v\nZg="), T("Zm9-"), T("Zm9_"), T("Zm9v===="), T("Zm8=\n"), T("Z\0=="),
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(base64_decode(&pool, bad[i]).base);
}

static void writes_hex_and_uuids(void **state)
{
	(void)state;
	uint8_t bytes[16], back[16] = {0};
	char text[UUID_TEXT_SIZE];
	for (int i = 0; i < 16; i++)
		bytes[i] = (uint8_t)(i * 17);
	assert_string_equal(hex_encode(&pool, "\x00\x7f\xff", 3), "007fff");
	assert_string_equal(hex_encode(&pool, NULL, 0), "");
	uuid_format(bytes, text);
	assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
	assert_true(uuid_parse(text_of(text), back));
	assert_memory_equal(bytes, back, 16);
	assert_true(uuid_parse(T("00112233-4455-6677-8899-AABBCCDDEEFF"), back));
	static const h2o_iovec_t bad[] = {
	    T(""),
	    T("00112233-4455-6677-8899-aabbccddeef"),
	    T("00112233-4455-6677-8899-aabbccddeeff0"),
	    T("00112233-4455-6677-8899-aabbccddeefg"),
	    T("0011223304455-6677-8899-aabbccddeeff"),
	    T("{0112233-4455-6677-8899-aabbccddeef}"),
	    T("00112233445566778899aabbccddeeff----"),
	    T("00112233-4455-6677-8899-aabbccddee-f"),
	    T("00112233-4455-6677-8899_aabbccddeeff"),
	};
	memset(back, 7, 16);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(uuid_parse(bad[i], back));
	for (int i = 0; i < 16; i++)
		assert_int_equal(back[i], 7);
}

static void decodes_forms(void **state)
{
	(void)state;
	assert_string_equal(form_decode(&pool, T("a+b%20c%2B%c3%A9")).base, "a b c+\xc3\xa9");
	assert_int_equal(form_decode(&pool, T("a%41")).len, 2);
	assert_non_null(form_decode(&pool, text_of(NULL)).base);
	static const h2o_iovec_t bad[] = {T("%"),   T("%4"),   T("a%"),  T("%4g"),       T("%g4"), T("%00"), T("a\0b"),
	                                  T("%ff"), T("\xff"), T("%c3"), T("%ed%a0%80"), T("%+1"), T("% 1"), T("%%41")};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(form_decode(&pool, bad[i]).base);
}

static void every_character_is_a_digit_or_none(void **state)
{
	static const char DIGITS[] = "0123456789abcdef", UPPER[] = "0123456789ABCDEF";

	(void)state;
	for (int c = -128; c < 128; c++) {
		const char *lower = c != 0 ? strchr(DIGITS, c) : NULL, *upper = c != 0 ? strchr(UPPER, c) : NULL;
		int expected = lower != NULL ? (int)(lower - DIGITS) : upper != NULL ? (int)(upper - UPPER) : -1;
		assert_int_equal(hex_value((char)c), expected);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_character_is_a_digit_or_none),
	    cmocka_unit_test(encodes_the_vectors),
	    cmocka_unit_test(goes_round),
	    cmocka_unit_test(has_one_text_for_a_value),
	    cmocka_unit_test(refuses_other_base64),
	    cmocka_unit_test(writes_hex_and_uuids),
	    cmocka_unit_test(decodes_forms),
	};
	h2o_mem_init_pool(&pool);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	h2o_mem_clear_pool(&pool);
	return failed;
}
