/* SPDX-License-Identifier: Apache-2.0 */
/* Values as they are walked through, for common/schema*.c only. A call of jansson costs as much as most of the checks
 * that are done between two of them; so each is made once, and an object is gone through in one pass rather than asked
 * for the members that the schema knows. */
#ifndef SALLYPORT_SCHEMA_WALK_H
#define SALLYPORT_SCHEMA_WALK_H

#include <string.h>

#include "common/json.h"

/* The first and the last bytes of a text that has `n` of them, as numbers. */
#define SCHEMA_ENDS_DIFFER(type, x, y, n)                                                                              \
	({                                                                                                             \
		type x_first, x_last, y_first, y_last;                                                                 \
		memcpy(&x_first, (x), sizeof(type));                                                                   \
		memcpy(&y_first, (y), sizeof(type));                                                                   \
		memcpy(&x_last, (x) + (n) - sizeof(type), sizeof(type));                                               \
		memcpy(&y_last, (y) + (n) - sizeof(type), sizeof(type));                                               \
		((x_first ^ y_first) | (x_last ^ y_last)) != 0;                                                        \
	})

/* Texts are mostly short: a call of memcmp would cost more than the comparison. */
static inline bool schema_same_text(h2o_iovec_t a, h2o_iovec_t b)
{
	if (a.len != b.len)
		return false;
	if (a.len > 16)
		return memcmp(a.base, b.base, a.len) == 0;
	if (a.len >= 8)
		return !SCHEMA_ENDS_DIFFER(uint64_t, a.base, b.base, a.len);
	if (a.len >= 4)
		return !SCHEMA_ENDS_DIFFER(uint32_t, a.base, b.base, a.len);
	if (a.len >= 2)
		return !SCHEMA_ENDS_DIFFER(uint16_t, a.base, b.base, a.len);
	return a.len == 0 || *a.base == *b.base;
}

/* What jansson's iterator points to. */
struct schema_member {
	h2o_iovec_t name;
	const json_t *value;
};

static inline struct schema_member schema_member_at(void *at)
{
	return (struct schema_member){h2o_iovec_init(json_object_iter_key(at), json_object_iter_key_len(at)),
	                              json_object_iter_value(at)};
}

/* A walk through an object with `left` members; `at` becomes NULL behind the last, about which jansson is not asked. */
#define schema_each_member(object, at, left)                                                                           \
	for (void *at = (left) == 0 ? NULL : json_object_iter((json_t *)(object)); at != NULL;                         \
	     at = --(left) == 0 ? NULL : json_object_iter_next((json_t *)(object), at))

static inline h2o_iovec_t schema_string(const json_t *string)
{
	return h2o_iovec_init(json_string_value(string), json_string_length(string));
}

#endif
