/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/read_ahead.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { FILES = 700 };

static h2o_mem_pool_t pool;
static char folder[] = "/tmp/read_ahead_XXXXXX";
static const char *files[FILES];
static const struct schema *schema;

static int make_files(void **state)
{
	const char *error;

	(void)state;
	h2o_mem_init_pool(&pool);
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < FILES; i++) {
		files[i] = text_printf(&pool, "%s/%zu.yaml", folder, i);
		FILE *file = fopen(files[i], "w");
		assert_non_null(file);
		fprintf(file, "number: %zu\n%s", i, i == 600 ? "wrong" : "half: 0.5\n");
		fclose(file);
	}
	json_t *object = json_keep(&pool, json_pack("{s:s}", "type", "object"));
	schema = schema_compile(&pool, object, NULL, &error);
	return schema == NULL;
}

static int remove_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < FILES; i++)
		remove(files[i]);
	remove(folder);
	h2o_mem_clear_pool(&pool);
	return 0;
}

static void expect(struct read_ahead *ahead, size_t i)
{
	const char *error;
	const json_t *value = config_take(&pool, read_ahead_next(ahead), schema, &error);

	if (i == 600) {
		assert_null(value);
		assert_true(text_starts(text_of(error), files[600]));
		return;
	}
	assert_null(error);
	assert_int_equal(json_integer_value(json_object_get(value, "number")), i);
	assert_true(json_real_value(json_object_get(value, "half")) == 0.5);
}

static void test_files_come_in_their_order(void **state)
{
	struct read_ahead *ahead = read_ahead_open(files, FILES);

	(void)state;
	for (size_t i = 0; i < FILES; i++)
		expect(ahead, i);
	read_ahead_close(ahead);
}

static void test_few_files_need_no_thread(void **state)
{
	struct read_ahead *ahead = read_ahead_open(files, ALONE_MAX);

	(void)state;
	assert_int_equal(ahead->thread_count, 0);
	for (size_t i = 0; i < ALONE_MAX; i++)
		expect(ahead, i);
	read_ahead_close(ahead);
}

static void test_an_early_end(void **state)
{
	(void)state;
	for (size_t taken = 0; taken < 300; taken += 75) {
		struct read_ahead *ahead = read_ahead_open(files, FILES);
		for (size_t i = 0; i < taken; i++)
			expect(ahead, i);
		read_ahead_close(ahead);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files_come_in_their_order),
	    cmocka_unit_test(test_few_files_need_no_thread),
	    cmocka_unit_test(test_an_early_end),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
