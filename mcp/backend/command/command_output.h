/* SPDX-License-Identifier: Apache-2.0 */
/* What a program has written, as the result of a tool. */
#ifndef SALLYPORT_MCP_COMMAND_OUTPUT_H
#define SALLYPORT_MCP_COMMAND_OUTPUT_H

#include "mcp/call/answer.h"
#include "mcp/backend/command/command_plan.h"

/* The longest beginning of the bytes that ends with a whole character: a cut one at the end is left out. */
size_t command_whole_characters(h2o_iovec_t bytes);
/* As UTF-8 without NUL: what is none becomes U+FFFD. */
h2o_iovec_t command_text(h2o_mem_pool_t *pool, h2o_iovec_t bytes);
/* False if the output is not what the plan says. `cut`: there was more. */
bool command_outcome(h2o_mem_pool_t *pool, const struct command_plan *plan, h2o_iovec_t output, bool cut,
                     struct outcome *ret);

#endif
