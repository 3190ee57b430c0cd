/* SPDX-License-Identifier: Apache-2.0 */
/* The text of statements that stand in files. */
#ifndef SALLYPORT_MCP_SQL_TEXT_H
#define SALLYPORT_MCP_SQL_TEXT_H

#include "common/text.h"

enum { SQL_PARAMETERS_MAX = 32 };

/* Number of the highest $n outside of literals and comments; *gap is set if one below it is missing. */
unsigned sql_count_parameters(h2o_iovec_t sql, bool *gap);
/* The statement as a sub-select of at most `rows` rows. */
char *sql_bound_rows(h2o_mem_pool_t *pool, h2o_iovec_t sql, unsigned rows);
/* Without what ends a statement: blanks and semicolons. */
h2o_iovec_t sql_trim(h2o_iovec_t sql);

#endif
