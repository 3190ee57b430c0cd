/* SPDX-License-Identifier: Apache-2.0 */
/* Queries of analysts: whatever the text is, the parser and the walk come back; what is let through is a part of the
 * text, and what it says of itself is let through again. */
#include <stdlib.h>
#include <string.h>

#include "mcp/backend/sql/sql_guard.h"

static const char *const SCHEMAS[] = {"reporting", NULL};
static const char *const FUNCTIONS[] = {"generate_series", "reporting.score", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sql_rules rules = {.schemas = SCHEMAS, .functions = FUNCTIONS};
	h2o_iovec_t sql = h2o_iovec_init((const char *)data, size);
	struct sql_guarded guarded, again;
	h2o_mem_pool_t pool;

	if (!text_is_utf8(sql)) /* as JSON's texts are; no NUL */
		return 0;
	h2o_mem_init_pool(&pool);
	if (sql_guard_check(&pool, &rules, sql, &guarded) == NULL) {
		if (guarded.text.base < sql.base || guarded.text.base + guarded.text.len > sql.base + sql.len)
			abort();
		if (sql_guard_check(&pool, &rules, guarded.text, &again) != NULL ||
		    again.relation_count != guarded.relation_count)
			abort();
	}
	h2o_mem_clear_pool(&pool);
	return 0;
}
