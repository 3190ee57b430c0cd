/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/quota/quota_file.h"

#include "common/config.h"
#include "mcp/backend/backends.h"

const char QUOTA_FILE_SCHEMA[] =
    "description: How often the item is used, beside the limits of mcp.yaml, and how many calls of it run at a time\n"
    "type: object\n"
    "additionalProperties: false\n"
    "minProperties: 1\n"
    "properties:\n"
    "  per_minute:\n"
    "    description: Calls of one person a minute, or off\n"
    "    anyOf: [{enum: ['off']}, {type: integer, minimum: 1, maximum: 1000000}]\n"
    "  all_per_minute: {description: Calls of everybody a minute, type: integer, minimum: 1, maximum: 1000000}\n"
    "  at_once: {description: 'Calls of everybody under way, each person with a share', type: integer, minimum: 1, "
    "maximum: 1000000}\n";

const struct quota_limits *quota_file_read(struct loading *l, const struct item *item)
{
	const json_t *part = json_object_get(l->document, "limits"), *own = json_object_get(part, "per_minute");
	uint32_t otherwise = item->backend == &BACKEND_SQL_QUERY ? l->settings->quota.sql_query : 0;
	struct quota_limits limits = {
	    .per_minute = json_is_string(own) ? 0 : (uint32_t)config_int(part, "per_minute", otherwise),
	    .all_per_minute = (uint32_t)config_int(part, "all_per_minute", 0),
	    .at_once = (unsigned)config_int(part, "at_once", 0),
	};

	if (limits.per_minute + limits.all_per_minute + limits.at_once == 0)
		return NULL;
	limits.number = rate_number(text_of(text_printf(l->pool, "%s %s", item_kind_name(item->kind), item->key)));
	struct quota_limits *kept = h2o_mem_alloc_pool(l->pool, sizeof(*kept));
	*kept = limits;
	return kept;
}
