/* SPDX-License-Identifier: Apache-2.0 */
/* Real programs, started by a real spawner. Where this is root they run as nobody. */
#include "common/child.c"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/spawner.h"

enum { WAIT_MS = 20 * 1000 };

static h2o_loop_t *loop;
static struct spawner *spawner;
static struct spawner_protections protections;
static char folder[64];

static const char *const ALLOWED[] = {"/bin/sh",         "/bin/cat",  "/bin/ls",       "/usr/bin/env",
                                      "/usr/bin/printf", "/bin/pwd",  "/bin/true",     "/nonexistent",
                                      "/bin/sleep",      "/bin/kill", "/usr/bin/bash", NULL};

/* ---- one run ---- */

struct run {
	struct child *child;
	char out[2][256 * 1024];
	size_t len[2], bytes[2];
	unsigned pipe_ends, ends;
	int status;
	bool forget_on_output;
};

static void on_out(void *data, enum child_pipe pipe, h2o_iovec_t bytes)
{
	struct run *run = data;

	assert_int_equal(run->ends, 0);
	run->pipe_ends += bytes.len == 0;
	run->bytes[pipe] += bytes.len;
	size_t room = sizeof(run->out[0]) - 1 - run->len[pipe], taken = bytes.len < room ? bytes.len : room;
	memcpy(run->out[pipe] + run->len[pipe], bytes.base, taken);
	run->len[pipe] += taken;
	run->out[pipe][run->len[pipe]] = '\0';
	if (run->forget_on_output) {
		child_forget(run->child);
		run->ends++;
	}
}

static void on_end(void *data, int status)
{
	struct run *run = data;

	run->ends++;
	run->status = status;
}

static const struct child_events EVENTS = {on_out, on_end};

static struct run *begin(const struct child_options *options)
{
	struct run *run = calloc(1, sizeof(*run));

	run->child = child_start(spawner, options, &EVENTS, run);
	assert_int_equal(run->ends, 0);
	return run;
}

static bool turn_until(const unsigned *count, unsigned wanted)
{
	int64_t end_ms = clock_monotonic_ms() + WAIT_MS;

	while (*count < wanted && clock_monotonic_ms() < end_ms)
		h2o_evloop_run(loop, 50);
	return *count >= wanted;
}

static bool turn_until_said(const struct run *run, enum child_pipe pipe, const char *words)
{
	int64_t end_ms = clock_monotonic_ms() + WAIT_MS;

	while (strstr(run->out[pipe], words) == NULL && clock_monotonic_ms() < end_ms)
		h2o_evloop_run(loop, 50);
	return strstr(run->out[pipe], words) != NULL;
}

static void finish(struct run *run)
{
	assert_true(turn_until(&run->ends, 1));
	assert_int_equal(run->ends, 1);
}

static struct run *run_to_end(const struct child_options *options)
{
	struct run *run = begin(options);

	child_close_input(run->child);
	finish(run);
	assert_int_equal(run->pipe_ends, 2);
	return run;
}

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What a script says on both pipes, with the status before it; in static memory. */
static const char *script_with(struct child_options options, const char *script)
{
	static char said[4096];

	options.path = "/bin/sh";
	options.argv = ARGV("sh", "-c", script);
	struct run *run = run_to_end(&options);
	snprintf(said, sizeof(said), "%d:%.2000s%.2000s", WIFEXITED(run->status) ? WEXITSTATUS(run->status) : -1,
	         run->out[CHILD_OUT], run->out[CHILD_ERR]);
	free(run);
	return said;
}

static const char *script(const char *text)
{
	return script_with((struct child_options){.folder = folder}, text);
}

static size_t open_files(void)
{
	size_t count = 0;
	DIR *files = opendir("/proc/self/fd");

	while (readdir(files) != NULL)
		count++;
	closedir(files);
	return count;
}

/* ---- what a program gets ---- */

static void test_exactly_what_is_asked(void **state)
{
	(void)state;
	struct run *run = run_to_end(&(struct child_options){
	    .path = "/usr/bin/printf", .argv = ARGV("printf", "[%s]", "a b", "", "$HOME;*", "--x", "\xc3\xa4")});
	assert_string_equal(run->out[CHILD_OUT], "[a b][][$HOME;*][--x][\xc3\xa4]");
	assert_int_equal(run->status, 0);
	free(run);
	run = run_to_end(&(struct child_options){
	    .path = "/usr/bin/env", .argv = ARGV("env"), .environment = ARGV("LANG=C", "B=x y")});
	assert_string_equal(run->out[CHILD_OUT], "LANG=C\nB=x y\n");
	free(run);
	run = run_to_end(&(struct child_options){.path = "/usr/bin/env", .argv = ARGV("env")});
	assert_string_equal(run->out[CHILD_OUT], "");
	free(run);
	run = run_to_end(&(struct child_options){.path = "/bin/pwd", .argv = ARGV("pwd"), .folder = folder});
	assert_memory_equal(run->out[CHILD_OUT], folder, strlen(folder));
	free(run);
	assert_string_equal(script("echo out; echo err >&2; exit 7"), "7:out\nerr\n");
}

