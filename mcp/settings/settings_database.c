/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own role in PostgreSQL: the members `database` and `database_connections` of mcp.yaml. */
#include "common/config.h"
#include "mcp/settings/settings_parts.h"

enum { CONNECTIONS_DEFAULT = 2 };

static const char SCHEMA[] =
    "  database: {description: 'libpq connection of sallyport_mcp, the role of the server itself', type: string, "
    "minLength: 1, maxLength: 4096}\n"
    "  database_connections: {type: integer, minimum: 1, maximum: 16}\n";

static const char *read_database(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets,
                                 struct mcp_settings *settings)
{
	(void)pool, (void)with_secrets;
	settings->database = (struct mcp_database){
	    .conninfo = config_text(document, "database", NULL),
	    .connections = (unsigned)config_int(document, "database_connections", CONNECTIONS_DEFAULT),
	};
	return NULL;
}

const struct settings_part SETTINGS_DATABASE = {SCHEMA, read_database};
