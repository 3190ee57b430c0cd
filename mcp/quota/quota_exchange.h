/* SPDX-License-Identifier: Apache-2.0 */
/* What processes tell each other of budgets: once a second, in one statement, those that were asked since the last
 * time. The database keeps what is left over all processes, by its clock; what comes back replaces what this process
 * thought, less what it has used meanwhile. While the database is away each process goes on by itself. */
#ifndef SALLYPORT_MCP_QUOTA_EXCHANGE_H
#define SALLYPORT_MCP_QUOTA_EXCHANGE_H

#include "common/db.h"
#include "mcp/quota/quota.h"

struct quota_exchange;

/* Lives as long as the process. */
struct quota_exchange *quota_exchange_open(h2o_mem_pool_t *pool, struct quota *quota, struct db *db);
/* Once a second. */
void quota_exchange_tick(void *exchange);

#endif
