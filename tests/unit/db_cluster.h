/* SPDX-License-Identifier: Apache-2.0 */
/* A PostgreSQL of the test's own: a cluster in a short temporary folder, reached by unix socket only; and what was
 * logged. */
#ifndef TESTS_UNIT_DB_CLUSTER_H
#define TESTS_UNIT_DB_CLUSTER_H

#include <fcntl.h>
#include <grp.h>
#include <h2o.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"

static char logged[16384]; /* by the log_event() of the test */

static char folder[64], conninfo[256];
static h2o_loop_t *loop;
static unsigned descriptors;
static pid_t server;

static inline unsigned count_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

/* A shell command as an ordinary user where this is root (PostgreSQL refuses root); its words are the test's own. */
static inline void shell(const char *format, ...)
{
	char command[2048], line[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	snprintf(line, sizeof(line), "%s env PATH=\"$(pg_config --bindir):$PATH\" LC_ALL=C %s >>%s/out 2>&1",
	         getuid() == 0 ? "runuser -u postgres --" : "", command, folder);
	if (system(line) == 0)
		return;
	fprintf(stderr, "failed: %s\n", command);
	snprintf(line, sizeof(line), "tail -n 30 %s/out >&2", folder);
	if (system(line) != 0)
		fprintf(stderr, "no output\n");
	assert_true(false);
}

/* The server ends with this program, however that ends. */
static inline void start_server(void)
{
	char command[512];

	server = fork();
	if (server == 0) {
		if (getuid() == 0) {
			struct passwd *user = getpwnam("postgres");
			if (user == NULL || setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 ||
			    setuid(user->pw_uid) != 0)
				_exit(1);
		}
		prctl(PR_SET_PDEATHSIG, SIGQUIT);
		snprintf(command, sizeof(command),
		         "exec \"$(pg_config --bindir)/postgres\" -D %s/data -k %s -c listen_addresses= "
		         "-c max_connections=20 -c fsync=off >>%s/log 2>&1",
		         folder, folder, folder);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(1);
	}
	shell("sh -c 'for i in $(seq 600); do pg_isready -q -h %s && exit; sleep 0.05; done; exit 1'", folder);
}

static inline void stop_server(void)
{
	assert_int_equal(kill(server, SIGQUIT), 0);
	assert_int_equal(waitpid(server, NULL, 0), server);
}

static inline void sql(const char *text)
{
	shell("psql -qX -v ON_ERROR_STOP=1 -h %s -d postgres -U tester -c \"%s\"", folder, text);
}

static inline int begin_cluster(void **state)
{
	char command[128];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	strcpy(folder, "/tmp/spdb-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof(command), "chown postgres %s", folder);
	if (getuid() == 0)
		assert_int_equal(system(command), 0);
	snprintf(conninfo, sizeof(conninfo), "host=%s dbname=postgres user=tester", folder);
	shell("initdb -D %s/data -N -U tester -A trust -E UTF8 --locale=C.UTF-8", folder);
	start_server();
	loop = h2o_evloop_create();
	descriptors = count_descriptors();
	return 0;
}

static inline int end_cluster(void **state)
{
	char command[128];

	(void)state;
	stop_server();
	assert_int_equal(count_descriptors(), descriptors);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static inline void give_up(const char *condition)
{
	print_error("waited in vain for %s; the log:\n%s", condition, logged);
	assert_true(false);
}

/* Runs the loop until the condition holds; gives up after 20 s. */
#define UNTIL(condition)                                                                                               \
	do {                                                                                                           \
		int64_t until_ = clock_monotonic_ms() + 20000;                                                         \
		while (!(condition)) {                                                                                 \
			if (clock_monotonic_ms() > until_)                                                             \
				give_up(#condition);                                                                   \
			h2o_evloop_run(loop, 10);                                                                      \
		}                                                                                                      \
	} while (0)

#endif
