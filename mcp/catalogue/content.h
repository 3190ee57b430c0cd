/* SPDX-License-Identifier: Apache-2.0 */
/* Content that stands in the files of items: the blocks of a tool's result and the messages of a prompt. It is read,
 * checked and, where it is data, encoded once; texts and URIs are filled with arguments when it is asked for. */
#ifndef SALLYPORT_MCP_CONTENT_H
#define SALLYPORT_MCP_CONTENT_H

#include "mcp/catalogue/loading.h"

enum { CONTENT_SIZE_MAX = 1024 * 1024 };

struct content;

/* The array that stands in the file at `place`: blocks ({type: text, text: ...}), or messages ({role: user, text: ...},
 * {role: user, image: {file: ..., mime_type: ...}}). `names`: the arguments that may stand in it, an object; NULL:
 * none, and braces in its texts mean nothing. NULL and *problem. */
const struct content *content_load_blocks(struct loading *l, const char *place, const json_t *blocks,
                                          const json_t *names, const char **problem);
const struct content *content_load_messages(struct loading *l, const char *place, const json_t *messages,
                                            const json_t *names, const char **problem);
/* The JSON array. `untrusted`: what arguments bring is marked as the text of a stranger. */
h2o_iovec_t content_text(h2o_mem_pool_t *pool, const struct content *content, const json_t *arguments, bool untrusted);
/* RFC 3986: the text begins with a scheme. */
bool content_uri_has_scheme(h2o_iovec_t uri);

#endif
