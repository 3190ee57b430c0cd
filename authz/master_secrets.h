/* SPDX-License-Identifier: Apache-2.0 */
/* Where the master secrets come from: a file, an environment variable, or a credential of the service manager. */
#ifndef SALLYPORT_MASTER_SECRETS_H
#define SALLYPORT_MASTER_SECRETS_H

#include "authz/settings.h"
#include "common/handle.h"

/* NULL and *error. A variable is wiped where it stands as soon as it was read, so that neither a child nor
 * /proc/self/environ tells it: it can be read once. */
struct handle_keys *master_secrets_load(h2o_mem_pool_t *pool, const struct settings *settings, const char **error);

#endif
