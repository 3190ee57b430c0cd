/* SPDX-License-Identifier: Apache-2.0 */
/* What the backends do, done directly, one at a time.
 *
 *   direct file SECONDS FOLDER NAME     the file below the folder is opened with openat2 and read
 *   direct command SECONDS PROGRAM TEXT the program is started with posix_spawn, its output read, its end awaited
 *   direct http SECONDS URL             a GET by libcurl on one connection that is kept
 *
 * Prints one JSON object: requests, per_second, p50_us, p99_us. */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES_MAX = 4 * 1000 * 1000, BUFFER = 65536 };

struct work {
	void (*once)(const struct work *);
	char **arguments;
	int folder;
	CURL *curl;
};

static char buffer[BUFFER];
static volatile size_t received; /* so that nothing is left out */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void read_all(int fd)
{
	ssize_t n;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		received += (size_t)n;
	close(fd);
}

static void read_file(const struct work *w)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC,
	                       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
	int fd = (int)syscall(SYS_openat2, w->folder, w->arguments[1], &how, sizeof(how));
	if (fd < 0)
		die("openat2");
	read_all(fd);
}

static void run_program(const struct work *w)
{
	char *argv[] = {w->arguments[0], w->arguments[1], NULL}, *environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], status;
	pid_t pid;
	if (pipe2(ends, O_CLOEXEC) != 0)
		die("pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	if (posix_spawn(&pid, argv[0], &actions, NULL, argv, environment) != 0)
		die("posix_spawn");
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	read_all(ends[0]);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		die("the program");
}

static size_t take(char *data, size_t size, size_t count, void *user)
{
	(void)data;
	(void)user;
	received += size * count;
	return size * count;
}

static void get(const struct work *w)
{
	long status;
	if (curl_easy_perform(w->curl) != CURLE_OK ||
	    curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status != 200)
		die("http");
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void measure(const struct work *w, double seconds)
{
	uint32_t *samples = malloc(SAMPLES_MAX * sizeof(*samples));
	size_t count = 0;
	uint64_t start = now_ns(), at = start, end = start + (uint64_t)(seconds * 1e9);
	while (at < end && count < SAMPLES_MAX) {
		w->once(w);
		uint64_t then = now_ns();
		samples[count++] = (uint32_t)((then - at) / 100);
		at = then;
	}
	qsort(samples, count, sizeof(*samples), compare);
	printf("{\"requests\":%zu,\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", count,
	       (double)count * 1e9 / (double)(at - start), samples[count / 2] / 10.0, samples[count * 99 / 100] / 10.0);
	free(samples);
}

int main(int argc, char **argv)
{
	struct work w = {.arguments = argv + 3};
	if (argc < 4)
		return 2;
	if (strcmp(argv[1], "file") == 0 && argc == 5) {
		w.once = read_file;
		w.folder = open(argv[3], O_PATH | O_DIRECTORY | O_CLOEXEC);
	} else if (strcmp(argv[1], "command") == 0 && argc == 5) {
		w.once = run_program;
	} else if (strcmp(argv[1], "http") == 0) {
		w.once = get;
		w.curl = curl_easy_init();
		curl_easy_setopt(w.curl, CURLOPT_URL, argv[3]);
		curl_easy_setopt(w.curl, CURLOPT_PROXY, "");
		curl_easy_setopt(w.curl, CURLOPT_WRITEFUNCTION, take);
	} else {
		return 2;
	}
	measure(&w, atof(argv[2]));
	return 0;
}
