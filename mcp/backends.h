/* SPDX-License-Identifier: Apache-2.0 */
/* The backends of the server, for backends.c. */
#ifndef SALLYPORT_MCP_BACKENDS_H
#define SALLYPORT_MCP_BACKENDS_H

#include "mcp/backend.h"

extern const struct backend BACKEND_SQL;    /* backend_sql.c */
extern const struct backend BACKEND_STATIC; /* backend_static.c */

#endif
