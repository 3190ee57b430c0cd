/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_pointer.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* RFC 6901, 5 */
static const char DOCUMENT[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
			       "\"k\\\"l\":6,\" \":7,\"m~n\":8,\"~1\":9,\"deep\":{\"er\":[{\"x\":null}]}}";

static h2o_mem_pool_t pool;
static json_t *document;

static int begin(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	document = json_read(&pool, text_of(DOCUMENT), NULL);
	return document == NULL;
}

static int end(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static void the_places_of_the_rfc_are_found(void **state)
{
	static const struct {
		const char *pointer;
		json_int_t value;
	} PLACES[] = {
	    {"/", 0},     {"/a~1b", 1}, {"/c%d", 2}, {"/e^f", 3},  {"/g|h", 4},
	    {"/i\\j", 5}, {"/k\"l", 6}, {"/ ", 7},   {"/m~0n", 8}, {"/~01", 9},
	};

	(void)state;
	assert_ptr_equal(json_pointer_find(document, text_of("")), document);
	assert_int_equal(json_array_size(json_pointer_find(document, text_of("/foo"))), 2);
	assert_string_equal(json_string_value(json_pointer_find(document, text_of("/foo/0"))), "bar");
	for (size_t i = 0; i < sizeof(PLACES) / sizeof(PLACES[0]); i++) {
		assert_null(json_pointer_problem(text_of(PLACES[i].pointer)));
		assert_int_equal(json_integer_value(json_pointer_find(document, text_of(PLACES[i].pointer))),
		                 PLACES[i].value);
	}
	assert_true(json_is_null(json_pointer_find(document, text_of("/deep/er/0/x"))));
}

static void what_is_not_there_is_not_found(void **state)
{
	static const char *const NOWHERE[] = {"/fo",
	                                      "/foo/2",
	                                      "/foo/-",
	                                      "/foo/00",
	                                      "/foo/01",
	                                      "/foo/+1",
	                                      "/foo/-1",
	                                      "/foo/1e0",
	                                      "/foo/ 1",
	                                      "/foo/0/x",
	                                      "/foo/x",
	                                      "//",
	                                      "/deep/er/18446744073709551616",
	                                      "/foo/0/0",
	                                      "/a/b",
	                                      "/~1"};

	(void)state;
	for (size_t i = 0; i < sizeof(NOWHERE) / sizeof(NOWHERE[0]); i++)
		assert_null(json_pointer_find(document, text_of(NOWHERE[i])));
	assert_null(json_pointer_find(NULL, text_of("/x")));
}

static void the_first_name_is_told(void **state)
{
	(void)state;
	assert_null(json_pointer_first(&pool, text_of("")));
	assert_string_equal(json_pointer_first(&pool, text_of("/")), "");
	assert_string_equal(json_pointer_first(&pool, text_of("/repos")), "repos");
	assert_string_equal(json_pointer_first(&pool, text_of("/a~1b~0/0")), "a/b~");
}

static void what_is_no_pointer_is_refused(void **state)
{
	char *longest = h2o_mem_alloc_pool(&pool, JSON_POINTER_MAX + 1);

	(void)state;
	assert_non_null(json_pointer_problem(text_of("foo")));
	assert_non_null(json_pointer_problem(text_of("/a~")));
	assert_non_null(json_pointer_problem(text_of("/a~2")));
	assert_non_null(json_pointer_problem(text_of("/\xff")));
	memset(longest, '/', JSON_POINTER_MAX + 1);
	assert_null(json_pointer_problem(h2o_iovec_init(longest, JSON_POINTER_MAX)));
	assert_non_null(json_pointer_problem(h2o_iovec_init(longest, JSON_POINTER_MAX + 1)));
	assert_null(json_pointer_find(document, h2o_iovec_init(longest, JSON_POINTER_MAX + 1)));
	memset(longest + 1, 'x', JSON_POINTER_MAX - 1);
	assert_null(json_pointer_find(document, h2o_iovec_init(longest, JSON_POINTER_MAX)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_places_of_the_rfc_are_found),
	    cmocka_unit_test(what_is_not_there_is_not_found),
	    cmocka_unit_test(the_first_name_is_told),
	    cmocka_unit_test(what_is_no_pointer_is_refused),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
