/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "mcp/redact/redact.h"

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static const struct redact_rules *rules(void)
{
	static h2o_mem_pool_t pool;
	static struct redact_rules made;

	if (made.redactor == NULL) {
		h2o_mem_init_pool(&pool);
		made.redactor = redactor_make(&pool);
		redactor_add_secret(made.redactor, "open sesame", 11);
	}
	return &made;
}

/* JSON stays JSON, an own secret is never left, and text in two pieces says what the whole one does. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct redact_counts counts = {{0}};
	const h2o_iovec_t nothing = {NULL, 0};
	h2o_iovec_t input = h2o_iovec_init(data, size);
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	h2o_iovec_t out = redact_text(&pool, rules(), input, &counts);
	demand((redact_total(&counts) == 0) == (out.base == input.base));
	demand(memmem(out.base, out.len, "open sesame", 11) == NULL);
	json_t *value = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	if (value != NULL) {
		out = redact_json(&pool, rules(), input, nothing, &counts);
		json_t *again = json_loadb(out.base, out.len, JSON_DECODE_ANY, NULL);
		demand(again != NULL);
		json_decref(again);
	}
	json_decref(value);
	struct redact_stream stream;
	redact_stream_open(&stream, &pool, rules(), &counts);
	size_t first = size > 0 ? data[0] % size : 0;
	redact_stream_feed(&stream, &pool, h2o_iovec_init(data, first));
	redact_stream_feed(&stream, &pool, h2o_iovec_init(data + first, size - first));
	redact_stream_end(&stream, &pool);
	h2o_mem_clear_pool(&pool);
	return 0;
}
