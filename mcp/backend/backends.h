/* SPDX-License-Identifier: Apache-2.0 */
/* The backends of the server, for backends.c. */
#ifndef SALLYPORT_MCP_BACKENDS_H
#define SALLYPORT_MCP_BACKENDS_H

#include "mcp/backend/backend.h"

extern const struct backend BACKEND_COMMAND;   /* backend_command.c */
extern const struct backend BACKEND_FILE;      /* backend_file.c */
extern const struct backend BACKEND_HTTP;      /* backend_http.c */
extern const struct backend BACKEND_SQL;       /* backend_sql.c */
extern const struct backend BACKEND_SQL_QUERY; /* backend_sql_query.c */
extern const struct backend BACKEND_STATIC;    /* backend_static.c */
/* Of the tools of other servers, which have no files of their own (upstream_items.h): not in BACKENDS. */
extern const struct backend BACKEND_UPSTREAM; /* backend_upstream.c */

#endif
