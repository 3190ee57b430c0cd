/* SPDX-License-Identifier: Apache-2.0 */
#include "common/audit.c"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;
static char folder[] = "/tmp/sallyport-audit-XXXXXX";
static char *path;

static h2o_iovec_t contents(void)
{
	static char text[1 << 16];
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	return h2o_iovec_init(text, len);
}

static struct audit *open_fresh(void)
{
	unlink(path);
	struct audit *audit = audit_open("mcp", path, NULL);
	assert_non_null(audit);
	return audit;
}

static mode_t mode_of(const char *file)
{
	struct stat st;
	assert_int_equal(stat(file, &st), 0);
	return st.st_mode & 07777;
}

static void writes_records(void **state)
{
	(void)state;
	struct audit *audit = open_fresh();
	clock_freeze(1795253400);
	assert_true(
	    audit_write(audit, json_pack("{s:s, s:i, s:[s]}", "event", "tools/call", "ms", 3, "x", "a\nb"), false));
	assert_true(audit_write(audit, json_object(), true));
	struct audit_line line;
	char *second = strchr(contents().base, '\n') + 1, *third = strchr(second, '\n') + 1;
	assert_true(audit_line_read(h2o_iovec_init(second, (size_t)(third - 1 - second)), &line));
	assert_true(text_is(line.time, "2026-11-21T09:30:00.000Z") && text_is(line.program, "mcp") && line.seq == 2);
	assert_true(text_is(line.members, "\"event\":\"tools/call\",\"ms\":3,\"x\":[\"a\\nb\"]"));
	char digest[AUDIT_DIGEST_SIZE];
	audit_digest(line.text, digest);
	assert_true(audit_line_read(h2o_iovec_init(third, strlen(third) - 1), &line));
	assert_true(text_is(line.prev, digest) && line.members.len == 0);
	clock_freeze(0);
	json_t *record = json_pack("{s:s}", "event", "x");
	json_incref(record);
	assert_true(audit_write(audit, record, true));
	assert_int_equal(record->refcount, 1); /* ours */
	json_decref(record);
	audit_close(audit);
	audit_close(NULL);
}

static void appends(void **state)
{
	(void)state;
	audit_close(open_fresh());
	for (int i = 0; i < 3; i++) {
		struct audit *audit = audit_open("mcp", path, NULL);
		assert_true(audit_write(audit, json_pack("{s:i}", "n", i), false));
		audit_close(audit);
	}
	h2o_iovec_t text = contents();
	int lines = 0;
	for (size_t i = 0; i < text.len; i++)
		lines += text.base[i] == '\n';
	assert_int_equal(lines, 2 + 3 * 3); /* each chain has a start and an end */
}

static void has_a_private_mode(void **state)
{
	(void)state;
	mode_t old = umask(0);
	audit_close(open_fresh());
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(chmod(path, 0640), 0); /* the operator's choice stays */
	audit_close(audit_open("mcp", path, NULL));
	assert_int_equal(mode_of(path), 0640);
	umask(077);
	if (geteuid() == 0) {
		assert_int_equal(chown(folder, (uid_t)-1, 12345), 0);
		assert_int_equal(chmod(folder, 02700), 0);
		audit_close(open_fresh());
		assert_int_equal(mode_of(path), 0640);
		assert_int_equal(chown(folder, (uid_t)-1, getegid()), 0);
		assert_int_equal(chmod(folder, 0700), 0);
	}
	umask(old);
	assert_null(audit_open("mcp", "/nonexistent/audit", NULL));
	assert_int_equal(errno, ENOENT);
}

