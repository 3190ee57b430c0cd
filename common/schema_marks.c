/* SPDX-License-Identifier: Apache-2.0 */
/* What unevaluatedItems and unevaluatedProperties must not ask about (JSON Schema core, 11). A trail of the marks makes
 * it cheap to take back those of a branch that failed. */
#include "schema_internal.h"

#include <string.h>

static const char MARKED;

struct schema_marks *schema_marks_for(struct schema_checker *c, const json_t *value)
{
	size_t count = json_is_array(value) ? json_array_size(value) : json_object_size(value);
	size_t capacity = count;
	if (json_is_object(value)) {
		for (capacity = 4; capacity < 2 * count; capacity *= 2)
			;
	}
	if (!schema_spend(c, count))
		return NULL;
	struct schema_marks *ret = h2o_mem_alloc_pool(c->pool, sizeof(*ret));
	ret->slots = h2o_mem_alloc_pool(c->pool, (capacity + 1) * sizeof(ret->slots[0]));
	memset(ret->slots, 0, (capacity + 1) * sizeof(ret->slots[0]));
	ret->trail = h2o_mem_alloc_pool(c->pool, (count + 1) * sizeof(ret->trail[0]));
	ret->capacity = capacity;
	ret->trail_len = 0;
	return ret;
}

/* The slot that has this iterator, or the free one where it would be. Linear probing is undone safely in reverse order.
 */
static size_t slot_of(const struct schema_marks *m, const void *iterator)
{
	uint64_t hash = (uint64_t)(uintptr_t)iterator * 0x9e3779b97f4a7c15u;
	size_t i = (size_t)(hash >> 32) & (m->capacity - 1);
	while (m->slots[i] != NULL && m->slots[i] != iterator)
		i = (i + 1) & (m->capacity - 1);
	return i;
}

static void mark(struct schema_marks *m, size_t slot, const void *content)
{
	if (m->slots[slot] != NULL)
		return;
	m->slots[slot] = content;
	m->trail[m->trail_len++] = slot;
}

void schema_mark_member(struct schema_marks *m, const void *iterator)
{
	mark(m, slot_of(m, iterator), iterator);
}

void schema_mark_item(struct schema_marks *m, size_t index)
{
	mark(m, index, &MARKED);
}

bool schema_is_marked_member(const struct schema_marks *m, const void *iterator)
{
	return m->slots[slot_of(m, iterator)] != NULL;
}

bool schema_is_marked_item(const struct schema_marks *m, size_t index)
{
	return m->slots[index] != NULL;
}

void schema_marks_undo(struct schema_marks *m, size_t trail_len)
{
	while (m->trail_len > trail_len)
		m->slots[m->trail[--m->trail_len]] = NULL;
}

void schema_marks_merge(struct schema_marks *into, const struct schema_marks *from, const json_t *value)
{
	for (size_t i = 0; i < from->trail_len; i++) {
		size_t slot = from->trail[i];
		if (json_is_array(value))
			schema_mark_item(into, slot);
		else
			schema_mark_member(into, from->slots[slot]);
	}
}
