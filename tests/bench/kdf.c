/* SPDX-License-Identifier: Apache-2.0 */
/* What Argon2id allows: kdf THREADS SECONDS MEMORY_KIB PASSES. Prints hashes per second of all threads together. */
#include <argon2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS_MAX = 64 };

static double end, began;
static uint32_t memory_kib, passes;
static atomic_int done;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *work(void *unused)
{
	uint8_t hash[32];
	for (; now() < end; done++)
		if (argon2id_hash_raw(passes, memory_kib, 1, "a password", 10, "sixteen bytes of", 16, hash,
		                      sizeof(hash)) != ARGON2_OK)
			abort();
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	int count = argc > 4 ? atoi(argv[1]) : 0;
	if (count < 1 || count > THREADS_MAX)
		return 2;
	began = now();
	end = began + atof(argv[2]);
	memory_kib = (uint32_t)atoi(argv[3]);
	passes = (uint32_t)atoi(argv[4]);
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	printf("%.2f\n", done / (now() - began));
	return 0;
}
