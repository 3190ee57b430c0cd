/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/command/command_program.c"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static h2o_mem_pool_t pool;
static char folder[64];

static int set_up(void **state)
{
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	strcpy(folder, "/tmp/sallyport-program.XXXXXX");
	return mkdtemp(folder) == NULL || chmod(folder, 0755) != 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return rmdir(folder);
}

static const char *make(const char *name, mode_t mode)
{
	const char *path = text_printf(&pool, "%s/%s", folder, name);
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void has_problem(const char *path, const char *words)
{
	const char *problem = command_program_problem(&pool, path);

	assert_non_null(problem);
	assert_non_null(strstr(problem, words));
}

static void test_files(void **state)
{
	const char *path = make("p", 0755);

	(void)state;
	assert_null(command_program_problem(&pool, "/bin/true"));
	assert_null(command_program_problem(&pool, path));
	has_problem("/nonexistent", "No such file");
	has_problem(folder, "is no program");
	make("p", 0644);
	has_problem(path, "is no program");
	make("p", 0757);
	has_problem(path, "others could change it");
	make("p", 0775);
	has_problem(path, "others could change it");
	if (getuid() == 0) {
		make("p", 0755);
		assert_int_equal(chown(path, 65534, 65534), 0);
		has_problem(path, "others could change it");
	}
	unlink(path);
	path = make("p", 0755);
	assert_int_equal(chmod(folder, 0777), 0);
	has_problem(path, "others could replace what is in it");
	assert_int_equal(chmod(folder, 0755), 0);
	unlink(path);
}

/* A link in a folder of others leads where they like, wherever it leads now. */
static void test_links(void **state)
{
	const char *program = make("p", 0755), *open = text_printf(&pool, "%s/open", folder);
	const char *link = text_printf(&pool, "%s/link", open), *first = text_printf(&pool, "%s/first", folder);

	(void)state;
	assert_int_equal(mkdir(open, 0755), 0);
	assert_int_equal(symlink("../p", link), 0);
	assert_int_equal(symlink("open/link", first), 0);
	assert_null(command_program_problem(&pool, link));
	assert_null(command_program_problem(&pool, first));
	assert_int_equal(chmod(open, 0777), 0);
	has_problem(link, "/open: others could replace what is in it");
	has_problem(first, "/open: others could replace what is in it");
	assert_int_equal(chmod(open, 01777), 0);
	assert_null(command_program_problem(&pool, first));
	if (getuid() == 0) {
		assert_int_equal(lchown(link, 65534, 65534), 0);
		has_problem(first, "/link: others could change it");
	}
	/* a folder of the way is a link too */
	unlink(link);
	unlink(first);
	assert_int_equal(chmod(open, 0777), 0);
	assert_int_equal(symlink("..", link), 0);
	has_problem(text_printf(&pool, "%s/p", link), "/open: others could replace what is in it");
	assert_int_equal(chmod(open, 0755), 0);
	assert_null(command_program_problem(&pool, text_printf(&pool, "%s/p", link)));
	unlink(link);
	assert_int_equal(symlink("link", link), 0);
	has_problem(link, "Too many levels");
	unlink(link);
	rmdir(open);
	unlink(program);
}

static void test_interpreters(void **state)
{
	static const char *const NAMES[] = {"/bin/sh", "/usr/bin/python3.11", "/usr/bin/perl5.36.0", "/x/node",
	                                    "env",     "/usr/bin/lua5.4",     "/usr/bin/php8.2",     "/usr/bin/find"};

	(void)state;
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		assert_true(command_program_interprets(NAMES[i]));
	assert_false(command_program_interprets("/usr/bin/git"));
	assert_false(command_program_interprets("/usr/bin/shuf"));
	assert_false(command_program_interprets("/usr/bin/printf"));
	/* under another name */
	const char *link = text_printf(&pool, "%s/tool", folder);
	assert_int_equal(symlink("/bin/sh", link), 0);
	assert_true(interprets(link));
	unlink(link);
}

static const char *loaded(const char *part, const char *const *allowed, struct child_options *ret)
{
	static const struct child_limits LIMITS = {.cpu_s = 60, .memory = 1024, .files = 64};
	const struct mcp_settings settings = {.commands = {.allowed = allowed}};

	return command_program_load(&pool, &settings, json_read(&pool, text_of(part), NULL), "/command", &LIMITS, ret);
}

static void test_part(void **state)
{
	static const char *const ALLOWED[] = {"/bin/true", "/bin/sh", NULL};
	struct child_options options;

	(void)state;
	assert_non_null(strstr(loaded("{\"path\":\"/bin/true\"}", NULL, &options), "is not among commands.allowed"));
	assert_non_null(strstr(loaded("{\"path\":\"/bin/cat\"}", ALLOWED, &options), "is not among commands.allowed"));
	assert_non_null(
	    strstr(loaded("{\"path\":\"/bin/../bin/true\"}", ALLOWED, &options), "is not among commands.allowed"));
	assert_non_null(strstr(loaded("{\"path\":\"/bin/sh\"}", ALLOWED, &options), "say interpreter: true"));
	assert_null(loaded("{\"path\":\"/bin/sh\",\"interpreter\":true}", ALLOWED, &options));
	assert_non_null(
	    strstr(loaded("{\"path\":\"/bin/true\",\"folder\":\"/nowhere\"}", ALLOWED, &options), "/command/folder"));
	assert_null(loaded("{\"path\":\"/bin/true\",\"environment\":{\"A\":\"b=c\"},\"readable\":[\"/x\"],"
	                   "\"limits\":{\"cpu\":\"5s\",\"memory\":\"64MiB\",\"file_size\":\"1KiB\",\"files\":9}}",
	                   ALLOWED, &options));
	assert_string_equal(options.environment[0], "A=b=c");
	assert_null(options.environment[1]);
	assert_string_equal(options.readable[0], "/x");
	assert_false(options.network);
	assert_int_equal(options.limits.cpu_s, 5);
	assert_int_equal(options.limits.memory, 64 << 20);
	assert_int_equal(options.limits.file_size, 1024);
	assert_int_equal(options.limits.files, 9);
	assert_null(loaded("{\"path\":\"/bin/true\"}", ALLOWED, &options));
	assert_int_equal(options.limits.cpu_s, 60);
	assert_null(options.environment[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_links),
	    cmocka_unit_test(test_interpreters),
	    cmocka_unit_test(test_part),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
