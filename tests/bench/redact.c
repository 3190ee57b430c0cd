/* SPDX-License-Identifier: Apache-2.0 */
/* How fast clean text is looked through, against a plain copy of it and in the same run. One line for each text:
 * "NAME MEGABYTES_PER_SECOND RATIO_TO_COPY". Compiled with libmcp.a and libcommon.a of an optimised build. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mcp/redact/redact.h"

enum { SIZE = 1 << 20, ROUNDS = 9 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t seed = 1;

static unsigned next(unsigned limit)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % limit;
}

static size_t log_line(char *p, size_t room)
{
	static const char *const WORDS[] = {"connection", "accepted", "from", "worker",
	                                    "request",    "finished", "in",   "table"};
	return (size_t)snprintf(
	    p, room, "2026-11-%02u %02u:%02u:%02u.%03u INFO [worker-%u] %s %s %s %s, %u rows in %u.%02u ms\n",
	    1 + next(28), next(24), next(60), next(60), next(1000), next(16), WORDS[next(8)], WORDS[next(8)],
	    WORDS[next(8)], WORDS[next(8)], next(100000), next(100), next(100));
}

static size_t prose_line(char *p, size_t room)
{
	static const char *const WORDS[] = {"The",        "service", "answers", "slowly", "since", "the",   "last",
	                                    "deployment", "and",     "nobody",  "knows",  "why,",  "which", "is"};
	size_t len = 0;
	for (int i = 0; i < 14 && len + 16 < room; i++)
		len += (size_t)snprintf(p + len, room - len, "%s ", WORDS[next(14)]);
	return len;
}

static size_t json_line(char *p, size_t room)
{
	return (size_t)snprintf(
	    p, room,
	    "{\"id\":%u,\"service\":\"payments\",\"level\":\"info\",\"message\":\"request finished\",\"ms\":%u},",
	    next(100000), next(1000));
}

static double copy_rate(const char *text, char *to)
{
	double best = 0;
	for (int i = 0; i < ROUNDS; i++) {
		double began = now();
		for (int j = 0; j < 20; j++) {
			memcpy(to, text, SIZE);
			__asm__ volatile("" : : "r"(to) : "memory");
		}
		double rate = 20.0 * SIZE / (now() - began) / 1e6;
		best = rate > best ? rate : best;
	}
	return best;
}

static double redact_rate(const char *text, bool json)
{
	double best = 0;
	for (int i = 0; i < ROUNDS; i++) {
		h2o_mem_pool_t pool;
		struct redact_counts counts = {{0}};
		const h2o_iovec_t input = h2o_iovec_init(text, SIZE), nothing = {NULL, 0};
		h2o_mem_init_pool(&pool);
		double began = now();
		for (int j = 0; j < 4; j++) {
			h2o_iovec_t out = json ? redact_json(&pool, redact_default_rules(), input, nothing, &counts)
			                       : redact_text(&pool, redact_default_rules(), input, &counts);
			if (out.base != text) {
				fprintf(stderr, "redact: the text is not clean\n");
				exit(1);
			}
		}
		double rate = 4.0 * SIZE / (now() - began) / 1e6;
		best = rate > best ? rate : best;
		h2o_mem_clear_pool(&pool);
	}
	return best;
}

int main(void)
{
	static const struct {
		const char *name;
		size_t (*line)(char *p, size_t room);
		bool json;
	} TEXTS[] = {{"log", log_line, false}, {"prose", prose_line, false}, {"json", json_line, true}};
	char *text = malloc(SIZE + 512), *copy = malloc(SIZE);

	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
		for (size_t len = 0; len < SIZE;)
			len += TEXTS[i].line(text + len, 512);
		double copied = copy_rate(text, copy), redacted = redact_rate(text, TEXTS[i].json);
		printf("%s %.0f %.3f\n", TEXTS[i].name, redacted, redacted / copied);
	}
	free(text);
	free(copy);
	return 0;
}
