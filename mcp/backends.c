/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backends.h"

const struct backend *const BACKENDS[] = {&BACKEND_SQL, &BACKEND_STATIC, NULL};
