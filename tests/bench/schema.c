/* SPDX-License-Identifier: Apache-2.0 */
/* How fast common/schema checks. Reads one case per line, {"schema": ..., "instances": [...]}, up to an empty line.
 * Then answers each line "CASE SECONDS check|parse" with the nanoseconds that one instance took: checked only, or read
 * from its text as the daemons read it, checked and released. All instances must be valid. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/json.h"
#include "common/schema/schema.h"

enum { CASES_MAX = 64, INSTANCES_MAX = 256, ROUNDS_PER_LOOK = 16 };

struct measured_case {
	const struct schema *schema;
	json_t *instances[INSTANCES_MAX];
	h2o_iovec_t texts[INSTANCES_MAX];
	size_t count;
};

static h2o_mem_pool_t pool;
static struct measured_case cases[CASES_MAX];

static void stop(const char *why)
{
	fprintf(stderr, "schema: %s\n", why);
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_case(struct measured_case *c, const char *line)
{
	const struct schema_options options = {.assert_formats = true};
	const char *error;
	json_t *all = json_keep(&pool, json_loads(line, JSON_REJECT_DUPLICATES, NULL)), *instance;
	size_t i;
	if (json_array_size(json_object_get(all, "instances")) > INSTANCES_MAX)
		stop("too many instances");
	c->schema = schema_compile(&pool, json_object_get(all, "schema"), &options, &error);
	if (c->schema == NULL)
		stop(error);
	json_array_foreach (json_object_get(all, "instances"), i, instance) {
		h2o_iovec_t text = json_text(&pool, instance);
		c->texts[i] = h2o_iovec_init(text_copy(&pool, text), text.len);
		c->instances[i] = json_read(&pool, c->texts[i], NULL); /* as a request's would lie in memory */
		c->count = i + 1;
	}
}

static void check_one(const struct measured_case *c, size_t i, bool parse)
{
	h2o_mem_pool_t own;
	struct schema_problems problems;
	h2o_mem_init_pool(&own);
	json_t *instance = parse ? json_read(&own, c->texts[i], NULL) : c->instances[i];
	if (instance == NULL || !schema_check(&own, c->schema, instance, &problems))
		stop("an instance is not valid");
	h2o_mem_clear_pool(&own);
}

static double measure(const struct measured_case *c, double seconds, bool parse)
{
	size_t done = 0;
	double began = now(), end;
	do {
		for (int round = 0; round < ROUNDS_PER_LOOK; round++) {
			for (size_t i = 0; i < c->count; i++)
				check_one(c, i, parse);
		}
		done += ROUNDS_PER_LOOK * c->count;
	} while ((end = now()) - began < seconds);
	return (end - began) * 1e9 / (double)done;
}

int main(void)
{
	char *line = NULL, what[16];
	size_t size = 0, number, count = 0;
	double seconds;

	json_init();
	h2o_mem_init_pool(&pool);
	while (getline(&line, &size, stdin) > 1 && count < CASES_MAX)
		add_case(&cases[count++], line);
	while (getline(&line, &size, stdin) > 0) {
		if (sscanf(line, "%zu %lf %15s", &number, &seconds, what) != 3 || number >= count)
			stop("not a measurement: CASE SECONDS check|parse");
		printf("%.1f\n", measure(&cases[number], seconds, strcmp(what, "parse") == 0));
		fflush(stdout);
	}
	free(line);
	h2o_mem_clear_pool(&pool);
	return 0;
}
