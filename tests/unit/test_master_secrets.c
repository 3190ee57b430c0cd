/* SPDX-License-Identifier: Apache-2.0 */
#include "common/master_secrets.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char ONE[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		  TWO[] = "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static bool has(const struct handle_keys *keys, int id)
{
	uint8_t key[32];

	return keys != NULL && handle_keys_derive(keys, id, "test", key, NULL);
}

static void a_variable_is_read_once_and_wiped(void **state)
{
	struct master_secrets_place place = {.variable = "SALLYPORT_TEST_SECRETS"};
	const char *error = NULL;
	char text[200];
	h2o_mem_pool_t pool;

	(void)state;
	h2o_mem_init_pool(&pool);
	assert_null(master_secrets_load(&pool, &place, &error));
	assert_non_null(strstr(error, "SALLYPORT_TEST_SECRETS is not set"));
	snprintf(text, sizeof(text), "5 %s,\n 6 %s", ONE, TWO);
	setenv(place.variable, text, 1);
	const char *value = getenv(place.variable);
	const struct handle_keys *keys = master_secrets_load(&pool, &place, &error);
	assert_true(has(keys, 5) && has(keys, 6) && !has(keys, 7));
	assert_null(getenv(place.variable));
	for (size_t i = 0; i < strlen(text); i++)
		assert_int_equal(value[i], 0);
	setenv(place.variable, "5 short", 1);
	assert_null(master_secrets_load(&pool, &place, &error));
	assert_non_null(strstr(error, "SALLYPORT_TEST_SECRETS:1: "));
	assert_null(getenv(place.variable)); /* what is wrong may still be a secret */
	setenv(place.variable, "", 1);
	assert_null(master_secrets_load(&pool, &place, &error));
	h2o_mem_clear_pool(&pool);
}

static void a_credential_is_a_file_of_the_service_manager(void **state)
{
	struct master_secrets_place place = {.credential = "sallyport"};
	char folder[] = "/tmp/spsec-XXXXXX", file[64];
	const char *error = NULL;
	h2o_mem_pool_t pool;

	(void)state;
	h2o_mem_init_pool(&pool);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_null(master_secrets_load(&pool, &place, &error));
	assert_non_null(strstr(error, "CREDENTIALS_DIRECTORY is not set"));
	assert_non_null(mkdtemp(folder));
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	assert_null(master_secrets_load(&pool, &place, &error));
	snprintf(file, sizeof(file), "%s/sallyport", folder);
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	fprintf(f, "9 %s\n", ONE);
	fclose(f);
	chmod(file, 0400);
	assert_true(has(master_secrets_load(&pool, &place, &error), 9));
	place = (struct master_secrets_place){.file = file};
	assert_true(has(master_secrets_load(&pool, &place, &error), 9));
	unlink(file);
	rmdir(folder);
	h2o_mem_clear_pool(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_variable_is_read_once_and_wiped),
	    cmocka_unit_test(a_credential_is_a_file_of_the_service_manager),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
