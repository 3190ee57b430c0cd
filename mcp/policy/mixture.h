/* SPDX-License-Identifier: Apache-2.0 */
/* What must not meet in one caller: text of strangers, which may give a model orders, and tools that carry text out,
 * by which it obeys them. Whatever else the caller can read is what leaves. */
#ifndef SALLYPORT_MCP_MIXTURE_H
#define SALLYPORT_MCP_MIXTURE_H

#include "mcp/catalogue/catalogue.h"

/* Which items of the catalogue these are, in one sentence; NULL if it does not have both. */
const char *mixture_words(h2o_mem_pool_t *pool, const struct catalogue *catalogue);

#endif
