/* SPDX-License-Identifier: Apache-2.0 */
#include "common/head_check.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *problem(const char *head)
{
	return head_problem(text_of(head), strstr(head, "HTTP/1.0") != NULL, NULL);
}

static void accepts_ordinary_heads(void **state)
{
	(void)state;
	assert_null(problem("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_null(problem("GET / HTTP/1.0\r\n\r\n"));
	assert_null(problem("POST / HTTP/1.1\r\nhost:a\r\ncontent-length: 3\r\n\r\nabc"));
	assert_null(problem("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \tChunked \r\n\r\n"));
	/* what follows the blank line is the body: no header */
	assert_null(problem("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nHost: b\n\n"));
	/* names that only begin alike */
	assert_null(problem("GET / HTTP/1.1\r\nHost: a\r\nHostile: b\r\nContent-Length-X: 1\r\n\r\n"));
}

static void refuses_heads_that_two_readers_could_read_differently(void **state)
{
	(void)state;
	static const char *const heads[] = {
	    "GET / HTTP/1.1\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nab",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
	    "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n",
	    "GET / HTTP/1.1\nHost: a\n\n",
	    "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\n",
	};
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (problem(heads[i]) == NULL)
			fail_msg("accepted: %s", heads[i]);
}

static void refuses_a_head_beyond_its_limit(void **state)
{
	(void)state;
	static char head[HEAD_SIZE_MAX + 100];
	memset(head, 'a', sizeof(head) - 1);
	memcpy(head, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 28);
	memcpy(head + sizeof(head) - 5, "\r\n\r\n", 4);
	assert_string_equal(problem(head), "the head is too large");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts_ordinary_heads),
	    cmocka_unit_test(refuses_heads_that_two_readers_could_read_differently),
	    cmocka_unit_test(refuses_a_head_beyond_its_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
