/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/client_metadata_schema.h"

#include <pthread.h>
#include <string.h>

#include "common/config.h"
#include "common/serving_settings.h"

/* A description says what the member must be: it is the problem's text too. Every member may be null or "", which is to
 * leave it out. Members that are not here are ignored (RFC 7591, 2). */
static const char OF_CLIENTS[] =
    "$schema: https://json-schema.org/draft/2020-12/schema\n"
    "title: Client metadata (RFC 7591)\n"
    "type: object\n"
    "$defs:\n"
    "  text: {type: [string, 'null'], maxLength: 256}\n"
    "  uri: {type: [string, 'null'], maxLength: 65536}\n"
    "  flag: {type: [boolean, string, 'null'], maxLength: 0}\n"
    "  words: {type: [array, string, 'null'], maxLength: 0, maxItems: 32, items: {type: string}}\n"
    "properties:\n"
    "  redirect_uris:\n"
    "    description: an array of at most 10 URIs\n"
    "    type: [array, string, 'null']\n"
    "    maxLength: 0\n"
    "    maxItems: 10\n"
    "    items: {type: string}\n"
    "  client_name:\n"
    "    description: at most 64 visible characters\n"
    "    type: [string, 'null']\n"
    "    maxLength: 64\n"
    /* nothing but blanks (category Zs) would leave a hole in the question for consent */
    "    pattern: '^$|[^\\x20\\xA0\\u1680\\u2000-\\u200A\\u202F\\u205F\\u3000]'\n"
    "  grant_types: {description: an array of at most 32 texts, $ref: '#/$defs/words'}\n"
    "  response_types: {description: an array of at most 32 texts, $ref: '#/$defs/words'}\n"
    "  token_endpoint_auth_method:\n"
    "    description: one that the server offers\n"
    "    enum: [none, client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, "
    "self_signed_tls_client_auth, '', null]\n"
    "  token_endpoint_auth_signing_alg: {description: text, $ref: '#/$defs/text'}\n"
    "  jwks: {description: 'an object (RFC 7517, 5)', type: [object, string, 'null'], maxLength: 0}\n"
    "  jwks_uri: {description: an https URL, $ref: '#/$defs/uri'}\n"
    "  scope:\n"
    "    description: scope names with blanks between them\n"
    "    type: [string, 'null']\n"
    "    maxLength: 2048\n"
    "    pattern: '^[\\x20\\x21\\x23-\\x5B\\x5D-\\x7E]*$'\n"
    "  application_type: {description: native or web, enum: [native, web, '', null]}\n"
    "  client_uri: {description: a web URL, $ref: '#/$defs/uri'}\n"
    "  logo_uri: {description: a web URL, $ref: '#/$defs/uri'}\n"
    "  tos_uri: {description: a web URL, $ref: '#/$defs/uri'}\n"
    "  policy_uri: {description: a web URL, $ref: '#/$defs/uri'}\n"
    "  software_id: {description: at most 256 visible characters, $ref: '#/$defs/text'}\n"
    "  software_version: {description: at most 256 visible characters, $ref: '#/$defs/text'}\n"
    "  contacts:\n"
    "    description: an array of at most 10 texts of at most 256 visible characters\n"
    "    type: [array, string, 'null']\n"
    "    maxLength: 0\n"
    "    maxItems: 10\n"
    "    items: {type: string, maxLength: 256}\n"
    "  dpop_bound_access_tokens: {description: true or false, $ref: '#/$defs/flag'}\n"
    "  tls_client_certificate_bound_access_tokens: {description: true or false, $ref: '#/$defs/flag'}\n"
    "  tls_client_auth_subject_dn: {description: text, $ref: '#/$defs/uri'}\n"
    "  tls_client_auth_san_dns: {description: text, $ref: '#/$defs/uri'}\n"
    "  tls_client_auth_san_uri: {description: text, $ref: '#/$defs/uri'}\n"
    "  tls_client_auth_san_ip: {description: text, $ref: '#/$defs/uri'}\n"
    "  tls_client_auth_san_email: {description: text, $ref: '#/$defs/uri'}\n";

/* What nobody may say of himself: which resource he serves, how his people are asked, and that he is enabled. */
static const char OF_ADMINISTRATORS[] =
    "$defs:\n"
    "  resource: {type: [string, 'null'], maxLength: 65536}\n"
    "properties:\n"
    "  enabled: {description: true or false, type: [boolean, string, 'null'], maxLength: 0}\n"
    "  consent: {description: explicit or implicit, enum: [explicit, implicit, '', null]}\n"
    "  resource: {description: the URI of a resource, $ref: '#/$defs/resource'}\n"
    "  default_resource: {description: the URI of a resource, $ref: '#/$defs/resource'}\n";

static struct shape {
	const struct schema *schema;
	const json_t *members; /* name -> its schema */
} of_clients, of_administrators;

static json_t *read_document(h2o_mem_pool_t *pool, const char *text)
{
	const char *error = NULL;
	json_t *document = yaml_parse(pool, text_of(text), "client metadata schema", &error);

	if (document == NULL)
		h2o__fatal(error);
	return document;
}

json_t *client_metadata_document(h2o_mem_pool_t *pool)
{
	static const char *const PARTS[] = {"$defs", "properties"};
	json_t *document = read_document(pool, OF_CLIENTS), *more = read_document(pool, OF_ADMINISTRATORS);

	for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++)
		json_object_update(json_object_get(document, PARTS[i]), json_object_get(more, PARTS[i]));
	return document;
}

static struct shape compile(h2o_mem_pool_t *pool, const char *text)
{
	const json_t *document = read_document(pool, text);

	return (struct shape){serving_schema_compile(pool, document), json_object_get(document, "properties")};
}

static void compile_both(void)
{
	static h2o_mem_pool_t pool; /* of the process */

	h2o_mem_init_pool(&pool);
	of_clients = compile(&pool, OF_CLIENTS);
	of_administrators = compile(&pool, OF_ADMINISTRATORS);
}

void client_metadata_schema_prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, compile_both);
}

static bool has_shape(h2o_mem_pool_t *pool, const json_t *document, const struct shape *shape,
                      struct metadata_problem *problem)
{
	struct schema_problems found;

	if (schema_check(pool, shape->schema, document, &found))
		return true;
	const char *pointer = found.items[0].pointer;
	const char *name =
	    *pointer == '\0' ? "" : text_copy(pool, h2o_iovec_init(pointer + 1, strcspn(pointer + 1, "/")));
	const char *wanted = json_string_value(json_object_get(json_object_get(shape->members, name), "description"));
	problem->error = strcmp(name, "redirect_uris") == 0 ? &INVALID_REDIRECT_URI : &INVALID_CLIENT_METADATA;
	problem->text =
	    wanted == NULL ? "client metadata must be a JSON object" : text_printf(pool, "%s must be %s", name, wanted);
	return false;
}

bool client_metadata_has_shape(h2o_mem_pool_t *pool, const json_t *document, enum metadata_source source,
                               struct metadata_problem *problem)
{
	client_metadata_schema_prepare();
	return has_shape(pool, document, &of_clients, problem) &&
	       (source != METADATA_ADMIN || has_shape(pool, document, &of_administrators, problem));
}

const json_t *client_metadata_member(const json_t *document, const char *name)
{
	const json_t *value = json_object_get(document, name);

	if (json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0))
		return NULL;
	return value;
}
