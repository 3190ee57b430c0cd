/* SPDX-License-Identifier: Apache-2.0 */
/* The part of both daemons' configuration that says how they serve: listen, tls, proxy, log, audit_log. Written once,
 * so that both read and refuse alike. */
#ifndef SALLYPORT_SERVING_SETTINGS_H
#define SALLYPORT_SERVING_SETTINGS_H

#include "audit.h"
#include "schema/schema.h"
#include "server.h"

struct serving_settings { /* texts live in the pool or in the document */
	const json_t *listen;
	const json_t *admin_listen;    /* set by authz, which alone has administrators; NULL: none */
	const char *certificate, *key; /* NULL: plain HTTP */
	bool ask_certificate;          /* tls.client_certificates: request */
	const char *client_ca;         /* NULL: no authority is trusted for client certificates */
	const char *const *proxies;    /* NULL-terminated; NULL: none */
	bool tls_terminated_by_proxy;
	unsigned connections_per_address;
	const char *log, *audit_log; /* NULL if absent */
	const char *audit_key;       /* audit_key.h; NULL: the audit log is not signed */
	int64_t audit_checkpoint_ms;
	bool audit_stops_writes_only; /* where the log cannot be written; else nothing is done at all */
};

/* A daemon's configuration schema: its own properties, written as YAML, and those of serving. Built in, so a mistake
 * ends the process. Kept by the pool; the document is what the verb `schema` prints. */
json_t *serving_schema_document(h2o_mem_pool_t *pool, const char *yaml, const char *name);
/* Compiles a schema that is built in, with formats asserted; a mistake ends the process. */
const struct schema *serving_schema_compile(h2o_mem_pool_t *pool, const json_t *document);
/* Reads a document that fits the schema. Paths are relative to the folder of `file`. */
void serving_settings_read(h2o_mem_pool_t *pool, const char *file, const json_t *document,
                           struct serving_settings *ret);
/* What serving would refuse of them: server_options_problem, or a log in a folder that is not there. NULL, or a
 * sentence in the pool. */
const char *serving_settings_problem(h2o_mem_pool_t *pool, const struct serving_settings *settings);
/* The audit log of a daemon (audit_log is there). NULL and *error, in the pool. */
struct audit *serving_open_audit(h2o_mem_pool_t *pool, const struct serving_settings *settings, const char *program,
                                 const char **error);
/* A text array as a NULL-terminated list; an absent one is empty. */
const char *const *serving_text_list(h2o_mem_pool_t *pool, const json_t *array);
/* The server's options that follow from the settings; the others are zero. */
struct server_options serving_server_options(const struct serving_settings *settings);

#endif
