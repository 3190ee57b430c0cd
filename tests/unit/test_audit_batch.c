/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as arrays in PostgreSQL's binary form. */
#include "common/audit_batch.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define CHAIN "00112233445566778899aabbccddeeff"
#define HEAD_TEXT                                                                                                      \
	"{\"time\":\"2026-11-21T09:30:00.123Z\",\"program\":\"mcp\",\"chain\":\"" CHAIN                                \
	"\",\"seq\":7,\"prev\":\"" ZEROS "\""

static h2o_mem_pool_t pool;
static struct audit_batch batch;

static uint32_t number_at(const struct text_buffer *b, size_t at)
{
	uint32_t number;

	assert_true(at + sizeof(number) <= b->len);
	memcpy(&number, b->base + at, sizeof(number));
	return ntohl(number);
}

/* The only element; {NULL, 0} is NULL. */
static h2o_iovec_t value_of(enum audit_column column)
{
	const struct text_buffer *b = &batch.columns[column];
	uint32_t len = number_at(b, HEAD);

	assert_int_equal(number_at(b, 0), 1);
	assert_int_equal(number_at(b, 12), 1); /* elements */
	assert_int_equal(b->len, HEAD + sizeof(len) + (len == UINT32_MAX ? 0 : len));
	return len == UINT32_MAX ? (h2o_iovec_t){NULL, 0} : h2o_iovec_init(b->base + HEAD + sizeof(len), len);
}

static void put(const char *line)
{
	audit_batch_begin(&batch);
	audit_batch_add(&batch, text_of(line));
	audit_batch_end(&batch);
}

static void takes_a_line_apart(void **state)
{
	static const char LINE[] =
	    HEAD_TEXT ",\"event\":\"tool_call\",\"arguments\":{\"tool\":\"not \\\"this\\\"\",\"x\":[1,{}]},"
		      "\"rows\":3,\"client_id\":\"c\",\"username\":\"\\u00e9 \\\"x\\\"\",\"tool\":\"say\"}";
	(void)state;

	put(LINE);
	assert_int_equal(batch.count, 1);
	assert_true(text_is(value_of(AUDIT_LINE), LINE));
	assert_true(text_is(value_of(AUDIT_PROGRAM), "mcp"));
	assert_memory_equal(value_of(AUDIT_CHAIN).base,
	                    "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
	assert_memory_equal(value_of(AUDIT_SEQ).base, "\0\0\0\0\0\0\0\x07", 8);
	assert_int_equal(value_of(AUDIT_PREV).len, 32);
	int64_t time;
	memcpy(&time, value_of(AUDIT_TIME).base, sizeof(time));
	assert_int_equal(be64toh((uint64_t)time), (1795253400LL - 946684800) * 1000000 + 123000);
	assert_true(text_is(value_of(AUDIT_EVENT), "tool_call") && text_is(value_of(AUDIT_ITEM), "say"));
	assert_true(text_is(value_of(AUDIT_CLIENT), "c") && text_is(value_of(AUDIT_USERNAME), "\xc3\xa9 \"x\""));
	assert_null(value_of(AUDIT_OUTCOME).base);
	assert_int_equal(number_at(&batch.columns[AUDIT_CHAIN], 8), 2950); /* uuid */
}

static void leaves_out_what_is_none(void **state)
{
	static const char *const NONE[] = {
	    "",
	    "{}",
	    "{\"time\":\"x\"}",
	    HEAD_TEXT,
	    HEAD_TEXT ",\"x\":\"\xff\"}",
	    "{\"time\":\"2026-11-21\",\"program\":\"mcp\",\"chain\":\"" CHAIN "\",\"seq\":7,\"prev\":\"" ZEROS "\"}",
	    "{\"time\":\"2026-99-21T09:30:00.123Z\",\"program\":\"mcp\",\"chain\":\"" CHAIN
	    "\",\"seq\":7,\"prev\":\"" ZEROS "\"}"};
	(void)state;

	for (size_t i = 0; i < sizeof(NONE) / sizeof(NONE[0]); i++) {
		put(NONE[i]);
		assert_int_equal(batch.count, 0);
	}
	/* members that end in the middle: the line is kept, what can be read of it is said */
	put(HEAD_TEXT ",\"event\":\"x\",\"tool\":\"sa}");
	assert_int_equal(batch.count, 1);
	assert_true(text_is(value_of(AUDIT_EVENT), "x"));
	assert_null(value_of(AUDIT_ITEM).base);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_a_line_apart),
	    cmocka_unit_test(leaves_out_what_is_none),
	};
	json_init();
	h2o_mem_init_pool(&pool);
	audit_batch_open(&batch, &pool);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	h2o_mem_clear_pool(&pool);
	return failed;
}
