/* SPDX-License-Identifier: Apache-2.0 */
/* What a model is told of a statement that failed. */
#ifndef SALLYPORT_MCP_SQL_FAILURE_H
#define SALLYPORT_MCP_SQL_FAILURE_H

#include "common/request.h"

/* By SQLSTATE, of the item of the call; "" where there is none. */
const char *sql_failure_text(struct request *r, const char *state);

#endif
