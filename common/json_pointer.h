/* SPDX-License-Identifier: Apache-2.0 */
/* Places in JSON values (RFC 6901). */
#ifndef SALLYPORT_JSON_POINTER_H
#define SALLYPORT_JSON_POINTER_H

#include "json.h"

enum { JSON_POINTER_MAX = 1024 };

/* NULL, or a fixed sentence about "it". */
const char *json_pointer_problem(h2o_iovec_t pointer);
/* Its first name without escapes, in the pool; NULL for "". Of one without a problem. */
char *json_pointer_first(h2o_mem_pool_t *pool, h2o_iovec_t pointer);
/* Borrowed. NULL if there is nothing; "" is the whole. "-" is no place of an array. */
const json_t *json_pointer_find(const json_t *value, h2o_iovec_t pointer);

#endif
