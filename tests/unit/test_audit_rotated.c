/* SPDX-License-Identifier: Apache-2.0 */
/* Logs follow each other by when they were begun, whenever they were written to last. */
#include "common/audit_rotated.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/time.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;
static char folder[] = "/tmp/sallyport-rotated-XXXXXX";
static const char *log_path;

/* `begun`: seconds in the first line; `written`: when the file was written to last. */
static const char *make(const char *suffix, int begun, time_t written)
{
	const char *path = text_printf(&pool, "%s%s", log_path, suffix);
	const struct timeval times[] = {{written, 0}, {written, 0}};
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	if (begun >= 0)
		fprintf(f, "{\"time\":\"2026-11-21T09:30:%02d.000Z\",\"program\":\"mcp\"}\n", begun);
	fclose(f);
	assert_int_equal(utimes(path, times), 0);
	return path;
}

static void assert_is(int fd, const char *path)
{
	struct stat a, b;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(stat(path, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
}

static void follow_each_other_by_their_beginning(void **state)
{
	const char *second = make(".1", 20, 2000), *first = make(".2", 10, 3000), *log = make("", 30, 1000);
	const char *others[] = {make(".delivered", 1, 1), make(".3.gz", 2, 2), make(".empty", -1, 3)};
	(void)state;

	int oldest = audit_rotated_next(log_path, -1);
	assert_is(oldest, first);
	int middle = audit_rotated_next(log_path, oldest);
	assert_is(middle, second);
	int newest = audit_rotated_next(log_path, middle);
	assert_is(newest, log);
	assert_int_equal(audit_rotated_next(log_path, newest), -1);
	close(oldest), close(middle), close(newest);

	const char *const *all = audit_rotated_list(&pool, log_path, 1 << 20);
	assert_string_equal(all[0], first);
	assert_string_equal(all[1], second);
	assert_null(all[2]);
	all = audit_rotated_list(&pool, log_path, 1); /* the newest of them, however long */
	assert_string_equal(all[0], second);
	assert_null(all[1]);
	const char *const files[] = {first, second, log, others[0], others[1], others[2]};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	assert_null(audit_rotated_list(&pool, log_path, 1)[0]);
}

static void finds_one_by_its_inode(void **state)
{
	const char *old = make(".1", 10, 1000), *log = make("", 20, 2000);
	struct stat st;
	(void)state;

	assert_int_equal(stat(old, &st), 0);
	int fd = audit_rotated_open(log_path, st.st_ino);
	assert_is(fd, old);
	close(fd);
	unlink(old);
	assert_int_equal(audit_rotated_open(log_path, st.st_ino), -1);
	unlink(log);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(follow_each_other_by_their_beginning),
	    cmocka_unit_test(finds_one_by_its_inode),
	};
	h2o_mem_init_pool(&pool);
	if (mkdtemp(folder) == NULL)
		return 1;
	log_path = text_printf(&pool, "%s/audit[1].log", folder);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	h2o_mem_clear_pool(&pool);
	return failed;
}
