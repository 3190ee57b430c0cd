/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of a file in which {name} stands for an argument, on their way into an HTTP request; {{ and }} stand for
 * braces. What an argument brings is encoded for the place where it stands and is never read again. */
#ifndef SALLYPORT_MCP_HTTP_TEMPLATE_H
#define SALLYPORT_MCP_HTTP_TEMPLATE_H

#include "common/json.h"

struct http_template;

/* `names`: the arguments that there are, an object; may be NULL. NULL and *problem (about "it"). */
const struct http_template *http_template_compile(h2o_mem_pool_t *pool, h2o_iovec_t text, const json_t *names,
                                                  const char **problem);
/* The arguments that stand in it, each as often as it does. */
size_t http_template_argument_count(const struct http_template *t);
const char *http_template_argument(const struct http_template *t, size_t i);
/* The one argument that it is, and nothing else; NULL: it is more, or less. */
const char *http_template_whole(const struct http_template *t);

enum http_place {
	HTTP_PLAIN,   /* as it is: bodies of text, values of headers */
	HTTP_SEGMENT, /* arguments percent-encoded, the rest is so already */
	HTTP_VALUE    /* all of it percent-encoded: queries and forms */
};
/* False if an argument is neither text nor number nor boolean: *bad is its name. Absent ones are empty. */
bool http_template_append(struct text_buffer *b, const struct http_template *t, const json_t *arguments,
                          enum http_place place, const char **bad);
/* True if all of its arguments are there (null is absent). */
bool http_template_is_filled(const struct http_template *t, const json_t *arguments);

/* A path is segments between slashes; no argument leaves its own. */
struct http_path;

/* `text` is empty or begins with a slash. */
const struct http_path *http_path_compile(h2o_mem_pool_t *pool, h2o_iovec_t text, const json_t *names,
                                          const char **problem);
size_t http_path_segment_count(const struct http_path *path);
const struct http_template *http_path_segment(const struct http_path *path, size_t i);
/* NULL, or a fixed sentence for the model that repeats nothing of the arguments. */
const char *http_path_append(struct text_buffer *b, const struct http_path *path, const json_t *arguments);

#endif
