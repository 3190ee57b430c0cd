/* SPDX-License-Identifier: Apache-2.0 */
/* The table of an object's properties. Members mostly come in the schema's order, so the one behind the last that was
 * found is looked at first. */
#include <string.h>

#include "schema_checking.h"

static uint64_t hash_name(h2o_iovec_t name)
{
	uint64_t ret = name.len, word;
	size_t i = 0;
	for (; i + 8 <= name.len; i += 8) {
		memcpy(&word, name.base + i, 8);
		ret = (ret ^ word) * 0x9e3779b97f4a7c15u;
		ret ^= ret >> 29;
	}
	for (; i < name.len; i++)
		ret = (ret ^ (unsigned char)name.base[i]) * 0x100000001b3u;
	return ret ^ ret >> 32;
}

void schema_object_index(h2o_mem_pool_t *pool, struct schema_object *object)
{
	size_t size = 4;
	while (size < 2 * object->property_count)
		size *= 2;
	object->slot_mask = size - 1;
	object->slots = h2o_mem_alloc_pool(pool, size * sizeof(object->slots[0]));
	memset(object->slots, 0, size * sizeof(object->slots[0]));
	for (size_t i = 0; i < object->property_count; i++) {
		h2o_iovec_t name = object->properties[i].name;
		size_t slot = hash_name(name) & object->slot_mask;
		object->signs |= schema_name_sign(name);
		while (object->slots[slot] != 0)
			slot = (slot + 1) & object->slot_mask;
		object->slots[slot] = (uint32_t)i + 1;
	}
}

const struct schema_property *schema_object_look_up(const struct schema_object *object, h2o_iovec_t name)
{
	for (size_t slot = hash_name(name);; slot++) {
		uint32_t place = object->slots[slot & object->slot_mask];
		if (place == 0)
			return NULL;
		if (schema_same_text(object->properties[place - 1].name, name))
			return &object->properties[place - 1];
	}
}
