/* SPDX-License-Identifier: Apache-2.0 */
/* How long a daemon takes from its exec to its first answer.
 *
 *   cold UID GID CORE PORT PATH STATUS PROGRAM ARGUMENT...
 *
 * Starts the program as that user (if it may) on that core, asks for PATH until the answer's status is STATUS, prints
 * the milliseconds, ends the program with SIGTERM, and prints the milliseconds of CPU time that it took from exec to
 * end. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_US = 100, PATIENCE_MS = 10000 };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void become(uid_t uid, gid_t gid, int core)
{
	cpu_set_t cores;
	CPU_ZERO(&cores);
	CPU_SET(core, &cores);
	if (sched_setaffinity(0, sizeof(cores), &cores) != 0)
		die("sched_setaffinity");
	if (geteuid() == 0 && uid != 0 && (setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(uid) != 0))
		die("setuid");
}

/* The child: its end of the pipe is closed by exec, which is where the time begins. */
static void start(char **argv, int quiet)
{
	char *const environment[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C.UTF-8", NULL};
	if (chdir("/") != 0 || dup2(quiet, 1) < 0 || dup2(quiet, 2) < 0)
		_exit(127);
	execve(argv[0], argv, environment);
	_exit(127);
}

/* 0 if there is no answer. */
static int ask(int port, const char *path)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	char text[512] = "";
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 0;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
		int len = snprintf(text, sizeof(text),
		                   "%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
		                   "Content-Length: 0\r\nConnection: close\r\n\r\n",
		                   path, port);
		ssize_t n = write(fd, text, (size_t)len);
		n = n == len ? read(fd, text, sizeof(text) - 1) : 0;
		if (n > 12)
			status = atoi(text + 9);
	}
	close(fd);
	return status;
}

int main(int argc, char **argv)
{
	int gone[2];
	char byte;
	if (argc < 8)
		return 2;
	int port = atoi(argv[4]), wanted = atoi(argv[6]);
	int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (pipe2(gone, O_CLOEXEC) != 0)
		die("pipe");
	pid_t child = fork();
	if (child == 0) {
		become((uid_t)atoi(argv[1]), (gid_t)atoi(argv[2]), atoi(argv[3]));
		start(argv + 7, quiet);
	}
	close(gone[1]);
	if (read(gone[0], &byte, 1) != 0)
		die("pipe");
	double began = now_ms(), took = 0;
	bool answered = false;
	/* wait4 alone may take the child away: what it used is asked for at the end */
	while (!answered && took < PATIENCE_MS) {
		answered = ask(port, argv[5]) == wanted;
		took = now_ms() - began;
		if (!answered)
			usleep(PAUSE_US);
	}
	struct rusage used = {.ru_utime = {0, 0}};
	kill(child, SIGTERM);
	wait4(child, NULL, 0, &used);
	if (!answered) {
		fprintf(stderr, "cold: %s did not answer %d\n", argv[7], wanted);
		return 1;
	}
	double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3;
	cpu += (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
	printf("{\"ms\":%.2f,\"cpu_ms\":%.2f}\n", took, cpu);
	return 0;
}
