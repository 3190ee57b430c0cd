/* SPDX-License-Identifier: Apache-2.0 */
#include "common/handle.c"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;
static const struct handle sample = {.id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                                     .generation = 0x01020304};

static struct handle_keys *keys_of(uint8_t id, uint8_t fill)
{
	uint8_t master[32];
	memset(master, fill, sizeof(master));
	return handle_keys_of(&pool, id, master);
}

static void opens_its_own(void **state)
{
	(void)state;
	struct handle_keys *keys = keys_of(7, 0x11);
	for (int type = 0; type < HANDLE_TYPES; type++) {
		char *text = handle_mint(&pool, keys, type, &sample);
		struct handle back = {{0}, 0};
		assert_int_equal(strlen(text), 75);
		assert_int_equal(text[0], 's');
		assert_int_equal(text[3], '_');
		assert_true(handle_open(keys, type, text_of(text), &back));
		assert_memory_equal(back.id, sample.id, 16);
		assert_int_equal(back.generation, sample.generation);
		assert_string_equal(text, handle_mint(&pool, keys, type, &sample));
	}
	struct handle last = {.generation = UINT32_MAX}, back;
	char *text = handle_mint(&pool, keys, HANDLE_REFRESH, &last);
	assert_true(handle_open(keys, HANDLE_REFRESH, text_of(text), &back));
	assert_true(back.generation == UINT32_MAX);
}

/* The stored refresh tokens of a running installation must open after an upgrade. */
static void keeps_its_form(void **state)
{
	(void)state;
	uint8_t master[32], key[32], mac[32], data[25], raw[53];
	memset(master, 0x11, 32);
	derive_key(master, "handle-mac", key);
	memcpy(data, "spr", 4);
	data[4] = 7;
	memcpy(data + 5, sample.id, 16);
	memcpy(data + 21, "\1\2\3\4", 4);
	hmac_sha256(key, h2o_iovec_init(data, 25), mac);
	memcpy(raw, data + 4, 21);
	memcpy(raw + 21, mac, 32);
	char *expected = text_printf(&pool, "spr_%s", base64url_encode(&pool, raw, 53).base);
	assert_string_equal(handle_mint(&pool, keys_of(7, 0x11), HANDLE_REFRESH, &sample), expected);
}

static void refuses_other_types_and_keys(void **state)
{
	(void)state;
	struct handle_keys *keys = keys_of(7, 0x11), *other_id = keys_of(8, 0x11), *other = keys_of(7, 0x12);
	struct handle back = {{9}, 9};
	for (int made = 0; made < HANDLE_TYPES; made++)
		for (int asked = 0; asked < HANDLE_TYPES; asked++) {
			char *text = handle_mint(&pool, keys, made, &sample);
			assert_int_equal(handle_open(keys, asked, text_of(text), &back), made == asked);
			memcpy(text, tags[asked], 3); /* relabelled */
			assert_int_equal(handle_open(keys, asked, text_of(text), &back), made == asked);
		}
	char *text = handle_mint(&pool, keys, HANDLE_CODE, &sample);
	back.generation = 9;
	assert_false(handle_open(other_id, HANDLE_CODE, text_of(text), &back));
	assert_false(handle_open(other, HANDLE_CODE, text_of(text), &back));
	assert_int_equal(back.generation, 9);
}

static void refuses_every_change(void **state)
{
	(void)state;
	struct handle_keys *keys = keys_of(7, 0x11);
	char *text = handle_mint(&pool, keys, HANDLE_SESSION, &sample);
	size_t len = strlen(text);
	struct handle back;
	for (size_t i = 0; i < len; i++) {
		char was = text[i];
		for (int c = 0; c < 256; c++) {
			text[i] = (char)c;
			assert_int_equal(handle_open(keys, HANDLE_SESSION, h2o_iovec_init(text, len), &back),
			                 (char)c == was);
		}
		text[i] = was;
	}
	for (size_t shorter = 0; shorter < len; shorter++) {
		char *exact = malloc(shorter + 1);
		memcpy(exact, text, shorter);
		assert_false(handle_open(keys, HANDLE_SESSION, h2o_iovec_init(exact, shorter), &back));
		free(exact);
	}
	const char *longer[] = {"", "A", "=", "\n", " ", "AA", "AAAA"};
	for (size_t i = 1; i < sizeof(longer) / sizeof(longer[0]); i++)
		assert_false(
		    handle_open(keys, HANDLE_SESSION, text_of(text_printf(&pool, "%s%s", text, longer[i])), &back));
	assert_false(handle_open(keys, HANDLE_SESSION, text_of(NULL), &back));
}