static void test_no_descriptors(void **state)
{
	(void)state;
	int leaked = open("/dev/null", O_RDONLY); /* one that the daemon opens without O_CLOEXEC */
	struct run *run = run_to_end(
	    &(struct child_options){.path = "/bin/ls", .argv = ARGV("ls", "/proc/self/fd"), .readable = ARGV("/proc")});

	/* the fourth is ls's own */
	assert_string_equal(run->out[CHILD_OUT], "0\n1\n2\n3\n");
	free(run);
	close(leaked);
}

static void test_input_and_much_output(void **state)
{
	(void)state;
	enum { SIZE = 1024 * 1024 };
	char *text = calloc(1, SIZE);
	struct run *run = begin(&(struct child_options){.path = "/bin/cat", .argv = ARGV("cat")});

	memset(text, 'x', SIZE);
	assert_true(child_write(run->child, h2o_iovec_init(text, SIZE)));
	assert_false(child_write(run->child, h2o_iovec_init(text, SIZE)));
	child_close_input(run->child);
	assert_false(child_write(run->child, h2o_iovec_init(text, 1)));
	finish(run);
	assert_int_equal(run->bytes[CHILD_OUT], SIZE);
	assert_int_equal(run->status, 0);
	free(run);
	/* one that does not read */
	run = begin(&(struct child_options){.path = "/bin/true", .argv = ARGV("true")});
	child_write(run->child, h2o_iovec_init(text, SIZE));
	finish(run);
	assert_int_equal(run->status, 0);
	free(run);
	free(text);
}

static void test_what_cannot_start(void **state)
{
	(void)state;
	struct run *run = run_to_end(&(struct child_options){.path = "/bin/date", .argv = ARGV("date")});
	assert_int_equal(run->status, -1);
	free(run);
	run = run_to_end(&(struct child_options){.path = "/nonexistent", .argv = ARGV("x")});
	assert_int_equal(run->status, -1);
	free(run);
	run = run_to_end(&(struct child_options){.path = "/bin/true", .argv = ARGV("true"), .folder = "/nowhere"});
	assert_int_equal(run->status, -1);
	free(run);
	char *text = calloc(1, CHILD_TEXTS_MAX + 1);
	memset(text, 'x', CHILD_TEXTS_MAX);
	run = run_to_end(&(struct child_options){.path = "/bin/true", .argv = ARGV("true", text)});
	assert_int_equal(run->status, -1);
	free(run);
	text[CHILD_TEXTS_MAX - 100] = '\0';
	run = run_to_end(&(struct child_options){.path = "/bin/true", .argv = ARGV("true", text)});
	assert_int_equal(run->status, 0);
	free(run);
	free(text);
}

/* ---- what it cannot do ---- */

static void test_confined(void **state)
{
	(void)state;
	char text[512];
	int priority = getpriority(PRIO_PROCESS, 0);

	assert_memory_equal(script("exec 3<>/dev/tcp/127.0.0.1/9"), "2:", 2); /* sh has no /dev/tcp at all */
	struct run *run = run_to_end(&(struct child_options){
	    .path = "/usr/bin/bash", .argv = ARGV("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9"), .folder = folder});
	assert_non_null(strstr(run->out[CHILD_ERR], "Permission denied"));
	free(run);
	run = run_to_end(&(struct child_options){
	    .path = "/usr/bin/bash", .argv = ARGV("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9"), .network = true});
	assert_non_null(strstr(run->out[CHILD_ERR], "Connection refused"));
	free(run);
	assert_memory_equal(script("setsid true"), "1:setsid: setsid failed", 12);
	assert_memory_equal(script("unshare -U true"), "1:", 2);
	snprintf(text, sizeof(text),
	         "kill -9 %d; kill -9 %d; kill -9 -1; kill -9 -%d; renice 19 %d; prlimit -p %d -n5; kill -0 %d",
	         getpid(), spawner->pid, getpgrp(), getpid(), getpid(), getpid());
	assert_int_equal(script(text)[0], '1');
	assert_int_equal(getpriority(PRIO_PROCESS, 0), priority);
	snprintf(text, sizeof(text), "renice 19 -u %u; taskset -p 1 %d", getuid(), getpid());
	assert_int_not_equal(script(text)[0], '0');
	assert_int_equal(getpriority(PRIO_PROCESS, 0), priority);
	assert_true(spawner_lives(spawner));
	assert_string_equal(script("grep -E 'NoNewPrivs|Seccomp:|CapEff|CapAmb' /proc/$$/status; ulimit -c"),
	                    "0:CapEff:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n0\n");
	if (getuid() == 0)
		assert_string_not_equal(script("id -u"), "0:0\n");
}

