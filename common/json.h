/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from outside, read strictly with jansson: UTF-8 only, no repeated members, no NUL in strings, bounded depth and
 * size, integers that fit int64. Parsed values hang on a pool and go with it. */
#ifndef SALLYPORT_JSON_H
#define SALLYPORT_JSON_H

#include <jansson.h>

#include "text.h"

/* Members are counted per object. Containers (objects and arrays) are counted in the whole text: an empty one is three
 * bytes of text and some 300 bytes of memory. More of them is JSON_TOO_MANY_MEMBERS too. */
enum { JSON_DEPTH_LIMIT = 64, JSON_MEMBERS_LIMIT = 1000, JSON_CONTAINERS_LIMIT = 20000 };

enum json_problem {
	JSON_FINE,
	JSON_BAD_SYNTAX,
	JSON_DUPLICATE_MEMBER,
	JSON_TOO_DEEP,
	JSON_TOO_MANY_MEMBERS,
	JSON_NUMBER_RANGE
};

/* Once, before any thread is made: seeds jansson's hash. */
void json_init(void);
/* NULL and *problem (may be NULL) on failure. The value is released when the pool goes: borrow it, do not json_decref
 * it. */
json_t *json_read(h2o_mem_pool_t *pool, h2o_iovec_t text, enum json_problem *problem);
/* Hands a value (its reference) over to the pool. Returns it. NULL is taken and returned. */
json_t *json_keep(h2o_mem_pool_t *pool, json_t *value);
/* Compact text, keys in insertion order, in the pool. */
h2o_iovec_t json_text(h2o_mem_pool_t *pool, const json_t *value);
/* Compact text with sorted keys: the same for equal values. */
h2o_iovec_t json_canonical(h2o_mem_pool_t *pool, const json_t *value);
/* A string's text, true or false, or a number, in the pool; {NULL, 0} for anything else. A whole number has no fraction
 * and no exponent however it was written: to JSON Schema (6.1.1) 5.0 is an integer, to nobody else. */
h2o_iovec_t json_scalar_text(h2o_mem_pool_t *pool, const json_t *value);
/* Member as text; {NULL, 0} if absent or not a string. NUL-terminated. */
h2o_iovec_t json_get_text(const json_t *object, const char *member);

#endif
