/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.h"
#include "mcp/settings/settings_parts.h"

enum { AT_ONCE_DEFAULT = 32 };

static const char SCHEMA[] =
    "  commands:\n"
    "    description: Programs that tools may run and that serve upstream\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    required: [allowed]\n"
    "    properties:\n"
    "      allowed:\n"
    "        description: 'Absolute paths; no other program is ever started'\n"
    "        type: array\n"
    "        items: {type: string, pattern: '^/[^\\x00-\\x1F]+$', maxLength: 1024}\n"
    "        uniqueItems: true\n"
    "        minItems: 1\n"
    "        maxItems: 100\n"
    "      user: {description: 'Whose rights they have where the server runs as root, default nobody', type: string, "
    "minLength: 1, maxLength: 64}\n"
    "      at_once: {description: Commands of tools under way, type: integer, minimum: 1, maximum: 128}\n";

static const char *read_commands(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets,
                                 struct mcp_settings *settings)
{
	const json_t *commands = json_object_get(document, "commands");

	(void)with_secrets;
	if (commands == NULL)
		return NULL;
	settings->commands = (struct command_settings){
	    .allowed = serving_text_list(pool, json_object_get(commands, "allowed")),
	    .user = config_text(commands, "user", NULL),
	    .at_once = (unsigned)config_int(commands, "at_once", AT_ONCE_DEFAULT),
	};
	return NULL;
}

const struct settings_part SETTINGS_COMMANDS = {SCHEMA, read_commands};
