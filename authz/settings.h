/* SPDX-License-Identifier: Apache-2.0 */
/* authz.yaml: read, checked against its schema and against what the specifications demand of an issuer, before any
 * value is used. */
#ifndef SALLYPORT_SETTINGS_H
#define SALLYPORT_SETTINGS_H

#include "authz.h"

/* The JSON Schema of authz.yaml (2020-12), also printed for editors. */
extern const char SETTINGS_SCHEMA[];

struct settings { /* the whole file; all texts live in the pool */
	struct authz_settings authz;
	const char *file; /* where it was read */
	const json_t *listen;
	const char *certificate, *key; /* NULL: plain HTTP */
	const char *const *proxies;    /* NULL-terminated; NULL: none */
	bool tls_terminated_by_proxy;
	const char *database;	    /* conninfo of the daemon */
	const char *admin_database; /* of the operator's verbs; NULL if absent */
	unsigned database_connections;
	const char *secrets;	     /* file of handle and sealing keys */
	const char *log, *audit_log; /* NULL: standard error / none */
	unsigned workers;
};

/* NULL and *error (one line that names file and member). */
struct settings *settings_load(h2o_mem_pool_t *pool, const char *file, const char **error);

#endif