static void test_files(void **state)
{
	(void)state;
	char outside[128], inside[128], command[512];
	const struct child_options writing = {.folder = folder, .writable = ARGV(inside)};

	if (protections.landlock == 0)
		skip();
	snprintf(outside, sizeof(outside), "%s-outside", folder);
	snprintf(inside, sizeof(inside), "%s/in", folder);
	assert_int_equal(mkdir(outside, 0755), 0);
	assert_int_equal(mkdir(inside, 0755), 0);
	assert_int_equal(chmod(inside, 0777), 0);
	assert_int_equal(chmod(outside, 0777), 0);
	assert_memory_equal(script("cat /etc/passwd"), "1:cat: /etc/passwd: Permission denied", 30);
	snprintf(command, sizeof(command), "ls %s", outside);
	assert_memory_equal(script(command), "2:ls: cannot open", 17);
	assert_string_equal(script("ls"), "0:in\n");
	assert_int_equal(script("echo x >in/x")[0], '2');
	assert_string_equal(script_with(writing, "echo x >in/x && cat in/x && rm in/x"), "0:x\n");
	snprintf(command, sizeof(command), "ln -s /etc/passwd in/l; cat in/l; rm in/l; echo x >%s/x", outside);
	assert_int_equal(script_with(writing, command)[0], '2');
	assert_int_equal(script_with(writing, "cp /bin/true in/t && in/t; s=$?; rm in/t; exit $s")[0], '1');
	rmdir(inside);
	rmdir(outside);
}

static void test_bounds(void **state)
{
	(void)state;
	struct child_options options = {
	    .folder = folder,
	    .limits = {.cpu_s = 1, .memory = 64 << 20, .file_size = 4096, .files = 16, .processes = 8}};

	assert_string_equal(script_with(options, "ulimit -n; ulimit -f"), "0:16\n8\n");
	assert_memory_equal(script_with(options, "while :; do :; done"), "-1:", 3); /* SIGXCPU */
	const char *said = script_with(options, "x=x; while :; do x=$x$x; done");
	assert_true(said[0] == '2' || memcmp(said, "-1:", 3) == 0);
	/* a bomb: each process tries to become three */
	options.path = "/bin/sh";
	options.argv = ARGV("sh", "-c", "b() { b | b & }; b; exec sleep 1000");
	struct run *run = begin(&options);
	assert_true(turn_until_said(run, CHILD_ERR, "fork"));
	child_kill(run->child);
	finish(run);
	free(run);
	options.limits.processes = 3;
	assert_non_null(strstr(script_with(options, "sleep 5 & sleep 5 & sleep 5 & sleep 5 & sleep 5 &"), "fork"));
}

/* ---- ends ---- */

static bool is_gone(pid_t pid)
{
	int64_t end_ms = clock_monotonic_ms() + WAIT_MS;

	while (kill(pid, 0) == 0 && clock_monotonic_ms() < end_ms)
		h2o_evloop_run(loop, 10);
	return kill(pid, 0) != 0;
}

/* A tree of processes that do not listen to SIGTERM; the first says all their numbers. */
static struct run *begin_tree(pid_t pids[3])
{
	struct run *run = begin(&(struct child_options){
	    .path = "/bin/sh",
	    .argv = ARGV("sh", "-c",
	                 "trap '' TERM HUP INT; (sh -c 'echo $$; sleep 1000; :' & echo $!; wait) & echo $$; wait")});
	int64_t end_ms = clock_monotonic_ms() + WAIT_MS;
	int read = 0;

	while (read != 3 && clock_monotonic_ms() < end_ms) {
		h2o_evloop_run(loop, 10);
		read = sscanf(run->out[CHILD_OUT], "%d\n%d\n%d\n", &pids[0], &pids[1], &pids[2]);
	}
	assert_int_equal(read, 3);
	return run;
}

