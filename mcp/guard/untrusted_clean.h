/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader cannot see is taken out of results of strangers: control, direction, tag and other invisible
 * characters, and whole escape sequences of terminals (O-3, O-4). */
#ifndef SALLYPORT_MCP_UNTRUSTED_CLEAN_H
#define SALLYPORT_MCP_UNTRUSTED_CLEAN_H

#include "common/text.h"
#include "mcp/scan/looks.h"

struct untrusted_removed {
	unsigned of[HIDDEN_KINDS];
	unsigned escapes; /* sequences of terminals */
};
/* {"control":1,"bidi":2,...} appended; nothing if nothing was removed: false. */
bool untrusted_append_removed(struct text_buffer *b, const struct untrusted_removed *removed);
/* The JSON text itself if it is clean. It stays JSON: only characters in strings go. `depth` 2: its strings may be JSON
 * themselves, and what is escaped there goes, too; else 1. */
h2o_iovec_t untrusted_clean(h2o_mem_pool_t *pool, h2o_iovec_t json, unsigned depth, struct untrusted_removed *removed);

#endif
