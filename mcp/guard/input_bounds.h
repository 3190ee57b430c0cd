/* SPDX-License-Identifier: Apache-2.0 */
/* What changes something takes no argument without bounds. A place of the arguments is bounded if whatever its schemas
 * let through is: a string of a known length, a number of a known range, an array of a known size whose items are
 * bounded, an object whose members are known. */
#ifndef SALLYPORT_MCP_INPUT_BOUNDS_H
#define SALLYPORT_MCP_INPUT_BOUNDS_H

#include "common/json.h"

enum input_bound { /* bits: what is missing */
	           BOUND_LENGTH = 1,
	           BOUND_LEAST = 2,
	           BOUND_MOST = 4,
	           BOUND_COUNT = 8,    /* of items */
	           BOUND_ITEM = 16,    /* nothing says what items are */
	           BOUND_MEMBERS = 32, /* nothing says which members there are, or how many */
	           BOUND_ALL = 63
};

struct input_unbounded {
	const char *place;    /* in the schema: "/properties/lines/items" */
	const char *argument; /* in the arguments: "/lines/" and an asterisk for its items */
	unsigned lacks;
	json_t *schema; /* that describes it, the first of them; what is added to it holds for the place */
};
/* Calls `found` for each place of the arguments that lacks a bound. What it is told lives in the pool. False if the
 * schema is too large to be looked through. */
bool input_bounds_walk(h2o_mem_pool_t *pool, const json_t *schema,
                       void (*found)(void *data, const struct input_unbounded *place), void *data);
/* "needs maxLength, ..." */
const char *input_bounds_words(h2o_mem_pool_t *pool, unsigned lacks);

/* Its properties may be described elsewhere than in `properties`. */
bool input_is_composed(const json_t *schema);
/* Writes bounds into the schema where it has none: 65,536 characters, 1,000 items, 100 members, whole numbers that
 * every client has exactly. `notes`: an array that gets a text for each place. False as above. */
bool input_bounds_fill(h2o_mem_pool_t *pool, json_t *schema, json_t *notes);

/* A text that the pattern lets through has a length that the pattern alone bounds. Never true where that is not so. */
bool pattern_is_bounded(h2o_iovec_t pattern);

#endif
