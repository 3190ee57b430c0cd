/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/settings/settings_parts.h"

#include "common/config.h"
#include "mcp/caller/claims.h"

static const char SCHEMA[] =
    "  claims:\n"
    "    description: 'What tokens say of callers, beside sub, username, client_id, scope, iss, roles, groups, "
    "auth_time, acr and authorization_details'\n"
    "    type: object\n"
    "    propertyNames: {pattern: '^[A-Za-z0-9_.:/-]{1,128}$'}\n"
    "    maxProperties: 50\n"
    "    additionalProperties:\n"
    "      type: object\n"
    "      additionalProperties: false\n"
    "      required: [title]\n"
    "      properties:\n"
    "        title: {type: string, minLength: 1, maxLength: 200}\n"
    "  rules: {description: File of the rules that limit callers and their arguments, $ref: '#/$defs/path'}\n"
    "  catalogue_file: {description: 'File that the server writes what it has loaded to, for check --against', $ref: "
    "'#/$defs/path'}\n";

static const char *read_rules(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets, struct mcp_settings *ret)
{
	const char *name;
	json_t *words;

	ret->claims = json_object_get(document, "claims");
	ret->rules = config_path(pool, ret->file, document, "rules");
	ret->catalogue_file = config_path(pool, ret->file, document, "catalogue_file");
	(void)with_secrets;
	json_object_foreach ((json_t *)ret->claims, name, words) {
		if (claims_is_built_in(name))
			return text_printf(pool, "claims: %s is known without being named", name);
		if (text_has_invisible(json_get_text(words, "title")))
			return "claims: a title has control or invisible characters";
	}
	return NULL;
}

const struct settings_part SETTINGS_RULES = {SCHEMA, read_rules};
