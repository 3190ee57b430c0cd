/* SPDX-License-Identifier: Apache-2.0 */
/* What the limits of a call cost: nanoseconds of an empty call, and of one that asks budgets, of a thousand callers in
 * turn and of a hundred thousand. One line for each: "NAME NANOSECONDS". Compiled with libmcp.a and libcommon.a of an
 * optimised build. */
#include "mcp/quota/quota.c"

#include <stdio.h>
#include <time.h>

enum { CALLS = 1000 * 1000, ROUNDS = 5 };

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The way of quota_take where the call goes on. */
static __attribute__((noinline)) step_result take(struct quota *quota, const struct bearer *bearer,
                                                  const struct item *item)
{
	struct demand demands[DEMANDS_MAX];
	const struct demand *scarce = NULL;

	if (quota == NULL)
		return STEP_NEXT;
	size_t count = demands_of(&quota->settings, bearer, item, demands);
	return take_all(quota, demands, count, clock_monotonic_ms(), &scarce) == 0 ? STEP_NEXT : STEP_DONE;
}

static double cost(struct quota *quota, const struct item *item, uint64_t callers)
{
	struct rate_bucket *listed[LISTED_MAX];
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double began = now_ns();
		for (uint64_t i = 0; i < CALLS; i++) {
			uint64_t number = (i % callers + 1) * 0x9e3779b97f4a7c15;
			const struct bearer bearer = {.person = number, .client = number >> 7};
			take(quota, &bearer, item);
		}
		double each = (now_ns() - began) / CALLS;
		best = each < best ? each : best;
		if (quota != NULL) /* as once a second */
			quota_list(quota, listed, LISTED_MAX);
	}
	return best;
}

int main(void)
{
	static const struct quota_settings SETTINGS = {.person = 1000000, .client = 1000000};
	static const struct quota_limits LIMITS = {.number = 77, .per_minute = 1000000, .all_per_minute = 1000000};
	const struct item plain = {.name = "a"}, limited = {.name = "b", .quota = &LIMITS};
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	struct quota *quota = quota_open(&pool, &SETTINGS, "https://mcp.example/");
	printf("empty_call %.0f\n", cost(NULL, &plain, 1000));
	printf("two_budgets_1000_callers %.0f\n", cost(quota, &plain, 1000));
	printf("four_budgets_1000_callers %.0f\n", cost(quota, &limited, 1000));
	printf("four_budgets_100000_callers %.0f\n", cost(quota, &limited, 100 * 1000));
	quota_close(quota);
	h2o_mem_clear_pool(&pool);
	return 0;
}
