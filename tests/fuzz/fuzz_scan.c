/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "mcp/guard/untrusted.h"
#include "mcp/guard/untrusted_clean.h"
#include "mcp/guard/untrusted_links.h"
#include "mcp/scan/scan.h"

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void demand_clean(const char *text, size_t len)
{
	uint32_t before = 0;

	for (size_t at = 0, size; at < len; at += size) {
		uint32_t code = text_read(text + at, len - at, &size);
		demand(code == '\n' || code == '\t' || !text_is_invisible(code) || looks_is_emoji_form(before, code));
		before = code;
	}
}

/* Every score is one; JSON stays JSON, and in its strings nothing is left that nobody sees; a text that has no marks
 * any more has none the second time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const h2o_iovec_t input = h2o_iovec_init(data, size), nothing = {NULL, 0};
	struct untrusted_removed removed = {{0}, 0};
	struct untrusted_links links = {0};
	struct scan_verdict verdict = {{0}};
	struct text_buffer json = {0};
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	json.pool = &pool;
	scan_text(&verdict, input);
	demand(scan_score(&verdict) <= 100);
	h2o_iovec_t disarmed = untrusted_disarm(&pool, input);
	demand(untrusted_disarm(&pool, disarmed).base == disarmed.base);
	untrusted_find_links(&links, input, NULL, nothing);
	untrusted_clean(&pool, input, 2, &removed);
	text_append_json(&json, input);
	h2o_iovec_t clean = untrusted_clean(&pool, h2o_iovec_init(json.base, json.len), 1, &removed);
	json_t *value = json_loadb(clean.base, clean.len, JSON_DECODE_ANY, NULL);
	demand(value != NULL);
	demand_clean(json_string_value(value), json_string_length(value));
	json_decref(value);
	h2o_mem_clear_pool(&pool);
	return 0;
}
