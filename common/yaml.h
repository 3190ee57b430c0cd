/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of config.h: YAML text to JSON, with the line of every node. Only config.c and the parts of this reader
 * include it. */
#ifndef SALLYPORT_YAML_H
#define SALLYPORT_YAML_H

#include "json.h"

enum { YAML_SIZE_MAX = 1024 * 1024, YAML_FOREIGN_SIZE_MAX = 8 * 1024 * 1024 };

/* A node as it stands in the file; what an alias fills in has none. */
struct yaml_place {
	size_t parent;   /* index of the place that it stands in; the root is 0 and its own parent */
	const char *key; /* member name; NULL: item of a sequence */
	size_t index;
	int line; /* from 1 */
};
struct yaml_places { /* in the pool; the root first, parents before children */
	struct yaml_place *items;
	size_t count, capacity;
};

/* NULL and *error with `name` and line. The value is kept by the pool. `foreign`: not written for this program; it may
 * be larger, and a key that looks like a number is the text that it is written as. */
json_t *yaml_read(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, bool foreign, struct yaml_places *places,
                  const char **error);

/* True of most plain scalars that are text: by the first character. */
bool yaml_plain_is_text(const char *text);
/* Of UTF-8 text. A new reference; NULL and *why if it is a number that JSON or int64 has not. */
json_t *yaml_plain_value(const char *text, const char **why);

#endif
