/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#define TEXT "{\"type\": \"string\", \"minLength\": 1, \"maxLength\": 4096}"
#define DURATION "{\"type\": \"string\", \"pattern\": \"^[0-9]{1,9}(ms|s|m|h|d)$\"}"
#define WHOLE(least, most) "{\"type\": \"integer\", \"minimum\": " #least ", \"maximum\": " #most "}"

const char SETTINGS_SCHEMA[] =
	"{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"title\": \"authz.yaml\","
	" \"type\": \"object\", \"additionalProperties\": false, \"required\": [\"issuer\", \"listen\", \"database\", \"secrets\"],"
	" \"properties\": {"
	"  \"issuer\": " TEXT ","
	"  \"listen\": {\"anyOf\": [" TEXT ", {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 8, \"items\": " TEXT "}]},"
	"  \"tls\": {\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"certificate\", \"key\"],"
	"   \"properties\": {\"certificate\": " TEXT ", \"key\": " TEXT "}},"
	"  \"proxy\": {\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"addresses\"],"
	"   \"properties\": {\"terminates_tls\": {\"type\": \"boolean\"},"
	"    \"addresses\": {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 64, \"items\": " TEXT "}}},"
	"  \"database\": " TEXT ","
	"  \"admin_database\": " TEXT ","
	"  \"database_connections\": " WHOLE(1, 16) ","
	"  \"secrets\": " TEXT ","
	"  \"templates\": " TEXT ","
	"  \"log\": " TEXT ","
	"  \"audit_log\": " TEXT ","
	"  \"registration\": {\"enum\": [\"open\", \"closed\"]},"
	"  \"lifetimes\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
	"   \"code\": " DURATION ", \"access_token\": " DURATION ", \"grant\": " DURATION ", \"refresh_retry_window\": " DURATION ","
	"   \"request\": " DURATION ", \"session_idle\": " DURATION ", \"session\": " DURATION "}},"
	"  \"argon2\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
	"   \"memory_kib\": " WHOLE(8, 262144) ", \"passes\": " WHOLE(1, 16) "}},"
	"  \"workers\": " WHOLE(1, 16)
	" }}";
