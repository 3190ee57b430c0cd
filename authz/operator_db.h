/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL for the operator's verbs: one connection, one question at a time, waiting for each answer. Never in the
 * daemon's loop. */
#ifndef SALLYPORT_OPERATOR_DB_H
#define SALLYPORT_OPERATOR_DB_H

#include "common/db.h"

/* NULL after a line on standard error. Notices of the server are not shown. */
PGconn *operator_db_open(const char *conninfo);
/* Rows as text (free with PQclear), or NULL after a line on standard error. */
PGresult *operator_db_ask(PGconn *pg, const char *sql, const struct db_param *params, size_t count);
/* Several statements without parameters; `name` is named in the line on standard error if they fail. */
bool operator_db_run(PGconn *pg, const char *sql, const char *name);

#endif
