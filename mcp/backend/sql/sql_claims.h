/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a database who the caller is, so that its row-level security can ask. The claims are settings of the
 * transaction, which any statement could set: so they come with a proof, that the database verifies with keys that only
 * the owner of its function sallyport.claims() can read (claims_sql.c). It is worth nothing in another session, of
 * another role, in another database, or in a transaction that begins later. */
#ifndef SALLYPORT_MCP_SQL_CLAIMS_H
#define SALLYPORT_MCP_SQL_CLAIMS_H

#include "common/db.h"
#include "common/handle.h"

#define SQL_CLAIMS_PURPOSE "sql-claims" /* of the key: handle_keys_derive */

/* $2 and $3 of the statement that sets the bounds of a call, of which $1 is its timeout in milliseconds: claims and
 * proof of the caller of `r`, an MCP request. */
void sql_claims_bind(struct request *r, const struct db_session *session, struct db_param *params);

/* "1.<key id>.<expires, of Unix time>.<HMAC-SHA256 in hex>" */
char *sql_claims_proof(h2o_mem_pool_t *pool, const struct handle_keys *keys, const struct db_session *session,
                       int64_t expires, const char *claims);

#endif
