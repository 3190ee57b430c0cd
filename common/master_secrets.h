/* SPDX-License-Identifier: Apache-2.0 */
/* Where the master secrets come from: a file, an environment variable, or a credential of the service manager. */
#ifndef SALLYPORT_MASTER_SECRETS_H
#define SALLYPORT_MASTER_SECRETS_H

#include "handle.h"
#include "json.h"

struct master_secrets_place { /* one of them; the others are NULL */
	const char *file, *variable, *credential;
};
/* The member "secrets" of a configuration: a path, {environment: NAME} or {credential: NAME}. `config_file`: where the
 * configuration was read, which paths are relative to. All NULL if it is absent. */
struct master_secrets_place master_secrets_place_read(h2o_mem_pool_t *pool, const char *config_file,
                                                      const json_t *config);

/* NULL and *error. A variable is wiped where it stands as soon as it was read, so that neither a child nor
 * /proc/self/environ tells it: it can be read once. */
struct handle_keys *master_secrets_load(h2o_mem_pool_t *pool, const struct master_secrets_place *place,
                                        const char **error);

#endif