/* Every single bit of the bytes, encoded again: the MAC covers all of them. */
static void refuses_every_flipped_bit(void **state)
{
	(void)state;
	struct handle_keys *keys = keys_of(7, 0x11);
	char *text = handle_mint(&pool, keys, HANDLE_CODE, &sample);
	uint8_t raw[53];
	struct handle back;
	assert_true(base64url_decode_exact(text_of(text + 4), raw, sizeof(raw)));
	for (size_t bit = 0; bit < sizeof(raw) * 8; bit++) {
		raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
		char *forged = text_printf(&pool, "spc_%s", base64url_encode(&pool, raw, 53).base);
		assert_false(handle_open(keys, HANDLE_CODE, text_of(forged), &back));
		raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static char *write_file(const char *text, mode_t mode)
{
	char *path =
	    text_printf(&pool, "%s/sallyport-handle-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static struct handle_keys *load(const char *text, mode_t mode, const char **error)
{
	char *path = write_file(text, mode);
	*error = NULL;
	struct handle_keys *keys = handle_keys_load(&pool, path, error);
	unlink(path);
	assert_true((keys == NULL) == (*error != NULL));
	return keys;
}

#define SECRET_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SECRET_B "__________________________________________8"

static void loads_and_rotates(void **state)
{
	(void)state;
	const char *error;
	struct handle_keys *old = load("# secrets\n\n1 " SECRET_A "\r\n", 0600, &error);
	assert_non_null(old);
	struct handle_keys *both = load("200 \t " SECRET_B " \n 1 " SECRET_A, 0640, &error);
	assert_non_null(both);
	struct handle back;
	char *text = handle_mint(&pool, old, HANDLE_REFRESH, &sample);
	assert_true(handle_open(both, HANDLE_REFRESH, text_of(text), &back));
	text = handle_mint(&pool, both, HANDLE_REFRESH, &sample);
	assert_true(handle_open(both, HANDLE_REFRESH, text_of(text), &back));
	assert_false(handle_open(old, HANDLE_REFRESH, text_of(text), &back));

	uint8_t a[32], b[32];
	int id = -5;
	assert_true(handle_keys_derive(both, -1, "signing-keys", a, &id));
	assert_int_equal(id, 200);
	assert_true(handle_keys_derive(both, 1, "signing-keys", b, NULL));
	assert_memory_not_equal(a, b, 32);
	assert_true(handle_keys_derive(old, -1, "signing-keys", a, NULL));
	assert_memory_equal(a, b, 32);
	assert_false(handle_keys_derive(both, 2, "signing-keys", a, &id));
}

static void refuses_bad_files(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "",
	    "\n# nothing\n",
	    "x " SECRET_A,
	    "256 " SECRET_A,
	    "-1 " SECRET_A,
	    "01 " SECRET_A,
	    "1",
	    "1 ",
	    "1 " SECRET_A "=",
	    "1 " SECRET_A "A",
	    "1 AAAA",
	    "1 " SECRET_A " more",
	    "1 " SECRET_A "\n1 " SECRET_B,
	    "1\n" SECRET_A,
	    SECRET_A,
	    "1 __________________________________________9",
	    "1 " SECRET_A "\n2 " SECRET_A "\n3 " SECRET_A "\n4 " SECRET_A "\n5 " SECRET_A "\n6 " SECRET_A
	    "\n7 " SECRET_A "\n8 " SECRET_A "\n9 " SECRET_A "\n",
	};
	const char *error;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(load(bad[i], 0600, &error));
		assert_null(strstr(error, "AAAA")); /* a complaint repeats no secret */
	}
	static const mode_t open_modes[] = {0604, 0644, 0602, 0601, 0606};
	for (size_t i = 0; i < sizeof(open_modes) / sizeof(open_modes[0]); i++) {
		assert_null(load("1 " SECRET_A, open_modes[i], &error));
		assert_non_null(strstr(error, "chmod"));
	}
	assert_null(handle_keys_load(&pool, "/nonexistent/secrets", &error));
	assert_null(handle_keys_load(&pool, "/dev/null", &error));
	assert_null(handle_keys_load(&pool, "/", &error));
	struct text_buffer large = {.pool = &pool};
	while (large.len < KEYS_FILE_MAX)
		text_append_str(&large, "# a comment that fills the file\n");
	assert_null(load(large.base, 0600, &error));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opens_its_own),
	    cmocka_unit_test(keeps_its_form),
	    cmocka_unit_test(refuses_other_types_and_keys),
	    cmocka_unit_test(refuses_every_change),
	    cmocka_unit_test(refuses_every_flipped_bit),
	    cmocka_unit_test(loads_and_rotates),
	    cmocka_unit_test(refuses_bad_files),
	};
	h2o_mem_init_pool(&pool);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	h2o_mem_clear_pool(&pool);
	return failed;
}
