/* SPDX-License-Identifier: Apache-2.0 */
/* What a person reads before she approves a call. */
#ifndef SALLYPORT_MCP_APPROVAL_SUMMARY_H
#define SALLYPORT_MCP_APPROVAL_SUMMARY_H

#include "mcp/catalogue/item.h"

/* A few lines of at most some 8 KiB, in the pool. Each argument is one line of JSON, in which nothing is hidden: what
 * cannot be seen is written as <U+202E>, and what is cut is said to be, with the digest of the whole. */
const char *approval_summary(h2o_mem_pool_t *pool, const struct item *item, const json_t *arguments);

#endif
