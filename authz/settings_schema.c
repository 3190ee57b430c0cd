/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

/* Without what serving_settings.c adds. */
static const char SCHEMA[] =
    "$schema: https://json-schema.org/draft/2020-12/schema\n"
    "title: Configuration of sallyport-authz\n"
    "type: object\n"
    "additionalProperties: false\n"
    "required: [issuer, listen, database, secrets]\n"
    "$defs:\n"
    "  duration: {type: string, pattern: '^[0-9]{1,9}(ms|s|m|h|d)$'}\n"
    "  text: {type: string, minLength: 1, maxLength: 4096}\n"
    "properties:\n"
    "  issuer: {description: 'Byte for byte in every document and token', $ref: '#/$defs/text'}\n"
    "  database: {description: libpq connection of the daemon, $ref: '#/$defs/text'}\n"
    "  admin_database: {description: libpq connection of the operator\'s verbs, $ref: '#/$defs/text'}\n"
    "  database_connections: {type: integer, minimum: 1, maximum: 16}\n"
    "  secrets: {description: File of master secrets, $ref: '#/$defs/text'}\n"
    "  templates: {description: Folder of the pages, $ref: '#/$defs/text'}\n"
    "  registration: {description: RFC 7591 without an initial access token, enum: [open, closed]}\n"
    "  lifetimes:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      code: {$ref: '#/$defs/duration'}\n"
    "      access_token: {$ref: '#/$defs/duration'}\n"
    "      grant: {$ref: '#/$defs/duration'}\n"
    "      refresh_retry_window: {$ref: '#/$defs/duration'}\n"
    "      request: {$ref: '#/$defs/duration'}\n"
    "      session_idle: {$ref: '#/$defs/duration'}\n"
    "      session: {$ref: '#/$defs/duration'}\n"
    "  argon2:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      memory_kib: {type: integer, minimum: 8, maximum: 262144}\n"
    "      passes: {type: integer, minimum: 1, maximum: 16}\n"
    "  workers: {description: Threads that hash passwords, type: integer, minimum: 1, maximum: 16}\n";

json_t *settings_schema(h2o_mem_pool_t *pool)
{
	return serving_schema_document(pool, SCHEMA, "configuration schema");
}
