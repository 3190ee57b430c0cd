/* SPDX-License-Identifier: Apache-2.0 */
/* What a log that commits in groups allows at best: so many writers, each of whom appends a record and waits until it
 * is on the disk. One fdatasync at a time, for all that was written before it began.
 *
 *   durable FILE WRITERS BYTES SECONDS    prints {"per_second": records} */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t written_more, synced_more;
	unsigned long written, synced;
	bool ended;
	int fd;
	char *record;
	size_t bytes;
} journal = {.mutex = PTHREAD_MUTEX_INITIALIZER,
             .written_more = PTHREAD_COND_INITIALIZER,
             .synced_more = PTHREAD_COND_INITIALIZER};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *write_records(void *data)
{
	(void)data;
	pthread_mutex_lock(&journal.mutex);
	while (!journal.ended) {
		if (write(journal.fd, journal.record, journal.bytes) != (ssize_t)journal.bytes)
			abort();
		unsigned long mine = ++journal.written;
		pthread_cond_signal(&journal.written_more);
		while (journal.synced < mine)
			pthread_cond_wait(&journal.synced_more, &journal.mutex);
	}
	pthread_mutex_unlock(&journal.mutex);
	return NULL;
}

/* Until the time is over and nobody waits. */
static void sync_records(double until)
{
	pthread_mutex_lock(&journal.mutex);
	while (!journal.ended || journal.synced < journal.written) {
		while (journal.synced == journal.written)
			pthread_cond_wait(&journal.written_more, &journal.mutex);
		unsigned long upto = journal.written;
		pthread_mutex_unlock(&journal.mutex);
		if (fdatasync(journal.fd) != 0)
			abort();
		pthread_mutex_lock(&journal.mutex);
		journal.synced = upto;
		journal.ended = now_s() >= until;
		pthread_cond_broadcast(&journal.synced_more);
	}
	pthread_mutex_unlock(&journal.mutex);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	size_t writers = strtoul(argv[2], NULL, 10);
	double seconds = strtod(argv[4], NULL), began = now_s();
	pthread_t *threads = calloc(writers, sizeof(*threads));

	journal.bytes = strtoul(argv[3], NULL, 10);
	journal.record = malloc(journal.bytes);
	journal.fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (journal.fd < 0 || threads == NULL || journal.record == NULL || writers == 0)
		return 1;
	memset(journal.record, 'x', journal.bytes);
	for (size_t i = 0; i < writers; i++)
		if (pthread_create(&threads[i], NULL, write_records, NULL) != 0)
			return 1;
	sync_records(began + seconds);
	double took = now_s() - began;
	for (size_t i = 0; i < writers; i++)
		pthread_join(threads[i], NULL);
	printf("{\"per_second\": %.0f}\n", (double)journal.synced / took);
	unlink(argv[1]);
	free(journal.record);
	free(threads);
	return 0;
}
