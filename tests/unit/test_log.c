/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.c"

#include <stdio.h>
#include <signal.h>
#include <sys/stat.h>

#include "common/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;
static char folder[] = "/tmp/sallyport-log-XXXXXX";
static char *path;

static h2o_iovec_t contents(void)
{
	static char text[1 << 20];
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	return h2o_iovec_init(text, len);
}

/* The n-th line from the end; each must be one strict JSON object. */
static json_t *line_from_end(int n)
{
	json_t *lines[5000];
	int count = 0;
	h2o_iovec_t text = contents();
	for (char *s = text.base, *end; *s != '\0'; s = end + 1) {
		end = strchr(s, '\n');
		assert_non_null(end);
		assert_true(count < 5000);
		lines[count] = json_read(&pool, h2o_iovec_init(s, (size_t)(end - s)), NULL);
		assert_true(json_is_object(lines[count]));
		count++;
	}
	assert_true(n <= count);
	return lines[count - n];
}

static int start(void **state)
{
	(void)state;
	unlink(path);
	assert_true(log_open("authz", path, LOG_INFO));
	return 0;
}

static void writes_lines(void **state)
{
	(void)state;
	clock_freeze(1795253400);
	log_event(LOG_INFO, "started", "port", "9400", "absent", NULL, "host", "h", NULL);
	assert_int_equal(contents().len, 0); /* buffered */
	log_flush();
	assert_string_equal(contents().base,
	                    "{\"time\":\"2026-11-21T09:30:00.000Z\",\"level\":\"info\",\"program\":\"authz\","
	                    "\"message\":\"started\",\"port\":\"9400\",\"host\":\"h\"}\n");
	clock_freeze(0);
	log_event(LOG_DEBUG, "nobody asked", NULL);
	errno = ENOENT;
	log_event(LOG_ERROR, "at once", NULL);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(json_get_text(line_from_end(1), "message").base, "at once");
	assert_string_equal(json_get_text(line_from_end(1), "level").base, "error");
	assert_int_equal(json_get_text(line_from_end(1), "time").len, 24);
	assert_string_equal(json_get_text(line_from_end(2), "message").base, "started");
}

static void cannot_be_broken_by_values(void **state)
{
	(void)state;
	log_event(LOG_WARNING, "odd", "a", "x\n{\"level\":\"error\"}\r\n", "b", "\"\\\x7f\x1b[31m", "c", "\xff\xfe",
	          "d", "\xe2\x80\xa8", "e", "", NULL);
	log_flush();
	json_t *line = line_from_end(1);
	assert_string_equal(json_get_text(line, "a").base, "x\n{\"level\":\"error\"}\r\n");
	assert_string_equal(json_get_text(line, "b").base, "\"\\\x7f\x1b[31m");
	assert_string_equal(json_get_text(line, "c").base, "\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(json_get_text(line, "d").base, "\xe2\x80\xa8");
	assert_string_equal(json_get_text(line, "e").base, "");
	h2o_iovec_t text = contents();
	for (size_t i = 0; i < text.len; i++)
		assert_true((unsigned char)text.base[i] >= 0x20 || i == text.len - 1);
}

static void cuts_long_values(void **state)
{
	(void)state;
	char long_text[5000];
	memset(long_text, 'x', sizeof(long_text));
	long_text[4999] = '\0';
	log_event(LOG_ERROR, "long", "v", long_text, NULL);
	assert_int_equal(json_get_text(line_from_end(1), "v").len, VALUE_SIZE_MAX);
	for (int at = VALUE_SIZE_MAX - 4; at <= VALUE_SIZE_MAX; at++) {
		memset(long_text, 'x', 4999);
		memcpy(long_text + at, "\xf0\x9f\x98\x80", 4);
		log_event(LOG_ERROR, "long", "v", long_text, NULL);
		h2o_iovec_t value = json_get_text(line_from_end(1), "v");
		assert_int_equal(value.len, at + 4 <= VALUE_SIZE_MAX ? VALUE_SIZE_MAX : at);
		assert_null(strstr(value.base, "\xef\xbf\xbd"));
	}
	/* A line that is larger than the whole buffer. */
	memset(long_text, 1, 4999);
	log_event(LOG_INFO, "before", NULL);
	log_event(LOG_INFO, "huge", "a", long_text, "b", long_text, "c", long_text, "d", long_text, "e", long_text, "f",
	          long_text, NULL);
	log_event(LOG_ERROR, "after", NULL);
	assert_string_equal(json_get_text(line_from_end(3), "message").base, "before");
	assert_int_equal(json_get_text(line_from_end(2), "f").len, VALUE_SIZE_MAX);
	assert_string_equal(json_get_text(line_from_end(1), "message").base, "after");
}

static void keeps_the_order_of_many(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++) {
		char number[12];
		snprintf(number, sizeof(number), "%d", i);
		log_event(LOG_INFO, "many", "n", number, NULL);
	}
	log_flush();
	assert_string_equal(json_get_text(line_from_end(1), "n").base, "2999");
	assert_string_equal(json_get_text(line_from_end(3000), "n").base, "0");
}

static void reopens(void **state)
{
	(void)state;
	char *old = text_printf(&pool, "%s.1", path);
	log_event(LOG_INFO, "old", NULL);
	assert_int_equal(rename(path, old), 0);
	log_reopen();
	log_event(LOG_ERROR, "new", NULL);
	assert_string_equal(json_get_text(line_from_end(1), "message").base, "new");
	assert_null(strstr(contents().base, "\"old\""));
	unlink(old);
	/* The folder is gone: it goes on in the file that is open. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	log_reopen();
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_false(log_open("authz", "/nonexistent/log", LOG_INFO));
	assert_int_equal(errno, ENOENT);
}

/* A reader that takes nothing loses lines but stops nobody for long. */
static void survives_a_stuck_reader(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	use_file(dup(ends[1]));
	char value[2000];
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (int i = 0; i < 100; i++)
		log_event(LOG_INFO, "much", "v", value, NULL);
	log_flush();
	close(ends[0]);
	log_event(LOG_INFO, "nobody reads", NULL);
	log_flush();
	close(ends[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(writes_lines, start),     cmocka_unit_test_setup(cannot_be_broken_by_values, start),
	    cmocka_unit_test_setup(cuts_long_values, start), cmocka_unit_test_setup(keeps_the_order_of_many, start),
	    cmocka_unit_test_setup(reopens, start),          cmocka_unit_test_setup(survives_a_stuck_reader, start),
	};
	signal(SIGPIPE, SIG_IGN);
	h2o_mem_init_pool(&pool);
	if (mkdtemp(folder) == NULL)
		return 1;
	path = text_printf(&pool, "%s/log", folder);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(folder);
	h2o_mem_clear_pool(&pool);
	return failed;
}
