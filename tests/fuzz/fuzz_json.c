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

/* jansson's own reader takes the same texts, but for the limits, and finds the same in them. */
static void compare(h2o_iovec_t text, json_t *value, enum json_problem problem)
{
	if (text.len == 0 || !text_is_utf8(text) || problem == JSON_TOO_DEEP || problem == JSON_TOO_MANY_MEMBERS)
		return;
	json_t *other = json_loadb(text.base, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	demand((other == NULL) == (value == NULL));
	demand(other == NULL || json_equal(other, value));
	json_decref(other);
}

/* What was read, written again, reads the same, also for jansson alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_mem_pool_t pool;
	enum json_problem problem;
	h2o_mem_init_pool(&pool);
	json_t *value = json_read(&pool, h2o_iovec_init(data, size), &problem);
	demand((value == NULL) == (problem != JSON_FINE));
	compare(h2o_iovec_init(data, size), value, problem);
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
