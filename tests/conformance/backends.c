/* SPDX-License-Identifier: Apache-2.0 */
/* In place of mcp/backend/backends.c: sallyport-mcp-fixture is the server with one backend more. */
#include "mcp/backend/backends.h"

extern const struct backend BACKEND_SCRIPT; /* backend_script.c */

const struct backend *const BACKENDS[] = {&BACKEND_COMMAND, &BACKEND_SQL,  &BACKEND_SQL_QUERY, &BACKEND_STATIC,
                                          &BACKEND_FILE,    &BACKEND_HTTP, &BACKEND_SCRIPT,    NULL};
