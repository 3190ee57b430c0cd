/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/settings/documents.h"

#include "common/config.h"
#include "common/serving_settings.h"
#include "mcp/catalogue/loading.h"
#include "mcp/policy/rules.h"
#include "mcp/settings/settings_parts.h"

/* Schemas are written as YAML: they are read by the same strict reader as the files that they describe. */
static const char CONFIG_SCHEMA[] =
    "$schema: https://json-schema.org/draft/2020-12/schema\n"
    "title: Configuration of sallyport-mcp\n"
    "type: object\n"
    "additionalProperties: false\n"
    "required: [resource, listen, authorization_server, introspection, scopes, tools, databases, audit_log]\n"
    "$defs:\n"
    "  limit: {anyOf: [{enum: ['off']}, {type: integer, minimum: 1, maximum: 1000000}]}\n"
    "  duration: {type: string, pattern: " DURATION_PATTERN "}\n"
    "  path: {type: string, minLength: 1, maxLength: 4096}\n"
    "  scope: {type: string, pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$', maxLength: 128}\n"
    "  database:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    required: [conninfo]\n"
    "    properties:\n"
    "      conninfo: {type: string, minLength: 1, maxLength: 4096}\n"
    "      connections: {type: integer, minimum: 1, maximum: 16}\n"
    "properties:\n"
    "  resource: {description: 'URL of the MCP endpoint, byte for byte as clients write it', type: string, maxLength: "
    "2048}\n"
    "  name: {description: Shown to people, type: string, minLength: 1, maxLength: 100}\n"
    "  ca_file: {description: Certificates to trust for the authorization server, $ref: '#/$defs/path'}\n"
    "  authorization_server: {description: Issuer of the access tokens, type: string, maxLength: 2048}\n"
    "  introspection:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    required: [client_id, client_secret_file]\n"
    "    properties:\n"
    "      client_id: {type: string, minLength: 1, maxLength: 256}\n"
    "      client_secret_file: {$ref: '#/$defs/path'}\n"
    "      cache: {description: 'How long an answer is believed while the revocation feed is not live', $ref: "
    "'#/$defs/duration'}\n"
    "  secrets:\n"
    "    description: 'Master secrets, in a file or where else, that all servers of the resource share'\n"
    "    anyOf:\n"
    "    - {$ref: '#/$defs/path'}\n"
    "    - type: object\n"
    "      additionalProperties: false\n"
    "      required: [environment]\n"
    "      properties:\n"
    "        environment: {type: string, pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$'}\n"
    "    - type: object\n"
    "      additionalProperties: false\n"
    "      required: [credential]\n"
    "      properties:\n"
    "        credential: {description: In $CREDENTIALS_DIRECTORY, type: string, pattern: "
    "'^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$'}\n"
    "  dpop:\n"
    "    description: Proofs of keys that tokens are bound to\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      nonce: {description: Whether each must have a nonce of the server, enum: [required, optional]}\n"
    "  initial_scopes: {type: array, items: {$ref: '#/$defs/scope'}, uniqueItems: true, maxItems: 100}\n"
    "  scopes:\n"
    "    type: object\n"
    "    propertyNames: {$ref: '#/$defs/scope'}\n"
    "    maxProperties: 100\n"
    "    additionalProperties:\n"
    "      type: object\n"
    "      additionalProperties: false\n"
    "      required: [title]\n"
    "      properties:\n"
    "        title: {type: string, minLength: 1, maxLength: 200}\n"
    "        implies: {description: Scopes that come with it, type: array, items: {$ref: '#/$defs/scope'}, "
    "uniqueItems: true, maxItems: 100}\n"
    "  tools: {description: Folder of the tool files, $ref: '#/$defs/path'}\n"
    "  resources: {description: Folder of the files of resources and templates, $ref: '#/$defs/path'}\n"
    "  prompts: {description: Folder of the prompt files, $ref: '#/$defs/path'}\n"
    "  watch_files: {description: 'Load tools, resources and prompts again when their files change', type: boolean}\n"
    "  databases:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties: {read: {$ref: '#/$defs/database'}, write: {$ref: '#/$defs/database'}, analyst: {$ref: "
    "'#/$defs/database'}}\n"
    "  allowed_origins:\n"
    "    description: As browsers write them, such as https://app.example\n"
    "    type: array\n"
    "    items: {type: string, pattern: '^([a-z][a-z0-9+.-]*://[^/?#\\s\\x00-\\x20\\x7F]+|null)$', maxLength: 512}\n"
    "    maxItems: 64\n"
    "  allowed_hosts: {type: array, items: {type: string, pattern: '^[!-~]+$', maxLength: 512}, maxItems: 64}\n"
    "  calls:\n"
    "    description: Calls under way, at a time\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      per_person: {description: 'Of one person, by whatever clients', type: integer, minimum: 1, maximum: "
    "1000000}\n"
    "  streams:\n"
    "    description: Clients that listen for changes, at a time\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      all: {type: integer, minimum: 0, maximum: 1000000}\n"
    "      per_caller: {description: Of one client of one person, type: integer, minimum: 1, maximum: 1000000}\n";

json_t *document_of_config(h2o_mem_pool_t *pool)
{
	struct text_buffer text = {.pool = pool};

	text_append_str(&text, CONFIG_SCHEMA);
	for (size_t i = 0; SETTINGS_PARTS[i] != NULL; i++)
		text_append_str(&text, SETTINGS_PARTS[i]->schema);
	return serving_schema_document(pool, text.base, "configuration schema");
}

json_t *document_of_tool(h2o_mem_pool_t *pool)
{
	return item_file_schema(pool, &TOOL_FILE);
}

json_t *document_of_resource(h2o_mem_pool_t *pool)
{
	return item_file_schema(pool, &RESOURCE_FILE);
}

json_t *document_of_rules(h2o_mem_pool_t *pool)
{
	return rules_document(pool);
}

json_t *document_of_prompt(h2o_mem_pool_t *pool)
{
	return item_file_schema(pool, &PROMPT_FILE);
}
