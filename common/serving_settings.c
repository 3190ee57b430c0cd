/* SPDX-License-Identifier: Apache-2.0 */
#include "serving_settings.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "config.h"

enum { CHECKPOINT_DEFAULT_MS = 60 * 1000 };

static const char SERVING_PROPERTIES[] =
    "listen:\n"
    "  description: address:port, numeric, or a list\n"
    "  anyOf:\n"
    "    - {type: string, minLength: 1, maxLength: 64}\n"
    "    - {type: array, items: {type: string, minLength: 1, maxLength: 64}, minItems: 1, maxItems: 8}\n"
    "tls:\n"
    "  description: PEM files\n"
    "  type: object\n"
    "  additionalProperties: false\n"
    "  required: [certificate, key]\n"
    "  properties:\n"
    "    certificate: {type: string, minLength: 1, maxLength: 4096}\n"
    "    key: {type: string, minLength: 1, maxLength: 4096}\n"
    "    client_certificates:\n"
    "      description: Whether clients are asked for a certificate; none has to present one\n"
    "      enum: ['off', request]\n"
    "    client_ca:\n"
    "      description: PEM file of the authorities whose client certificates are trusted\n"
    "      type: string\n"
    "      minLength: 1\n"
    "      maxLength: 4096\n"
    "proxy:\n"
    "  type: object\n"
    "  additionalProperties: false\n"
    "  required: [addresses]\n"
    "  properties:\n"
    "    terminates_tls: {description: A proxy in front of this daemon terminates TLS, type: boolean}\n"
    "    addresses:\n"
    "      description: Numeric addresses whose X-Forwarded-For is believed\n"
    "      type: array\n"
    "      items: {type: string, minLength: 1, maxLength: 64}\n"
    "      minItems: 1\n"
    "      maxItems: 64\n"
    "connections_per_address: {description: Open at a time, type: integer, minimum: 1, maximum: 1000000}\n"
    "log: {description: 'File; absent: standard error', type: string, minLength: 1, maxLength: 4096}\n"
    "audit_log: {description: File, type: string, minLength: 1, maxLength: 4096}\n"
    "audit:\n"
    "  description: What is done with the audit log beside writing it\n"
    "  type: object\n"
    "  additionalProperties: false\n"
    "  properties:\n"
    "    key: {description: File of the key that signs it, type: string, minLength: 1, maxLength: 4096}\n"
    "    checkpoint: {description: 'How long a line stays without a signed one behind it', type: string, "
    "pattern: " DURATION_PATTERN "}\n"
    "    when_full: {description: What stops when it cannot be written, enum: [stop_all, stop_writes]}\n";

static json_t *parse(h2o_mem_pool_t *pool, const char *yaml, const char *name)
{
	const char *error = NULL;
	json_t *document = yaml_parse(pool, text_of(yaml), name, &error);

	if (document == NULL)
		h2o__fatal(error);
	return document;
}

json_t *serving_schema_document(h2o_mem_pool_t *pool, const char *yaml, const char *name)
{
	json_t *document = parse(pool, yaml, name);
	json_t *serving = parse(pool, SERVING_PROPERTIES, "the properties of serving");

	json_object_update_missing(json_object_get(document, "properties"), serving);
	return document;
}

const struct schema *serving_schema_compile(h2o_mem_pool_t *pool, const json_t *document)
{
	struct schema_options options = {.assert_formats = true};
	const char *error = NULL;
	const struct schema *schema = schema_compile(pool, document, &options, &error);

	if (schema == NULL)
		h2o__fatal(error);
	return schema;
}

const char *const *serving_text_list(h2o_mem_pool_t *pool, const json_t *array)
{
	size_t count = json_array_size(array);
	const char **list = h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*list));

	for (size_t i = 0; i < count; i++)
		list[i] = json_string_value(json_array_get(array, i));
	list[count] = NULL;
	return list;
}

