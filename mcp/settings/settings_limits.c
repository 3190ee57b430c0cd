/* SPDX-License-Identifier: Apache-2.0 */
/* The member `limits` of mcp.yaml: how often calls may come (mcp/quota/quota.h). */
#include "common/config.h"
#include "mcp/settings/settings_parts.h"

static const char SCHEMA[] =
    "  limits:\n"
    "    description: How often, a minute\n"
    "    anyOf:\n"
    "    - {enum: ['off']}\n"
    "    - type: object\n"
    "      additionalProperties: false\n"
    "      properties:\n"
    "        person: {description: 'Calls of one person, by whatever clients', $ref: '#/$defs/limit'}\n"
    "        client: {description: Calls of one client of one person, $ref: '#/$defs/limit'}\n"
    "        sql_query: {description: 'Calls of one person, of each tool that takes free queries', $ref: "
    "'#/$defs/limit'}\n"
    "        requests: {description: 'Of any kind, of one client of one person', $ref: '#/$defs/limit'}\n";

static uint32_t read_limit(const json_t *limits, const char *name, uint32_t otherwise)
{
	bool is_off = json_is_string(limits) || json_is_string(json_object_get(limits, name));

	return is_off ? 0 : (uint32_t)config_int(limits, name, otherwise);
}

static const char *read_limits(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets,
                               struct mcp_settings *settings)
{
	const json_t *limits = json_object_get(document, "limits");

	(void)pool, (void)with_secrets;
	settings->quota = (struct quota_settings){
	    .person = read_limit(limits, "person", 300),
	    .client = read_limit(limits, "client", 100),
	    .sql_query = read_limit(limits, "sql_query", 30),
	    .requests = read_limit(limits, "requests", 1200),
	};
	return NULL;
}

const struct settings_part SETTINGS_LIMITS = {SCHEMA, read_limits};
