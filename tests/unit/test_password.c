/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/password.c"

#include <setjmp.h>
#include <cmocka.h>

static const struct password_cost CHEAP = {.memory_kib = 64, .passes = 1};

static void test_a_hash_opens_for_its_password_only(void **state)
{
	char hash[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE];

	(void)state;
	assert_true(password_hash(text_of("correct horse"), &CHEAP, hash));
	assert_true(strncmp(hash, "$argon2id$v=19$m=64,t=1,p=1$", 28) == 0);
	assert_true(password_verify(text_of("correct horse"), hash, &CHEAP));
	assert_false(password_verify(text_of("correct horse "), hash, &CHEAP));
	assert_false(password_verify(text_of("Correct horse"), hash, &CHEAP));
	assert_true(password_hash(text_of("correct horse"), &CHEAP, again));
	assert_string_not_equal(hash, again); /* a fresh salt */
}

static void test_owasp_parameters_fit(void **state)
{
	struct password_cost owasp = {.memory_kib = 19456, .passes = 2};
	struct password_cost large = {.memory_kib = MEMORY_KIB_MAX, .passes = PASSES_MAX};
	char hash[PASSWORD_HASH_SIZE];

	(void)state;
	assert_true(password_hash(text_of("p"), &owasp, hash));
	assert_true(password_verify(text_of("p"), hash, &CHEAP)); /* by its own parameters, not by today's */
	assert_true(argon2_encodedlen(large.passes, large.memory_kib, LANES_MAX, SALT_SIZE, DIGEST_SIZE, Argon2_id) <
	            PASSWORD_HASH_SIZE);
}

static void test_length_nul_and_utf8(void **state)
{
	char long_one[PASSWORD_SIZE_MAX + 1], hash[PASSWORD_HASH_SIZE], other[PASSWORD_SIZE_MAX];

	(void)state;
	memset(long_one, 'a', sizeof(long_one));
	assert_false(password_acceptable(h2o_iovec_init("", 0)));
	assert_true(password_acceptable(h2o_iovec_init(long_one, PASSWORD_SIZE_MAX)));
	assert_false(password_acceptable(h2o_iovec_init(long_one, PASSWORD_SIZE_MAX + 1)));
	assert_false(password_acceptable(h2o_iovec_init("a\0b", 3)));
	assert_false(password_acceptable(h2o_iovec_init("\xff", 1)));
	assert_true(password_acceptable(text_of("Gr\xc3\xbc\xc3\x9f")));
	assert_false(password_hash(h2o_iovec_init("a\0b", 3), &CHEAP, hash));
	/* Every byte counts, to the last one. */
	assert_true(password_hash(h2o_iovec_init(long_one, PASSWORD_SIZE_MAX), &CHEAP, hash));
	memcpy(other, long_one, sizeof(other));
	other[PASSWORD_SIZE_MAX - 1] = 'b';
	assert_true(password_verify(h2o_iovec_init(long_one, PASSWORD_SIZE_MAX), hash, &CHEAP));
	assert_false(password_verify(h2o_iovec_init(other, PASSWORD_SIZE_MAX), hash, &CHEAP));
	assert_false(password_verify(h2o_iovec_init(long_one, 72), hash, &CHEAP));
}

static void test_nobody_has_no_password(void **state)
{
	(void)state;
	assert_false(password_verify(text_of("x"), NULL, &CHEAP));
	assert_false(password_verify(h2o_iovec_init("", 0), NULL, &CHEAP));
}

static void test_a_hash_from_the_database_is_bounded(void **state)
{
	static const char *const REFUSED[] = {
	    "",
	    "x",
	    "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
	    "$argon2id$v=16$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
	    "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
	    "$argon2id$v=19$m=64,t=999999,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
	    "$argon2id$v=19$m=4096,t=1,p=64$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
	    "$argon2id$v=19$m=64,t=1,p=1",
	    "$argon2id$v=19$m=64,t=1,p=1$",
	    "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$!!",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
		assert_false(password_verify(text_of("x"), REFUSED[i], &CHEAP));
}

static void test_rehash_when_parameters_change(void **state)
{
	char hash[PASSWORD_HASH_SIZE];

	(void)state;
	assert_true(password_hash(text_of("x"), &CHEAP, hash));
	assert_false(password_needs_rehash(hash, &CHEAP));
	assert_true(password_needs_rehash(hash, &(struct password_cost){.memory_kib = 128, .passes = 1}));
	assert_true(password_needs_rehash(hash, &(struct password_cost){.memory_kib = 64, .passes = 2}));
	assert_true(password_needs_rehash("$argon2id$v=19$m=64,t=1,p=2$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", &CHEAP));
	assert_true(password_needs_rehash("x", &CHEAP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_hash_opens_for_its_password_only),
	    cmocka_unit_test(test_owasp_parameters_fit),
	    cmocka_unit_test(test_length_nul_and_utf8),
	    cmocka_unit_test(test_nobody_has_no_password),
	    cmocka_unit_test(test_a_hash_from_the_database_is_bounded),
	    cmocka_unit_test(test_rehash_when_parameters_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
