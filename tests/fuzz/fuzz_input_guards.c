/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments and schemas of strangers: what the guards of input make of them. */
#include <stdlib.h>

#include "mcp/guard/input_bounds.h"
#include "mcp/guard/input_text.h"

static void count(void *data, const struct input_unbounded *place)
{
	(void)place;
	(*(size_t *)data)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_iovec_t text = h2o_iovec_init((char *)data, size);
	h2o_mem_pool_t pool;
	size_t left = 0;

	h2o_mem_init_pool(&pool);
	pattern_is_bounded(text);
	json_t *value = json_read(&pool, text, NULL);
	if (value != NULL)
		input_text_problem(&pool, value, 0);
	if (value != NULL && input_bounds_fill(&pool, value, json_keep(&pool, json_array())) &&
	    (!input_bounds_walk(&pool, value, count, &left) || left > 0))
		abort();
	h2o_mem_clear_pool(&pool);
	return 0;
}
