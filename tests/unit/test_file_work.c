/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/file/file_list.c"
#include "mcp/backend/file/file_open.c"
#include "mcp/backend/file/file_read.c"
#include "mcp/backend/file/file_work.c"
#include "mcp/backend/file/file_write.c"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/json.h"

/* outside/secret, root/{notes.md, folder/inner.txt, .hidden, link -> ../outside/secret, away -> ../outside, pipe,
 * socket} */
static char base[] = "/tmp/sallyport-file-XXXXXX";
static int base_fd, root;
static h2o_mem_pool_t pool;

static void put(const char *path, const char *text)
{
	int fd = openat(base_fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", base, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static int open_folders(void **state)
{
	(void)state;
	json_init();
	assert_non_null(mkdtemp(base));
	base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(base_fd, "outside", 0755), 0);
	assert_int_equal(mkdirat(base_fd, "root", 0755), 0);
	assert_int_equal(mkdirat(base_fd, "root/folder", 0755), 0);
	put("outside/secret", "a secret");
	put("root/notes.md", "one\ntwo\nthree\nfour\n");
	put("root/folder/inner.txt", "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80");
	put("root/.hidden", "dot");
	put("root/shared", "two names");
	assert_int_equal(linkat(base_fd, "root/shared", base_fd, "outside/other", 0), 0);
	assert_int_equal(symlinkat("../outside/secret", base_fd, "root/link"), 0);
	assert_int_equal(symlinkat("../outside", base_fd, "root/away"), 0);
	assert_int_equal(symlinkat("notes.md", base_fd, "root/near"), 0);
	assert_int_equal(mkfifoat(base_fd, "root/pipe", 0600), 0);
	make_socket("root/socket");
	root = openat(base_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root >= 0 ? 0 : -1;
}

static int close_folders(void **state)
{
	(void)state;
	close(root);
	close(base_fd);
	return system(text_printf(&pool, "rm -rf -- %s", base));
}

static int open_pool(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	return 0;
}

static int close_pool(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static struct file_plan plan_of(enum file_action action)
{
	return (struct file_plan){.action = action, .root = root, .bytes = 1000, .entries = 100, .timeout_ms = 10000};
}

static struct file_work work_of(const struct file_plan *plan, const char *path)
{
	struct file_work work = {.pool = pool, .plan = plan, .path = path, .first_line = 1};

	work.read.pool = &pool;
	work.until_ms = clock_monotonic_ms() + plan->timeout_ms;
	h2o_mem_init_pool(&work.pool);
	return work;
}

/* Runs it and lets its pool go; what was read is in the test's. */
static void run_work(struct file_work *work)
{
	file_work_run(work);
	h2o_mem_clear_pool(&work->pool);
}

static enum file_problem problem_with(const struct file_plan *plan, const char *path)
{
	struct file_work work = work_of(plan, path);

	run_work(&work);
	return work.problem;
}

static const char *read_of(const struct file_plan *plan, const char *path, int64_t first, int64_t lines,
                           bool *truncated)
{
	struct file_work work = work_of(plan, path);

	work.first_line = first;
	work.lines = lines;
	run_work(&work);
	assert_int_equal(work.problem, FILE_FINE);
	*truncated = work.truncated;
	return work.read.base != NULL ? text_copy(&pool, h2o_iovec_init(work.read.base, work.read.len)) : "";
}

static void test_reads(void **state)
{
	struct file_plan plan = plan_of(FILE_READ);
	bool truncated;

	(void)state;
	assert_string_equal(read_of(&plan, "notes.md", 1, 0, &truncated), "one\ntwo\nthree\nfour\n");
	assert_false(truncated);
	assert_string_equal(read_of(&plan, "notes.md", 2, 2, &truncated), "two\nthree\n");
	assert_true(truncated);
	assert_string_equal(read_of(&plan, "notes.md", 4, 5, &truncated), "four\n");
	assert_false(truncated);
	assert_string_equal(read_of(&plan, "notes.md", 9, 5, &truncated), "");
	assert_false(truncated);
	assert_string_equal(read_of(&plan, "notes.md", INT64_MAX, 5, &truncated), "");
	assert_string_equal(read_of(&plan, "notes.md", INT64_MIN, INT64_MAX, &truncated), "one\ntwo\nthree\nfour\n");
	assert_false(truncated);
	plan.bytes = 5;
	assert_string_equal(read_of(&plan, "notes.md", 1, 0, &truncated), "one\nt");
	assert_true(truncated);
	plan.bytes = 19; /* all of it */
	read_of(&plan, "notes.md", 1, 0, &truncated);
	assert_false(truncated);
}

static void test_ends_on_a_character(void **state)
{
	static const char TEXT[] = "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80";
	static const size_t WHOLE[] = {0, 1, 2, 2, 4, 4, 6, 7, 7, 7, 10, 11, 11, 11, 11, 15};
	struct file_plan plan = plan_of(FILE_READ);
	bool truncated;

	(void)state;
	for (plan.bytes = 1; plan.bytes < sizeof(WHOLE) / sizeof(WHOLE[0]); plan.bytes++) {
		const char *read = read_of(&plan, "folder/inner.txt", 1, 0, &truncated);
		assert_int_equal(strlen(read), WHOLE[plan.bytes]);
		assert_memory_equal(read, TEXT, strlen(read));
	}
}

static void test_what_is_not_there(void **state)
{
	static const struct {
		const char *path;
		enum file_problem problem;
	} ROWS[] = {
	    {"none", FILE_ABSENT},
	    {"none/x", FILE_ABSENT},
	    {"notes.md/x", FILE_ABSENT},
	    {"link", FILE_ABSENT},
	    {"near", FILE_ABSENT},
	    {"away/secret", FILE_ABSENT},
	    {"../outside/secret", FILE_ABSENT},
	    {"folder/../../outside/secret", FILE_ABSENT},
	    {"/etc/passwd", FILE_ABSENT},
	    {"folder", FILE_OTHER_KIND},
	    {"pipe", FILE_OTHER_KIND},
	    {"socket", FILE_OTHER_KIND},
	};
	struct file_plan plan = plan_of(FILE_READ);

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
		assert_int_equal(problem_with(&plan, ROWS[i].path), ROWS[i].problem);
}

static void test_proc_is_another_mount(void **state)
{
	struct file_plan plan = plan_of(FILE_READ);

	(void)state;
	plan.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(problem_with(&plan, "proc/self/environ"), FILE_ABSENT);
	assert_int_equal(problem_with(&plan, "proc/self/root/etc/passwd"), FILE_ABSENT);
	close(plan.root);
}

static json_t *list_of(const struct file_plan *plan, const char *path, bool *truncated)
{
	struct file_work work = work_of(plan, path);

	run_work(&work);
	assert_int_equal(work.problem, FILE_FINE);
	*truncated = work.truncated;
	json_t *entries = json_read(&pool, h2o_iovec_init(work.read.base, work.read.len), NULL);
	assert_int_equal(json_array_size(entries), work.entries);
	return entries;
}

static const char *name_at(const json_t *entries, size_t i)
{
	return json_string_value(json_object_get(json_array_get(entries, i), "name"));
}

static void test_lists(void **state)
{
	struct file_plan plan = plan_of(FILE_LIST);
	bool truncated;
	json_t *entries = list_of(&plan, ".", &truncated);

	(void)state;
	assert_false(truncated);
	assert_int_equal(json_array_size(entries), 3);
	assert_string_equal(name_at(entries, 0), "folder");
	assert_string_equal(name_at(entries, 1), "notes.md");
	assert_string_equal(name_at(entries, 2), "shared");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(entries, 1), "size")), 19);
	plan.hidden = true;
	assert_string_equal(name_at(list_of(&plan, ".", &truncated), 0), ".hidden");
	plan.entries = 2;
	assert_int_equal(json_array_size(list_of(&plan, ".", &truncated)), 2);
	assert_true(truncated);
	assert_int_equal(problem_with(&plan, "notes.md"), FILE_ABSENT);
	assert_int_equal(problem_with(&plan, "away"), FILE_ABSENT);
	assert_int_equal(problem_with(&plan, "pipe"), FILE_ABSENT);
}

