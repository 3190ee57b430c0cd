/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner_confine.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

enum { COUNT_MS = 1000 }; /* so long a count is good */

bool confine_open(struct confinement *c)
{
	c->spawner = getpid();
	c->protections.landlock = landlock_abi();
	room_open(c);
	return filter_make(c, false, &c->filters[0]) && filter_make(c, true, &c->filters[1]);
}

/* ---- processes that are there already ---- */

/* What `status` (proc(5)) says of a process of this user: its threads; 0 if it is another's. */
static unsigned long threads_in(const char *status, uid_t uid)
{
	const char *user = strstr(status, "\nUid:"), *threads = strstr(status, "\nThreads:");

	if (user == NULL || threads == NULL || strtoul(user + 5, NULL, 10) != uid)
		return 0;
	return strtoul(threads + 9, NULL, 10);
}

/* Without a user namespace the kernel counts all processes of the user: the bound is put on top of them. */
static unsigned long count_processes(uid_t uid)
{
	unsigned long count = 0;
	DIR *folder = opendir("/proc");
	const struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char path[sizeof("/proc//status") + sizeof(entry->d_name)], status[2048];
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/status", entry->d_name);
		FILE *file = fopen(path, "re");
		if (file == NULL)
			continue;
		status[fread(status, 1, sizeof(status) - 1, file)] = '\0';
		count += threads_in(status, uid);
		fclose(file);
	}
	if (folder != NULL)
		closedir(folder);
	return count;
}

void confine_prepare(struct confinement *c)
{
	int64_t now_ms = clock_monotonic_ms();

	if (c->protections.processes || (c->counted_ms != 0 && now_ms - c->counted_ms < COUNT_MS))
		return;
	c->others = count_processes(c->drops ? c->uid : getuid());
	c->counted_ms = now_ms;
}

/* ---- the steps ---- */

/* What the daemon ignores or blocks is none of the program's business. */
static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool take_pipes(const int pipes[3])
{
	for (int i = 0; i < 3; i++)
		if (dup2(pipes[i], i) == -1)
			return false;
	return true;
}

static bool become_user(const struct confinement *c)
{
	/* of capabilities that a plain user's daemon was given, nothing goes on */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (!c->drops)
		return true;
	return setgroups(0, NULL) == 0 && setresgid(c->gid, c->gid, c->gid) == 0 &&
	       setresuid(c->uid, c->uid, c->uid) == 0;
}

static bool limit(int what, rlim_t soft, rlim_t hard)
{
	struct rlimit now;

	if (getrlimit(what, &now) != 0)
		return false;
	now.rlim_max = hard < now.rlim_max ? hard : now.rlim_max;
	now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
	return setrlimit(what, &now) == 0;
}

static bool limit_all(const struct confinement *c, const struct child_limits *limits)
{
	if (!limit(RLIMIT_CORE, 0, 0) || !limit(RLIMIT_MSGQUEUE, 0, 0))
		return false;
	if (limits->cpu_s != 0 && !limit(RLIMIT_CPU, limits->cpu_s, (rlim_t)limits->cpu_s + 1))
		return false;
	if (limits->file_size != 0 && !limit(RLIMIT_FSIZE, limits->file_size, limits->file_size))
		return false;
	if (limits->files != 0 && !limit(RLIMIT_NOFILE, limits->files, limits->files))
		return false;
	rlim_t processes = limits->processes + (c->protections.processes ? 0 : c->others);
	if (limits->processes != 0 && !limit(RLIMIT_NPROC, processes, processes))
		return false;
	return limits->memory == 0 || limit(RLIMIT_AS, limits->memory, limits->memory);
}

static bool die_with_spawner(const struct confinement *c)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == c->spawner;
}

static bool enter_filter(const struct confinement *c, bool network)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &c->filters[network ? 1 : 0], 0, 0) == 0;
}

static enum spawner_step confine(const struct confinement *c, const struct child_options *options, const int pipes[3])
{
	reset_signals();
	if (setsid() == -1)
		return SPAWN_SESSION;
	if (!take_pipes(pipes))
		return SPAWN_PIPES;
	if (!room_enter_privileged(c, options->network))
		return SPAWN_NAMESPACE;
	if (!become_user(c))
		return SPAWN_USER;
	if (!room_enter(c, options->network))
		return SPAWN_NAMESPACE;
	if (chdir(options->folder != NULL ? options->folder : "/") != 0)
		return SPAWN_FOLDER;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    (c->protections.landlock > 0 && !landlock_enter(c->protections.landlock, options)))
		return SPAWN_LANDLOCK;
	if (!die_with_spawner(c))
		return SPAWN_SESSION;
	return limit_all(c, &options->limits) ? SPAWN_NOTHING : SPAWN_LIMITS;
}

enum spawner_step confine_and_run(const struct confinement *c, const struct child_options *options, const int pipes[3])
{
	static const char *const NOTHING[] = {NULL};
	const char *const *environment = options->environment != NULL ? options->environment : NOTHING;
	enum spawner_step step = confine(c, options, pipes);

	if (step != SPAWN_NOTHING)
		return step;
	if (close_range(3, UINT_MAX, 0) != 0)
		return SPAWN_PIPES;
	if (!enter_filter(c, options->network))
		return SPAWN_FILTER;
	execve(options->path, (char *const *)options->argv, (char *const *)environment);
	return SPAWN_EXEC;
}
