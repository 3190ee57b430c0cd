/* SPDX-License-Identifier: Apache-2.0 */
/* Scope values: RFC 6749, 3.3. */
#ifndef SALLYPORT_SCOPE_H
#define SALLYPORT_SCOPE_H

#include "text.h"

struct scopes { /* sorted bytewise, without repetition; names are NUL-terminated */
	const char **names;
	size_t count;
};

enum { SCOPES_MAX = 100, SCOPE_NAME_MAX = 128 };

/* Blank-separated; "" and {NULL, 0} give the empty set. False for a character outside RFC 6749's or too many. */
bool scopes_parse(h2o_mem_pool_t *pool, h2o_iovec_t text, struct scopes *ret);
bool scope_name_valid(h2o_iovec_t name);
bool scopes_has(const struct scopes *s, const char *name);
struct scopes scopes_intersect(h2o_mem_pool_t *pool, const struct scopes *a, const struct scopes *b);
struct scopes scopes_union(h2o_mem_pool_t *pool, const struct scopes *a, const struct scopes *b);
/* Blank-separated text; "" for the empty set. */
char *scopes_text(h2o_mem_pool_t *pool, const struct scopes *s);

#endif
