/* SPDX-License-Identifier: Apache-2.0 */
/* Text of a file in which {{name}} stands for an argument. It is cut into pieces once; {{{{ stands for {{ itself. What
 * is filled in is never read again, so an argument cannot bring another one in. */
#ifndef SALLYPORT_MCP_FILL_H
#define SALLYPORT_MCP_FILL_H

#include "common/json.h"

struct fill;

/* NULL and *problem (in the pool, about "it") if a brace is not closed or a name is not a member of `names` (an object;
 * may be NULL). */
const struct fill *fill_compile(h2o_mem_pool_t *pool, h2o_iovec_t text, const json_t *names, const char **problem);
/* The text as it is: nothing stands for anything. */
const struct fill *fill_plain(h2o_mem_pool_t *pool, h2o_iovec_t text);
/* True if an argument stands in it. */
bool fill_has_arguments(const struct fill *fill);
/* The text with the arguments, which are texts; an absent one is empty. With a mark (untrusted.h) each stands between
 * its two lines. */
void fill_append(struct text_buffer *b, const struct fill *fill, const json_t *arguments, const char *mark);
/* The same of a text that is JSON: arguments are escaped, so that none gets out of the string that it stands in. */
void fill_append_json(struct text_buffer *b, const struct fill *fill, const json_t *arguments);

#endif
