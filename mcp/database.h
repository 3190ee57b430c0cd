/* SPDX-License-Identifier: Apache-2.0 */
/* What the server asks of PostgreSQL for itself, in the role sallyport_mcp: functions of schema mcp, one statement a
 * function. Tools never come here: they have roles and connections of their own (databases.h). */
#ifndef SALLYPORT_MCP_DATABASE_H
#define SALLYPORT_MCP_DATABASE_H

#include "common/db.h"
#include "mcp/settings/settings.h"

enum database_statement {
	DATABASE_AUDIT_HEADS,
	DATABASE_AUDIT_KNOWS,
	DATABASE_APPROVAL_SPEND,
	DATABASE_QUOTA_EXCHANGE,
	DATABASE_QUOTA_FORGET,
	DATABASE_STATEMENTS
};

/* NULL if the settings name none. Lives as long as the process; db_close for a clean end. */
struct db *database_open(h2o_loop_t *loop, const struct mcp_settings *settings);
/* Whether a person has used the item before: `known` in the answer. False if it cannot be asked now. */
bool database_ask_known(struct db *db, const char *username, const char *item, db_answer_fn *done, void *data);
/* Blocks, for verbs: how far each chain of audit lines had come when lines of it came here, as an array. NULL, or why
 * it cannot be told. */
const char *database_audit_heads(h2o_mem_pool_t *pool, const struct mcp_settings *settings, json_t **ret);
/* Blocks, for verbs: NULL, or why the server could not work with it. */
const char *database_problem(h2o_mem_pool_t *pool, const struct mcp_settings *settings);

#endif