static enum file_problem write_to(struct file_plan *plan, enum file_writing writing, const char *path, const char *text)
{
	struct file_work work;

	plan->writing = writing;
	work = work_of(plan, path);
	work.text = text_of(text);
	run_work(&work);
	return work.problem;
}

static const char *content(const char *path)
{
	static char text[100];
	int fd = openat(base_fd, path, O_RDONLY | O_NOFOLLOW);
	ssize_t len = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[len > 0 ? len : 0] = '\0';
	return text;
}

static void test_writes(void **state)
{
	struct file_plan plan = plan_of(FILE_WRITE);
	struct stat status;

	(void)state;
	assert_int_equal(write_to(&plan, FILE_CREATE, "new.md", "first"), FILE_FINE);
	assert_int_equal(fstatat(base_fd, "root/new.md", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(write_to(&plan, FILE_CREATE, "new.md", "again"), FILE_EXISTS);
	assert_int_equal(write_to(&plan, FILE_APPEND, "new.md", " second"), FILE_FINE);
	assert_string_equal(content("root/new.md"), "first second");
	assert_int_equal(fchmodat(base_fd, "root/new.md", 04777, 0), 0);
	assert_int_equal(write_to(&plan, FILE_REPLACE, "new.md", "third"), FILE_FINE);
	assert_string_equal(content("root/new.md"), "third");
	assert_int_equal(fstatat(base_fd, "root/new.md", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0664);
	assert_int_equal(write_to(&plan, FILE_REPLACE, "folder/other.md", ""), FILE_FINE);
	plan.bytes = 8;
	assert_int_equal(write_to(&plan, FILE_APPEND, "new.md", "more"), FILE_TOO_LARGE);
	assert_int_equal(write_to(&plan, FILE_REPLACE, "new.md", "much more"), FILE_TOO_LARGE);
	assert_string_equal(content("root/new.md"), "third");
	assert_int_equal(unlinkat(base_fd, "root/new.md", 0), 0);
	assert_int_equal(unlinkat(base_fd, "root/folder/other.md", 0), 0);
}

/* As on a full disk: a bound of the file's size ends an append in the middle. */
static void test_appends_all_or_nothing(void **state)
{
	struct file_plan plan = plan_of(FILE_WRITE);
	struct rlimit all, few;
	struct stat status;

	(void)state;
	assert_int_equal(write_to(&plan, FILE_CREATE, "new.md", "first"), FILE_FINE);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &all);
	few = (struct rlimit){.rlim_cur = 8, .rlim_max = all.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
	plan.writing = FILE_APPEND;
	struct file_work work = work_of(&plan, "new.md");
	work.text = text_of(" second");
	run_work(&work);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_int_not_equal(work.problem, FILE_FINE);
	assert_false(work.unsure);
	assert_string_equal(content("root/new.md"), "first");
	/* what somebody else has appended meanwhile is not taken along */
	int fd = openat(base_fd, "root/new.md", O_WRONLY | O_APPEND);
	assert_false(take_back(fd, 1, 2));
	assert_true(take_back(fd, 2, 3));
	assert_true(take_back(fd, 1, 0));
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_size, 2);
	close(fd);
	assert_int_equal(unlinkat(base_fd, "root/new.md", 0), 0);
}

static void test_writes_nothing_elsewhere(void **state)
{
	static const char *const PATHS[] = {"link",           "away/new", "away/secret",
	                                    "../outside/new", "none/new", "/tmp/x/y"};
	struct file_plan plan = plan_of(FILE_WRITE);

	(void)state;
	for (size_t i = 1; i < sizeof(PATHS) / sizeof(PATHS[0]); i++)
		for (enum file_writing writing = FILE_CREATE; writing <= FILE_APPEND; writing++)
			assert_int_equal(write_to(&plan, writing, PATHS[i], "x"), FILE_ABSENT);
	assert_int_equal(write_to(&plan, FILE_CREATE, "link", "x"), FILE_EXISTS);
	assert_int_equal(write_to(&plan, FILE_REPLACE, "link", "x"), FILE_OTHER_KIND);
	assert_int_equal(write_to(&plan, FILE_APPEND, "link", "x"), FILE_ABSENT);
	assert_int_equal(write_to(&plan, FILE_REPLACE, "shared", "x"), FILE_SHARED);
	assert_int_equal(write_to(&plan, FILE_APPEND, "shared", "x"), FILE_SHARED);
	assert_int_equal(write_to(&plan, FILE_REPLACE, "pipe", "x"), FILE_OTHER_KIND);
	assert_int_equal(write_to(&plan, FILE_APPEND, "pipe", "x"), FILE_OTHER_KIND);
	assert_string_equal(content("outside/secret"), "a secret");
	assert_string_equal(content("outside/other"), "two names");
}

static void test_stops(void **state)
{
	struct file_plan plan = plan_of(FILE_READ);
	struct file_work work = work_of(&plan, "notes.md");

	(void)state;
	atomic_store(&work.stopped, true);
	run_work(&work);
	assert_int_equal(work.problem, FILE_STOPPED);
	plan.timeout_ms = 0;
	assert_int_equal(problem_with(&plan, "notes.md"), FILE_STOPPED);
	plan = plan_of(FILE_WRITE);
	work = work_of(&plan, "late.md");
	atomic_store(&work.stopped, true);
	run_work(&work);
	assert_int_equal(work.problem, FILE_STOPPED);
	assert_int_equal(faccessat(base_fd, "root/late.md", F_OK, 0), -1);
}

/* ---- F-1: somebody swaps a folder for a link, again and again, while it is read and written ---- */

static atomic_bool swapping;

static void *swap(void *data)
{
	(void)data;
	while (atomic_load(&swapping)) {
		renameat2(base_fd, "root/place", base_fd, "root/trap", RENAME_EXCHANGE);
		sched_yield();
	}
	return NULL;
}

static void test_swapped_links_lose(void **state)
{
	enum { ROUNDS = 20000 };
	struct file_plan reads = plan_of(FILE_READ), writes = plan_of(FILE_WRITE);
	size_t fine = 0, absent = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(mkdirat(base_fd, "root/place", 0755), 0);
	put("root/place/secret", "inside");
	assert_int_equal(symlinkat("../outside", base_fd, "root/trap"), 0);
	atomic_store(&swapping, true);
	assert_int_equal(pthread_create(&thread, NULL, swap, NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct file_work work = work_of(&reads, "place/secret");
		run_work(&work);
		if (work.problem == FILE_FINE)
			assert_true(text_is(h2o_iovec_init(work.read.base, work.read.len), "inside"));
		else
			assert_true(work.problem == FILE_ABSENT || work.problem == FILE_FAILED);
		fine += work.problem == FILE_FINE;
		absent += work.problem != FILE_FINE;
		if (i % 100 == 0)
			write_to(&writes, FILE_REPLACE, "place/written", "inside");
	}
	atomic_store(&swapping, false);
	pthread_join(thread, NULL);
	print_message("F-1: %d reads during swaps: %zu inside, %zu refused, none outside\n", ROUNDS, fine, absent);
	assert_true(fine > 0);
	assert_int_equal(faccessat(base_fd, "outside/written", F_OK, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_reads, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_ends_on_a_character, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_what_is_not_there, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_proc_is_another_mount, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_lists, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_writes, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_appends_all_or_nothing, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_writes_nothing_elsewhere, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_stops, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(test_swapped_links_lose, open_pool, close_pool),
	};

	return cmocka_run_group_tests(tests, open_folders, close_folders);
}
