/* SPDX-License-Identifier: Apache-2.0 */
/* authz.yaml: read, checked against its schema and against what the specifications demand of an issuer, before any
 * value is used. */
#ifndef SALLYPORT_SETTINGS_H
#define SALLYPORT_SETTINGS_H

#include "authz/authz.h"
#include "common/master_secrets.h"
#include "common/serving_settings.h"

/* The JSON Schema of authz.yaml (2020-12), also printed for editors. Kept by the pool. */
json_t *settings_schema(h2o_mem_pool_t *pool);

struct settings { /* the whole file; all texts live in the pool */
	struct authz_settings authz;
	const char *file; /* where it was read */
	struct serving_settings serving;
	const char *database;       /* conninfo of the daemon */
	const char *admin_database; /* of the operator's verbs; NULL if absent */
	unsigned database_connections;
	/* of the handle and sealing keys */
	struct master_secrets_place secrets;
	unsigned workers;
};

/* NULL and *error (one line that names file and member). */
struct settings *settings_load(h2o_mem_pool_t *pool, const char *file, const char **error);

#endif
