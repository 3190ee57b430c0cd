/* SPDX-License-Identifier: Apache-2.0 */
/* Data that items bring along: written in their file, or in a file beside it. Read once, at load. */
#ifndef SALLYPORT_MCP_LOADING_DATA_H
#define SALLYPORT_MCP_LOADING_DATA_H

#include "mcp/catalogue/loading.h"

enum { LOADING_DATA_MAX = 1024 * 1024 };

/* A file that `path` names, relative to the folder of the item's file and below it. Only a regular file is read, that
 * not everybody may write, no way to it may lead over a symbolic link, and it has at most LOADING_DATA_MAX bytes. NUL-
 * terminated. {NULL, 0} and *problem (about "it"). */
h2o_iovec_t loading_read_file(struct loading *l, const char *path, const char **problem);
/* Canonical base64 with padding, of at most LOADING_DATA_MAX bytes. {NULL, 0} and *problem. */
h2o_iovec_t loading_read_base64(struct loading *l, h2o_iovec_t text, const char **problem);
/* True for media types whose data is text: text/..., JSON, XML, YAML and what builds on them. */
bool loading_is_text_type(const char *mime_type);
bool loading_is_json_type(const char *mime_type);

#endif
