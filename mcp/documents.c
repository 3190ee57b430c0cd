/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/documents.h"

#include "common/config.h"
#include "common/serving_settings.h"

/* Schemas are written as YAML: they are read by the same strict reader as the files that they describe. */
static const char CONFIG_SCHEMA[] =
    "$schema: https://json-schema.org/draft/2020-12/schema\n"
    "title: Configuration of sallyport-mcp\n"
    "type: object\n"
    "additionalProperties: false\n"
    "required: [resource, listen, authorization_server, introspection, scopes, tools, databases, audit_log]\n"
    "$defs:\n"
    "  duration: {type: string, pattern: '^[0-9]{1,9}(ms|s|m|h|d)$'}\n"
    "  path: {type: string, minLength: 1, maxLength: 4096}\n"
    "  scope: {type: string, pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]{1,128}$'}\n"
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
    "  databases:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties: {read: {$ref: '#/$defs/database'}, write: {$ref: '#/$defs/database'}}\n"
    "  allowed_origins: {type: array, items: {type: string, maxLength: 512}, maxItems: 64}\n"
    "  allowed_hosts: {type: array, items: {type: string, maxLength: 512}, maxItems: 64}\n";

static const char TOOL_SCHEMA[] =
    "$schema: https://json-schema.org/draft/2020-12/schema\n"
    "title: A tool of sallyport-mcp\n"
    "type: object\n"
    "additionalProperties: false\n"
    "required: [name, title, description, scope, tier, input, sql, result]\n"
    "properties:\n"
    "  name: {type: string, pattern: '^[A-Za-z0-9_.-]{1,128}$'}\n"
    "  title: {type: string, minLength: 1, maxLength: 200}\n"
    "  description: {description: For the model, type: string, minLength: 1, maxLength: 4000}\n"
    "  scope: {description: The scope that opens the tool, type: string, pattern: "
    "'^[\\x21\\x23-\\x5B\\x5D-\\x7E]{1,128}$'}\n"
    "  tier: {enum: [read, write, destroy]}\n"
    "  acquirable:\n"
    "    description: A person who could be granted the scope sees the tool; its call then asks for the scope\n"
    "    type: boolean\n"
    "  untrusted: {description: The result holds text of strangers and is marked as such, type: boolean}\n"
    "  input: {description: JSON Schema 2020-12 of the arguments, type: object}\n"
    "  sql:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    required: [statement, parameters]\n"
    "    properties:\n"
    "      statement: {description: 'One statement with $1 ...', type: string, minLength: 1, maxLength: 20000}\n"
    "      parameters:\n"
    "        description: Names of the arguments for $1 ..., absent ones are NULL\n"
    "        type: array\n"
    "        items: {type: string, minLength: 1, maxLength: 128}\n"
    "        uniqueItems: true\n"
    "        maxItems: 32\n"
    "      write: {description: 'Run in the role that may write', type: boolean}\n"
    "      timeout: {type: string, pattern: '^[0-9]{1,6}(ms|s|m)$'}\n"
    "  result:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    required: [columns]\n"
    "    properties:\n"
    "      columns: {type: array, items: {type: string, minLength: 1, maxLength: 63}, uniqueItems: true, minItems: 1, "
    "maxItems: 64}\n"
    "      rows: {type: integer, minimum: 1, maximum: 1000}\n";

json_t *document_of_config(h2o_mem_pool_t *pool)
{
	return serving_schema_document(pool, CONFIG_SCHEMA, "configuration schema");
}

json_t *document_of_tool(h2o_mem_pool_t *pool)
{
	const char *error = NULL;
	json_t *document = yaml_parse(pool, text_of(TOOL_SCHEMA), "tool schema", &error);

	if (document == NULL)
		h2o__fatal(error);
	return document;
}
