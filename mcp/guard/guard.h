/* SPDX-License-Identifier: Apache-2.0 */
/* The guard of what comes back: every outcome of every backend goes through here, once. What must not leave is
 * replaced, what strangers wrote is looked at and cleaned, what is too much is cut; _meta tells it by numbers. */
#ifndef SALLYPORT_MCP_GUARD_H
#define SALLYPORT_MCP_GUARD_H

#include "mcp/call/answer.h"

/* NULL, or why nothing of it may leave, in words for the model. */
const char *guard_outcome(struct request *r, const struct outcome *outcome, struct outcome *ret);

/* The same of what a service says of its failure: text of strangers, whatever item it failed. *ret: the text between
 * marks and members for _meta; of what may not leave, words that say so. */
struct guarded_words {
	h2o_iovec_t text, meta;
};
void guard_words(struct request *r, h2o_iovec_t said, struct guarded_words *ret);

/* ---- guard_size.c ---- */

/* Texts that go beyond the bound end at a character, before the end mark of untrusted_wrap where they have one, and say
 * so; other parts are left out, and said. False: the structure, which cannot be cut, is larger than the bound by
 * itself. */
bool guard_size(h2o_mem_pool_t *pool, size_t bytes, struct outcome *outcome);

#endif
