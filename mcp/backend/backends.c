/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/backends.h"

const struct backend *const BACKENDS[] = {
    &BACKEND_COMMAND, &BACKEND_SQL, &BACKEND_SQL_QUERY, &BACKEND_STATIC, &BACKEND_FILE, &BACKEND_HTTP, NULL};