static void test_kill_takes_all(void **state)
{
	(void)state;
	pid_t pids[3];
	struct run *run = begin_tree(pids);
	int64_t began_ms = clock_monotonic_ms();

	child_kill(run->child);
	finish(run);
	assert_in_range(clock_monotonic_ms() - began_ms, 900, 5000);
	assert_true(WIFSIGNALED(run->status) && WTERMSIG(run->status) == SIGKILL);
	for (int i = 0; i < 3; i++)
		assert_true(is_gone(pids[i]));
	free(run);
	/* one that listens */
	run = begin(&(struct child_options){.path = "/bin/sleep", .argv = ARGV("sleep", "1000")});
	child_kill(run->child);
	finish(run);
	assert_true(WIFSIGNALED(run->status) && WTERMSIG(run->status) == SIGTERM);
	free(run);
}

static void test_forget(void **state)
{
	(void)state;
	pid_t pids[3];
	struct run *run = begin_tree(pids);

	child_forget(run->child);
	for (int i = 0; i < 3; i++)
		assert_true(is_gone(pids[i]));
	assert_int_equal(run->ends, 0);
	free(run);
	/* from within an event */
	run = calloc(1, sizeof(*run));
	run->forget_on_output = true;
	run->child =
	    child_start(spawner, &(struct child_options){.path = "/bin/ls", .argv = ARGV("ls", "/usr")}, &EVENTS, run);
	assert_true(turn_until(&run->ends, 1));
	for (int i = 0; i < 10; i++)
		h2o_evloop_run(loop, 10);
	assert_int_equal(run->ends, 1);
	free(run);
}

/* The program ends, what it has left behind does not: that ends then, and holds nothing up. */
static void test_nothing_is_left_behind(void **state)
{
	(void)state;
	int pid = 0;
	int64_t began_ms = clock_monotonic_ms();
	const char *said = script("trap '' TERM; sleep 1000 & echo $!");

	assert_int_equal(sscanf(said, "0:%d", &pid), 1);
	assert_true(clock_monotonic_ms() - began_ms < 10 * 1000);
	assert_true(is_gone(pid));
}

static void test_many_leave_nothing_open(void **state)
{
	(void)state;
	enum { ROUNDS = 20, AT_ONCE = 25 };
	struct run *runs[AT_ONCE];
	size_t before = open_files();

	for (int i = 0; i < ROUNDS; i++) {
		for (int k = 0; k < AT_ONCE; k++)
			runs[k] = begin(&(struct child_options){.path = "/bin/true", .argv = ARGV("true")});
		for (int k = 0; k < AT_ONCE; k++) {
			finish(runs[k]);
			assert_int_equal(runs[k]->status, 0);
			free(runs[k]);
		}
	}
	assert_int_equal(open_files(), before);
}

/* ---- the ends of the spawner ---- */

static void open_spawner(void)
{
	h2o_mem_pool_t pool;

	spawner = spawner_fork();
	assert_non_null(spawner);
	h2o_mem_init_pool(&pool);
	assert_null(spawner_allow(spawner, &pool, &(struct spawner_rules){ALLOWED, NULL}, &protections));
	/* there is no second list */
	assert_non_null(
	    spawner_allow(spawner, &pool, &(struct spawner_rules){ARGV("/bin/date"), "no-such-user"}, &protections));
	h2o_mem_clear_pool(&pool);
	spawner_open(spawner, loop);
}

static void test_close_takes_all(void **state)
{
	(void)state;
	pid_t pids[3];
	struct run *run = begin_tree(pids);
	struct spawner *other = spawner;

	open_spawner();
	spawner_close(other);
	for (int i = 0; i < 3; i++)
		assert_true(is_gone(pids[i]));
	assert_int_equal(run->ends, 0);
	free(run);
}

static void test_killed_spawner(void **state)
{
	(void)state;
	pid_t pids[3];
	struct run *run = begin_tree(pids);

	kill(spawner->pid, SIGKILL);
	finish(run);
	assert_int_equal(run->status, -1);
	for (int i = 0; i < 3; i++)
		assert_true(is_gone(pids[i]));
	free(run);
	assert_false(spawner_lives(spawner));
	run = run_to_end(&(struct child_options){.path = "/bin/true", .argv = ARGV("true")});
	assert_int_equal(run->status, -1);
	free(run);
	spawner_close(spawner);
	open_spawner();
}

