/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of RFC 8259, into jansson's values: what json_loadb takes with JSON_REJECT_DUPLICATES and
 * JSON_DECODE_ANY, and nothing else, in a fraction of its time. Part of json.c. */
#ifndef SALLYPORT_JSON_PARSE_H
#define SALLYPORT_JSON_PARSE_H

#include "json.h"

/* `text` is valid UTF-8 and no deeper than JSON_DEPTH_LIMIT. A reference of its own; NULL and *problem on failure.
 * `pool` is for texts meanwhile. */
json_t *json_parse(h2o_mem_pool_t *pool, h2o_iovec_t text, enum json_problem *problem);

#endif
