/* SPDX-License-Identifier: Apache-2.0 */
/* What only the databases know of a catalogue: whether they take each of its statements, and whether those give the
 * columns that their items keep. Nothing is run. It has a connection of its own for each role, so it holds up nobody's
 * calls; an outage begins it anew. */
#ifndef SALLYPORT_MCP_STATEMENT_TRIAL_H
#define SALLYPORT_MCP_STATEMENT_TRIAL_H

#include "mcp/catalogue/catalogue.h"

struct statement_trial;

/* The catalogue must live as long. Nothing is to be tried where it has the statements and columns of `before`, which
 * may be NULL. */
struct statement_trial *statement_trial_open(h2o_loop_t *loop, const struct catalogue *before,
                                             const struct catalogue *catalogue, const struct mcp_settings *settings);
/* Not while a database answers. */
void statement_trial_close(struct statement_trial *trial);

/* For a timer: asks on. True when all have been tried. */
bool statement_trial_goes_on(struct statement_trial *trial);
/* How many statements were asked: it grows for as long as the databases answer. */
size_t statement_trial_asked(const struct statement_trial *trial);
/* What is wrong ("tools/x.yaml: /sql/statement: ..."), in the order of the catalogue; NULL behind the last one. */
const char *statement_trial_problem(const struct statement_trial *trial, size_t number);

/* A column that its item keeps and the statement does not give ("/result/columns/0: ...", in the pool), by what
 * PostgreSQL describes of it; NULL if there is none. */
const char *statement_lacks_column(h2o_mem_pool_t *pool, const struct catalogue_statement *statement,
                                   const PGresult *described);

#endif
