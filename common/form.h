/* SPDX-License-Identifier: Apache-2.0 */
/* application/x-www-form-urlencoded bodies and query strings. */
#ifndef SALLYPORT_FORM_H
#define SALLYPORT_FORM_H

#include "text.h"

struct form_field {
	h2o_iovec_t name, value; /* decoded, NUL-terminated, in the pool, wiped with it (forms carry secrets) */
};
struct form {
	struct form_field *fields;
	size_t count;
};

enum { FORM_FIELDS_MAX = 64 };

/* NULL, or a fixed sentence: bad escape, not UTF-8, NUL, too many fields. */
const char *form_parse(h2o_mem_pool_t *pool, h2o_iovec_t text, struct form *ret);
/* The value of a field; {NULL, 0} if it is absent. The first one if repeated. */
h2o_iovec_t form_get(const struct form *f, const char *name);
/* True if any of the names (NULL at the end) stands twice. RFC 6749, 3.1 and 3.2; RFC 8707 lets `resource` repeat. */
bool form_repeats(const struct form *f, const char *const *names);

#endif
