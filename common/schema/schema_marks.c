/* SPDX-License-Identifier: Apache-2.0 */
/* What unevaluatedItems and unevaluatedProperties must not ask about (JSON Schema core, 11). */
#include "schema_checking.h"

#include <string.h>

bool schema_marks_open(struct schema_checker *c, struct schema_marks *m, const json_t *value)
{
	size_t count = json_is_array(value)    ? json_array_size(value)
	               : json_is_object(value) ? json_object_size(value)
	                                       : 0;
	m->words = (count + 63) / 64;
	m->bits = m->own;
	if (!schema_spend(c, m->words))
		return false;
	if (m->words > MARKS_OWN_WORDS)
		m->bits = h2o_mem_alloc_pool(c->pool, m->words * sizeof(m->bits[0]));
	memset(m->bits, 0, m->words * sizeof(m->bits[0]));
	return true;
}

void schema_marks_merge(struct schema_marks *into, const struct schema_marks *from)
{
	for (size_t i = 0; i < from->words; i++)
		into->bits[i] |= from->bits[i];
}