static void reopens(void **state)
{
	(void)state;
	struct audit *audit = open_fresh();
	char *old = text_printf(&pool, "%s.1", path);
	assert_true(audit_write(audit, json_pack("{s:i}", "n", 1), false));
	assert_int_equal(rename(path, old), 0);
	audit_reopen(audit);
	assert_true(audit_write(audit, json_pack("{s:i}", "n", 2), false));
	assert_null(strstr(contents().base, "\"n\":1"));
	assert_non_null(strstr(contents().base, "\"n\":2"));
	unlink(old);
	/* Where the path cannot be opened, the open file goes on. */
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
	audit_reopen(audit);
	assert_true(audit_write(audit, json_pack("{s:i}", "n", 3), false));
	assert_int_equal(mkdir(folder, 0700), 0);
	audit_close(audit);
}

static void refuses_what_is_no_object(void **state)
{
	(void)state;
	struct audit *audit = open_fresh();
	assert_false(audit_write(audit, NULL, false));
	assert_int_equal(errno, EINVAL);
	assert_false(audit_write(audit, json_array(), false));
	assert_null(strchr(strchr(contents().base, '\n') + 1, '\n'));
	audit_close(audit);
}

/* A full disk: false, and the next line that fits is whole again. */
static void says_when_it_fails(void **state)
{
	(void)state;
	struct audit *audit = audit_open("mcp", "/dev/full", NULL);
	assert_non_null(audit);
	assert_false(audit_write(audit, json_object(), false));
	assert_int_equal(errno, ENOSPC);
	audit_close(audit);

	struct rlimit before, small;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	audit = open_fresh();
	assert_true(audit_write(audit, json_pack("{s:i}", "n", 1), false));
	small = before;
	small.rlim_cur = contents().len + 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	bool written = audit_write(audit, json_pack("{s:i}", "n", 2), false);
	int reason = errno;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_false(written);
	assert_int_equal(reason, EFBIG);
	assert_int_equal(audit->torn.count, 1);
	assert_false(audit_is_well(audit));
	assert_true(audit_write(audit, json_pack("{s:i}", "n", 3), false));
	assert_int_equal(audit->torn.count, 0);
	assert_true(audit_is_well(audit));
	assert_non_null(strstr(contents().base, "\"lost\":1,\"n\":3"));
	const char *last = strrchr(strstr(contents().base, "\"n\":3"), '}');
	assert_string_equal(last, "}\n");
	h2o_iovec_t text = contents();
	char *first = strchr(text.base, '\n') + 1;
	char *second = strchr(first, '\n') + 1, *third = strchr(second, '\n') + 1;
	assert_int_equal(third - second, 11); /* what was torn, on a line of its own */
	assert_non_null(json_read(&pool, h2o_iovec_init(third, strlen(third)), NULL));
	audit_close(audit);
}

/* What is lost are records, not what the log tries by itself. */
static void tries_again_by_itself(void **state)
{
	struct rlimit before, small;
	(void)state;

	struct audit *audit = open_fresh();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	small = before;
	small.rlim_cur = contents().len;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	bool written = audit_write(audit, json_object(), false) || audit_write(audit, json_object(), false);
	for (int i = 0; i < 3; i++)
		audit_tick(audit);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_false(written || audit_is_well(audit));
	audit_tick(audit);
	assert_true(audit_is_well(audit));
	assert_non_null(strstr(contents().base, "\"lost\":2,\"event\":\"checkpoint\""));
	audit_close(audit);
}

static void writes_to_a_device(void **state)
{
	(void)state;
	struct audit *audit = audit_open("mcp", "/dev/null", NULL);
	assert_non_null(audit);
	assert_true(audit_write(audit, json_object(), true));
	audit_close(audit);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_records),
	    cmocka_unit_test(appends),
	    cmocka_unit_test(has_a_private_mode),
	    cmocka_unit_test(reopens),
	    cmocka_unit_test(refuses_what_is_no_object),
	    cmocka_unit_test(says_when_it_fails),
	    cmocka_unit_test(tries_again_by_itself),
	    cmocka_unit_test(writes_to_a_device),
	};
	h2o_mem_init_pool(&pool);
	if (mkdtemp(folder) == NULL)
		return 1;
	path = text_printf(&pool, "%s/audit", folder);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(folder);
	h2o_mem_clear_pool(&pool);
	return failed;
}
