/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.h"
#include "mcp/settings/settings_parts.h"

static const char SCHEMA[] =
    "  upstreams: {description: Folder of the files of upstream servers, $ref: '#/$defs/path'}\n";

static const char *read_upstreams(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets,
                                  struct mcp_settings *ret)
{
	(void)with_secrets;
	ret->upstreams = config_path(pool, ret->file, document, "upstreams");
	return NULL;
}

const struct settings_part SETTINGS_UPSTREAMS = {SCHEMA, read_upstreams};
