/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/json.h"

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static size_t depth_of(json_t *value)
{
	size_t deepest = 0, i;
	const char *name;
	json_t *inner;
	json_array_foreach (value, i, inner) {
		size_t depth = depth_of(inner);
		deepest = depth > deepest ? depth : deepest;
	}
	json_object_foreach (value, name, inner) {
		size_t depth = depth_of(inner);
		deepest = depth > deepest ? depth : deepest;
	}
	demand(!json_is_object(value) || json_object_size(value) <= JSON_MEMBERS_LIMIT);
	return deepest + (json_is_array(value) || json_is_object(value));
}

/* What was read, written again, reads the same, also for jansson alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_mem_pool_t pool;
	enum json_problem problem;
	h2o_mem_init_pool(&pool);
	json_t *value = json_read(&pool, h2o_iovec_init(data, size), &problem);
	demand((value == NULL) == (problem != JSON_FINE));
	if (value != NULL) {
		demand(depth_of(value) <= JSON_DEPTH_LIMIT);
		h2o_iovec_t text = json_text(&pool, value), canonical = json_canonical(&pool, value);
		demand(text_is_utf8(text));
		demand(json_equal(value, json_read(&pool, text, NULL)));
		json_t *again = json_read(&pool, canonical, NULL);
		demand(json_equal(value, again));
		demand(text_equal(canonical, json_canonical(&pool, again)));
	}
	h2o_mem_clear_pool(&pool);
	return 0;
}
