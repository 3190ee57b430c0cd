/* SPDX-License-Identifier: Apache-2.0 */
/* A path below a folder, written in a file of an item: {name} stands for an argument that is part of one segment,
 * {+name} for one that may have several (the words of RFC 6570, 3.2.3). What comes of it never leads out of the folder
 * by its text; that it does not by what is on the disk is openat2's business (file_open.h). */
#ifndef SALLYPORT_MCP_PATH_TEMPLATE_H
#define SALLYPORT_MCP_PATH_TEMPLATE_H

#include "common/json.h"

enum { PATH_SIZE_MAX = 4095, SEGMENT_SIZE_MAX = 255 };

struct path_template;

/* `names`: the arguments that there are, an object; may be NULL. NULL and *problem (about "it"). */
const struct path_template *path_template_compile(h2o_mem_pool_t *pool, h2o_iovec_t text, const json_t *names,
                                                  const char **problem);
/* True if the argument stands in it. */
bool path_template_uses(const struct path_template *template, const char *name);
/* The path, NUL-terminated; "." for the folder itself, which only `folder` allows. Arguments are texts and integers; an
 * absent one is empty. With `hidden`, segments may begin with a dot. NULL and *problem: a sentence for the model that
 * repeats nothing of the arguments. */
const char *path_template_fill(h2o_mem_pool_t *pool, const struct path_template *template, const json_t *arguments,
                               bool folder, bool hidden, const char **problem);

#endif
