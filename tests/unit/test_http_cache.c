/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_cache.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Lines with "\n" between them. */
static struct http_cache read_lines(const char *lines)
{
	struct http_cache c = {0};

	while (*lines != '\0') {
		size_t len = strcspn(lines, "\n");

		http_cache_read(&c, h2o_iovec_init(lines, len));
		lines += len + (lines[len] == '\n');
	}
	return c;
}

static int64_t lifetime(const char *lines)
{
	struct http_cache c = read_lines(lines);

	return http_cache_lifetime(&c);
}

static void lifetimes_are_read(void **state)
{
	(void)state;
	assert_int_equal(lifetime(""), -1);
	assert_int_equal(lifetime("HTTP/1.1 200 OK\nContent-Type: text/plain"), -1);
	assert_int_equal(lifetime("Cache-Control: max-age=600"), 600);
	assert_int_equal(lifetime("cache-control:MAX-AGE=600\r"), 600);
	assert_int_equal(lifetime("Cache-Control: public, max-age=\"60\" , must-revalidate"), 60);
	assert_int_equal(lifetime("Cache-Control: public\nCache-Control: max-age=5"), 5);
	assert_int_equal(lifetime("Cache-Control: max-age=600\nAge: 100"), 500);
	assert_int_equal(lifetime("Cache-Control: max-age=600\nAge: 700"), 0);
	assert_int_equal(lifetime("Cache-Control: max-age=0"), 0);
	assert_int_equal(lifetime("Cache-Control: max-age=600, no-store"), 0);
	assert_int_equal(lifetime("Cache-Control: no-cache\nCache-Control: max-age=600"), 0);
	assert_int_equal(lifetime("Cache-Control: private=\"x\", no-cache=\"set-cookie\""), 0);
	assert_int_equal(lifetime("Cache-Control: s-maxage=9"), -1);
	assert_int_equal(lifetime("Cache-Control: max-age=99999999999999999999999999"), HTTP_LIFETIME_MAX);
	assert_int_equal(lifetime("Cache-Control: max-age=-1"), 0);
	assert_int_equal(lifetime("Cache-Control: max-age=1.5"), 0);
	assert_int_equal(lifetime("Cache-Control: max-age"), 0);
	assert_int_equal(lifetime("Cache-Control: max-age=5, max-age=6"), 0);
	assert_int_equal(lifetime("Cache-Control: max-age=5, max-age=5"), 5);
	assert_int_equal(lifetime("X-Cache-Control: max-age=5"), -1);
	assert_int_equal(lifetime("Cache-Control max-age=5"), -1);
}

static void expires_counts_without_max_age(void **state)
{
	static const char DATE[] = "Date: Sat, 21 Nov 2026 10:00:00 GMT\n";
	char lines[256];

	(void)state;
	snprintf(lines, sizeof(lines), "%sExpires: Sat, 21 Nov 2026 10:05:00 GMT", DATE);
	assert_int_equal(lifetime(lines), 300);
	snprintf(lines, sizeof(lines), "%sExpires: Sat, 21 Nov 2026 10:05:00 GMT\nCache-Control: max-age=7", DATE);
	assert_int_equal(lifetime(lines), 7);
	snprintf(lines, sizeof(lines), "%sExpires: Sat, 21 Nov 2026 09:05:00 GMT", DATE);
	assert_int_equal(lifetime(lines), 0);
	snprintf(lines, sizeof(lines), "%sExpires: 0", DATE);
	assert_int_equal(lifetime(lines), 0);
	assert_int_equal(lifetime("Expires: Sat, 21 Nov 2026 10:05:00 GMT"), 0);
	snprintf(lines, sizeof(lines), "%sExpires: Sat, 21 Nov 9999 10:05:00 GMT", DATE);
	assert_int_equal(lifetime(lines), HTTP_LIFETIME_MAX);
}

static void validators_are_kept_as_they_came(void **state)
{
	static const char *const ETAGS[] = {"\"\"", "\"a\"", "W/\"a-1\"", "\"a,b:c\""};
	static const char *const OTHERS[] = {"a",       "\"a",     "a\"",          "\"", "\"a\"b\"",
	                                     "\"a b\"", "w/\"a\"", "\"\xc3\xa4\"", "W/", ""};
	struct http_cache c;
	char line[HTTP_ETAG_MAX + 64];

	(void)state;
	for (size_t i = 0; i < sizeof(ETAGS) / sizeof(ETAGS[0]); i++) {
		snprintf(line, sizeof(line), "ETag: %s \r", ETAGS[i]);
		c = read_lines(line);
		assert_string_equal(c.etag, ETAGS[i]);
	}
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
		snprintf(line, sizeof(line), "ETag: %s", OTHERS[i]);
		c = read_lines(line);
		assert_string_equal(c.etag, "");
	}
	memset(line, 'x', sizeof(line));
	memcpy(line, "ETag: \"", 7);
	line[6 + HTTP_ETAG_MAX] = '"';
	http_cache_read(&c, h2o_iovec_init(line, 7 + HTTP_ETAG_MAX));
	assert_string_equal(c.etag, "");
	line[5 + HTTP_ETAG_MAX] = '"';
	http_cache_read(&c, h2o_iovec_init(line, 6 + HTTP_ETAG_MAX));
	assert_int_equal(strlen(c.etag), HTTP_ETAG_MAX);
	c = read_lines("Last-Modified: Sat, 21 Nov 2026 10:00:00 GMT");
	assert_string_equal(c.last_modified, "Sat, 21 Nov 2026 10:00:00 GMT");
	c = read_lines("Last-Modified: Sat, 21\240Nov 2026 10:00:00 GMT");
	assert_string_equal(c.last_modified, "");
	c = read_lines("Last-Modified: yesterday");
	assert_string_equal(c.last_modified, "");
	c = read_lines("Last-Modified: Sat, 21 Nov 2026 10:00:00\r\nX");
	assert_string_equal(c.last_modified, "");
}

static void an_interim_answer_says_nothing(void **state)
{
	struct http_cache c =
	    read_lines("HTTP/1.1 103 Early Hints\nETag: \"a\"\nCache-Control: max-age=5\n\nHTTP/1.1 200 OK");

	(void)state;
	assert_string_equal(c.etag, "");
	assert_int_equal(http_cache_lifetime(&c), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lifetimes_are_read),
	    cmocka_unit_test(expires_counts_without_max_age),
	    cmocka_unit_test(validators_are_kept_as_they_came),
	    cmocka_unit_test(an_interim_answer_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
