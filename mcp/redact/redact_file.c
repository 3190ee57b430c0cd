/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/redact/redact_file.h"

const char REDACT_FILE_SCHEMA[] =
    "description: What the item may let out that is otherwise replaced by a mark\n"
    "type: object\n"
    "additionalProperties: false\n"
    "properties:\n"
    "  allow:\n"
    "    description: Kinds that stay as they are\n"
    "    type: array\n"
    "    uniqueItems: true\n"
    "    items: {enum: [email, phone, national_id, card, iban, vendor_key, authorization, private_key, jwt, password, "
    "field]}\n"
    "  fields:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      allow: {description: Members whose values stay, $ref: '#/properties/redact/properties/fields/$defs/names'}\n"
    "      add: {description: Members whose values are replaced too, $ref: "
    "'#/properties/redact/properties/fields/$defs/names'}\n"
    "    $defs:\n"
    "      names: {type: array, maxItems: 200, uniqueItems: true, items: {type: string, minLength: 1, maxLength: "
    "63}}\n";

static struct redact_names read_names(h2o_mem_pool_t *pool, const json_t *array)
{
	struct redact_names names = {.list = h2o_mem_alloc_pool(pool, (json_array_size(array) + 1) * sizeof(char *))};
	json_t *name;
	size_t i;

	json_array_foreach (array, i, name) {
		char plain[REDACT_NAME_SIZE];
		if (redact_plain_name(text_of(json_string_value(name)), plain))
			names.list[names.count++] = text_copy(pool, text_of(plain));
	}
	return names;
}

const struct redact_rules *redact_file_read(struct loading *l)
{
	const json_t *part = json_object_get(l->document, "redact"), *fields = json_object_get(part, "fields");
	struct redact_rules *rules = h2o_mem_alloc_pool(l->pool, sizeof(*rules));
	json_t *name;
	size_t i;

	*rules = (struct redact_rules){
	    .redactor = l->catalogue->redactor,
	    .fields_allowed = read_names(l->pool, json_object_get(fields, "allow")),
	    .fields_added = read_names(l->pool, json_object_get(fields, "add")),
	};
	json_array_foreach (json_object_get(part, "allow"), i, name)
		rules->allowed |= 1U << redact_kind_of(text_of(json_string_value(name)));
	return rules;
}

static void add_secret(struct redactor *redactor, const struct secret *secret)
{
	if (secret->bytes != NULL)
		redactor_add_secret(redactor, secret->bytes, secret->len);
}

struct redactor *redact_file_redactor(h2o_mem_pool_t *pool, const struct mcp_settings *settings)
{
	struct redactor *redactor = redactor_make(pool);

	add_secret(redactor, &settings->client_secret);
	for (size_t i = 0; i < settings->issuers.foreign_count; i++)
		add_secret(redactor, &settings->issuers.foreign[i].client_secret);
	add_secret(redactor, &settings->issuers.service.key);
	redactor_add_conninfo(redactor, settings->database.conninfo);
	redactor_add_conninfo(redactor, settings->read.conninfo);
	redactor_add_conninfo(redactor, settings->write.conninfo);
	redactor_add_conninfo(redactor, settings->analyst.conninfo);
	return redactor;
}
