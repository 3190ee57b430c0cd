/* SPDX-License-Identifier: Apache-2.0 */
/* URI templates (RFC 6570, levels 1 to 3): expanded with values, and matched against a URI to get the values back.
 *
 * Matching is the narrower of the two, so that a URI has one reading: what an expression without names of its own
 * ({a}, {+a}, {#a}, {.a}, {/a}) stands for must be there and must not be empty, and a label ({.a}) has no dot in it;
 * parts with names ({;a}, {?a}, {&a}) may be missing, but keep their order. */
#ifndef SALLYPORT_MCP_URI_TEMPLATE_H
#define SALLYPORT_MCP_URI_TEMPLATE_H

#include "common/text.h"

enum { URI_TEMPLATE_SIZE_MAX = 512, URI_TEMPLATE_VARIABLES_MAX = 16, URI_TEMPLATE_NAME_MAX = 64, URI_SIZE_MAX = 2048 };

struct uri_template;

/* NULL and *problem, a fixed sentence about "it", if the text is none. ASCII only. */
const struct uri_template *uri_template_compile(h2o_mem_pool_t *pool, h2o_iovec_t text, const char **problem);
size_t uri_template_variable_count(const struct uri_template *template);
/* Names in the order in which they first stand; NUL-terminated. */
const char *uri_template_variable(const struct uri_template *template, size_t index);

/* NULL if each URI that it matches has one reading, else a fixed sentence about "it". Only such a template is matched.
 */
const char *uri_template_problem(const struct uri_template *template);
/* True if some URI matches both. */
bool uri_template_overlaps(const struct uri_template *a, const struct uri_template *b);

/* One value for each variable, base NULL for one that is missing, decoded and NUL-terminated in the pool. False if the
 * URI does not match, is longer than URI_SIZE_MAX, or has a bad escape or one that is not UTF-8 or is a control
 * character. The time is bounded by the product of both lengths. */
bool uri_template_match(h2o_mem_pool_t *pool, const struct uri_template *template, h2o_iovec_t uri,
                        h2o_iovec_t *values);
/* RFC 6570, 3.2. One value (UTF-8) for each variable, base NULL for one that is undefined. */
h2o_iovec_t uri_template_expand(h2o_mem_pool_t *pool, const struct uri_template *template, const h2o_iovec_t *values);

#endif
