/* SPDX-License-Identifier: Apache-2.0 */
/* Text that people outside of the system wrote, on its way to a model. */
#ifndef SALLYPORT_MCP_UNTRUSTED_H
#define SALLYPORT_MCP_UNTRUSTED_H

#include "common/json.h"

/* Without what a reader cannot see: control, zero-width, bidirectional and tag characters carry orders past the eye. */
h2o_iovec_t untrusted_visible_text(h2o_mem_pool_t *pool, h2o_iovec_t text);
/* The same for every text of a value, names of members included. A new reference. */
json_t *untrusted_visible_value(h2o_mem_pool_t *pool, const json_t *value);
/* What stands before texts between marks. */
extern const char UNTRUSTED_NOTICE[];
extern const size_t UNTRUSTED_NOTICE_LEN;
/* Between two marks, with the notice before them. Nobody who wrote the text beforehand can have written its end mark,
 * and what looks like a mark in it is none any more. What cannot be seen goes later (guard.h). */
h2o_iovec_t untrusted_wrap(h2o_mem_pool_t *pool, h2o_iovec_t text);
/* It looks like what untrusted_wrap makes, byte for byte but for the mark: where the text in it begins and ends. */
bool untrusted_is_wrapped(h2o_iovec_t wrapped, size_t *start, size_t *end);
/* The text with UNTRUSTED_NO_MARK in what looks like the beginning or the end of such marks, to the eye too; itself if
 * there is none. */
h2o_iovec_t untrusted_disarm(h2o_mem_pool_t *pool, h2o_iovec_t text);
#define UNTRUSTED_NO_MARK "no-mark-"
/* The member of _meta that says so to programs. */
#define UNTRUSTED_META "\"sallyport/untrusted\":true"

#endif
