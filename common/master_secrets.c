/* SPDX-License-Identifier: Apache-2.0 */
#include "master_secrets.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "secret.h"

static struct handle_keys *load_variable(h2o_mem_pool_t *pool, const char *name, const char **error)
{
	char *value = getenv(name);
	struct handle_keys *keys;

	if (value == NULL) {
		*error = text_printf(pool, "secrets: the environment variable %s is not set", name);
		return NULL;
	}
	keys = handle_keys_read(pool, text_of(value), name, error);
	secret_wipe(value, strlen(value));
	unsetenv(name);
	return keys;
}

/* systemd.exec(5), LoadCredential= and LoadCredentialEncrypted= */
static struct handle_keys *load_credential(h2o_mem_pool_t *pool, const char *name, const char **error)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	if (folder != NULL)
		return handle_keys_load(pool, text_printf(pool, "%s/%s", folder, name), error);
	*error = text_printf(pool, "secrets: there are no credentials (CREDENTIALS_DIRECTORY is not set)");
	return NULL;
}

struct master_secrets_place master_secrets_place_read(h2o_mem_pool_t *pool, const char *config_file,
                                                      const json_t *config)
{
	const json_t *secrets = json_object_get(config, "secrets");

	return (struct master_secrets_place){
	    .file = config_path(pool, config_file, config, "secrets"),
	    .variable = config_text(secrets, "environment", NULL),
	    .credential = config_text(secrets, "credential", NULL),
	};
}

struct handle_keys *master_secrets_load(h2o_mem_pool_t *pool, const struct master_secrets_place *place,
                                        const char **error)
{
	if (place->variable != NULL)
		return load_variable(pool, place->variable, error);
	if (place->credential != NULL)
		return load_credential(pool, place->credential, error);
	return handle_keys_load(pool, place->file, error);
}