void serving_settings_read(h2o_mem_pool_t *pool, const char *file, const json_t *document, struct serving_settings *ret)
{
	const json_t *tls = json_object_get(document, "tls"), *proxy = json_object_get(document, "proxy"),
		     *audit = json_object_get(document, "audit");

	*ret = (struct serving_settings){
	    .listen = json_object_get(document, "listen"),
	    .certificate = config_path(pool, file, tls, "certificate"),
	    .key = config_path(pool, file, tls, "key"),
	    .ask_certificate = strcmp(config_text(tls, "client_certificates", "off"), "request") == 0,
	    .client_ca = config_path(pool, file, tls, "client_ca"),
	    .proxies = proxy != NULL ? serving_text_list(pool, json_object_get(proxy, "addresses")) : NULL,
	    .tls_terminated_by_proxy = config_bool(proxy, "terminates_tls", false),
	    .connections_per_address = (unsigned)config_int(document, "connections_per_address", 512),
	    .log = config_path(pool, file, document, "log"),
	    .audit_log = config_path(pool, file, document, "audit_log"),
	    .audit_key = config_path(pool, file, audit, "key"),
	    .audit_checkpoint_ms = config_duration_ms(audit, "checkpoint", CHECKPOINT_DEFAULT_MS),
	    .audit_stops_writes_only = strcmp(config_text(audit, "when_full", "stop_all"), "stop_writes") == 0,
	};
}

struct server_options serving_server_options(const struct serving_settings *s)
{
	return (struct server_options){
	    .listen = s->listen,
	    .admin_listen = s->admin_listen,
	    .certificate = s->certificate,
	    .key = s->key,
	    .ask_certificate = s->ask_certificate,
	    .client_ca = s->client_ca,
	    .proxies = s->proxies,
	    .tls_terminated_by_proxy = s->tls_terminated_by_proxy,
	    .connections_per_address = s->connections_per_address,
	};
}

static const char *log_problem(h2o_mem_pool_t *pool, const char *member, const char *path)
{
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;

	if (slash == NULL || slash == path)
		return NULL;
	const char *folder = text_printf(pool, "%.*s", (int)(slash - path), path);
	if (access(folder, F_OK) == 0)
		return NULL;
	if (errno == ENOENT)
		return text_printf(pool, "%s: there is no folder %s", member, folder);
	return text_printf(pool, "%s: %s: %s", member, path, strerror(errno));
}

static const char *file_problem(h2o_mem_pool_t *pool, const char *member, const char *path)
{
	if (path == NULL || access(path, R_OK) == 0)
		return NULL;
	return text_printf(pool, "%s: %s: %s", member, path, strerror(errno));
}

/* They are compared with the address of a connection: a name or a range would be nobody's. */
static const char *proxy_problem(h2o_mem_pool_t *pool, const char *const *proxies)
{
	struct address unused;

	for (; proxies != NULL && *proxies != NULL; proxies++)
		if (!address_parse(text_of(*proxies), &unused))
			return text_printf(pool, "proxy.addresses: %s is not one numeric address", *proxies);
	return NULL;
}

const char *serving_settings_problem(h2o_mem_pool_t *pool, const struct serving_settings *settings)
{
	struct server_options options = serving_server_options(settings);
	const char *problem = file_problem(pool, "tls.certificate", settings->certificate);

	if (problem == NULL)
		problem = file_problem(pool, "tls.key", settings->key);
	if (problem == NULL)
		problem = file_problem(pool, "tls.client_ca", settings->client_ca);
	if (problem == NULL)
		problem = proxy_problem(pool, settings->proxies);
	if (problem == NULL)
		problem = server_options_problem(pool, &options);
	if (problem == NULL)
		problem = log_problem(pool, "log", settings->log);
	if (problem == NULL)
		problem = log_problem(pool, "audit_log", settings->audit_log);
	return problem != NULL ? problem : file_problem(pool, "audit.key", settings->audit_key);
}

struct audit *serving_open_audit(h2o_mem_pool_t *pool, const struct serving_settings *s, const char *program,
                                 const char **error)
{
	struct audit_key *key = NULL;
	struct audit *audit;

	if (s->audit_key != NULL && (key = audit_key_load(pool, s->audit_key, false, error)) == NULL)
		return NULL;
	audit = audit_open(program, s->audit_log, key);
	if (audit != NULL)
		return audit;
	*error = text_printf(pool, "%s: %s", s->audit_log, strerror(errno));
	audit_key_free(key);
	return NULL;
}
