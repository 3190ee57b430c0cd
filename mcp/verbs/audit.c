/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `audit`: common/audit_command.h, with what mcp.yaml says. */
#include <string.h>

#include "common/audit_command.h"
#include "mcp/database.h"
#include "mcp/verbs/verbs.h"

static const char *load(void *data, h2o_mem_pool_t *pool, struct mcp_settings *ret)
{
	const char *error = NULL;

	return settings_load(pool, data, false, ret, &error) ? NULL : error;
}

static const char *defaults(void *data, h2o_mem_pool_t *pool, struct audit_defaults *ret)
{
	struct mcp_settings settings;
	const char *problem = load(data, pool, &settings);

	if (problem != NULL)
		return problem;
	ret->log = settings.serving.audit_log;
	if (settings.serving.audit_key != NULL)
		ret->public_key = text_printf(pool, "%s.pub", settings.serving.audit_key);
	return NULL;
}

static const char *heads(void *data, h2o_mem_pool_t *pool, json_t **ret)
{
	struct mcp_settings settings;
	const char *problem = load(data, pool, &settings);

	if (problem == NULL && settings.database.conninfo == NULL)
		problem = text_printf(pool, "%s: there is no database, which would know", settings.file);
	return problem != NULL ? problem : database_audit_heads(pool, &settings, ret);
}

int audit_main(const char *file, int argc, char **argv)
{
	const struct audit_program program = {"sallyport-mcp", defaults, heads, (void *)file};

	json_init();
	return audit_command(&program, argc, argv);
}