/* Its daemon is killed: it notices, and nothing stays. */
static void test_killed_daemon(void **state)
{
	(void)state;
	int pipes[2];
	pid_t pids[3];

	assert_int_equal(pipe(pipes), 0);
	pid_t daemon = fork();
	if (daemon == 0) {
		loop = h2o_evloop_create();
		open_spawner();
		begin_tree(pids);
		if (write(pipes[1], pids, sizeof(pids)) != sizeof(pids))
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(pipes[0], pids, sizeof(pids)), sizeof(pids));
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);
	for (int i = 0; i < 3; i++)
		assert_true(is_gone(pids[i]));
	close(pipes[0]);
	close(pipes[1]);
}

/* ---- messages ---- */

static void test_messages(void **state)
{
	(void)state;
	struct child_options options = {.path = "/bin/x", .argv = ARGV("x", "", "z"), .readable = ARGV("/r")}, back;
	struct spawner_start_head head;
	const char **texts;
	size_t len;
	char *message = spawner_start_write(7, &options, &len);

	assert_true(spawner_start_read(message, len, &head, &back, &texts));
	assert_int_equal(head.id, 7);
	assert_string_equal(back.path, "/bin/x");
	assert_null(back.folder);
	assert_string_equal(back.argv[2], "z");
	assert_null(back.argv[3]);
	assert_null(back.environment[0]);
	assert_string_equal(back.readable[0], "/r");
	assert_null(back.writable[0]);
	free(texts);
	for (size_t cut = 0; cut < len; cut++) {
		assert_false(spawner_start_read(message, cut, &head, &back, &texts));
		free(texts);
	}
	message[len - 1] = 'x';
	assert_false(spawner_start_read(message, len, &head, &back, &texts));
	free(texts);
	free(message);
}

static void send_raw(const void *bytes, size_t len, size_t descriptors)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec place = {(void *)bytes, len};
	struct msghdr message = {.msg_iov = &place, .msg_iovlen = 1, .msg_control = &control};

	control.header = (struct cmsghdr){
	    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(descriptors * sizeof(int))};
	message.msg_controllen = descriptors == 0 ? 0 : CMSG_SPACE(descriptors * sizeof(int));
	assert_true(sendmsg(spawner->source.fd, &message, MSG_NOSIGNAL) == (ssize_t)len);
}

/* What a daemon in the hands of somebody else could send: the spawner serves on, and starts nothing that is not on the
 * list. */
static void test_hostile_messages(void **state)
{
	(void)state;
	struct child_options options = {.path = "/bin/date", .argv = ARGV("date")};
	size_t len;
	char *message = spawner_start_write(4000000, &options, &len);

	for (size_t cut = 1; cut < len; cut += 3)
		send_raw(message, cut, cut % 5);
	for (size_t descriptors = 0; descriptors <= 4; descriptors++)
		send_raw(message, len, descriptors);
	for (uint32_t type = 0; type < 20; type++)
		send_raw((const uint32_t[]){type, 4000000, 0xffffffff, 0xffffffff, 0xffffffff}, 20, 0);
	memset(message + 8, 0xff, sizeof(uint32_t) * SPAWNER_LISTS);
	send_raw(message, len, 3);
	free(message);
	struct run *run = run_to_end(&(struct child_options){.path = "/bin/true", .argv = ARGV("true")});
	assert_int_equal(run->status, 0);
	free(run);
	assert_true(spawner_lives(spawner));
	char path[64];
	size_t open_there = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", spawner->pid);
	DIR *files = opendir(path);
	while (files != NULL && readdir(files) != NULL)
		open_there++;
	if (files != NULL)
		closedir(files);
	assert_in_range(open_there, 0, 10); /* with "." and "..": nothing stays open */
}

static int set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	strcpy(folder, "/tmp/sallyport-child.XXXXXX");
	loop = h2o_evloop_create();
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0)
		return -1;
	open_spawner();
	printf("# Landlock ABI %d, empty network: %d, counted processes: %d\n", protections.landlock,
	       protections.network, protections.processes);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	spawner_close(spawner);
	rmdir(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exactly_what_is_asked),
	    cmocka_unit_test(test_no_descriptors),
	    cmocka_unit_test(test_input_and_much_output),
	    cmocka_unit_test(test_what_cannot_start),
	    cmocka_unit_test(test_confined),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_kill_takes_all),
	    cmocka_unit_test(test_forget),
	    cmocka_unit_test(test_nothing_is_left_behind),
	    cmocka_unit_test(test_many_leave_nothing_open),
	    cmocka_unit_test(test_close_takes_all),
	    cmocka_unit_test(test_killed_spawner),
	    cmocka_unit_test(test_killed_daemon),
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_hostile_messages),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
