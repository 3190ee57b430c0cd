/* SPDX-License-Identifier: Apache-2.0 */
/* Words of problems. They repeat what the schema says and the names of members, never a value that was sent. Names come
 * from outside: they are cut, quoted as JSON, and not shown if some of their characters cannot be seen. */
#include "schema_checking.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"

enum { NAME_BYTES = 64, VALUE_BYTES = 80, LIST_BYTES = 300 };

static void append_path(struct text_buffer *b, const struct schema_path *path)
{
	if (path->up != NULL)
		append_path(b, path->up);
	text_append_str(b, "/");
	if (path->key == NULL) {
		text_append_printf(b, "%zu", path->index);
		return;
	}
	for (const char *s = path->key; *s != '\0'; s++) {
		if (*s == '~' || *s == '/')
			text_append_str(b, *s == '~' ? "~0" : "~1");
		else
			text_append(b, s, 1);
	}
}

char *schema_pointer(h2o_mem_pool_t *pool, const struct schema_path *path)
{
	struct text_buffer b = {.pool = pool};
	text_append_str(&b, "");
	if (path != NULL)
		append_path(&b, path);
	return b.base == NULL ? text_printf(pool, "%s", "") : b.base;
}

char *schema_words_types(h2o_mem_pool_t *pool, unsigned types)
{
	static const struct {
		unsigned bit;
		const char *words;
	} ALL[] = {
	    {SCHEMA_STRING, "a string"}, {SCHEMA_INTEGER, "an integer"},
	    {SCHEMA_NUMBER, "a number"}, {SCHEMA_BOOLEAN, "true or false"},
	    {SCHEMA_ARRAY, "an array"},  {SCHEMA_OBJECT, "an object"},
	    {SCHEMA_NULL, "null"},
	};
	struct text_buffer b = {.pool = pool};
	if (types & SCHEMA_NUMBER)
		types &= ~(unsigned)SCHEMA_INTEGER;
	for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++) {
		if (!(types & ALL[i].bit))
			continue;
		types &= ~ALL[i].bit;
		if (b.len > 0)
			text_append_str(&b, types == 0 ? " or " : ", ");
		text_append_str(&b, ALL[i].words);
	}
	return b.base;
}

char *schema_words_member(h2o_mem_pool_t *pool, const char *name)
{
	struct text_buffer b = {.pool = pool};
	h2o_iovec_t text = text_of(name), shown = text_beginning(text, NAME_BYTES);
	if (text_has_invisible(text))
		return text_printf(pool, "(a name with invisible characters)");
	text_append_json(&b, shown);
	if (shown.len < text.len)
		text_append_str(&b, "...");
	return b.base;
}

char *schema_words_value(h2o_mem_pool_t *pool, const json_t *value)
{
	h2o_iovec_t text = json_text(pool, value), shown = text_beginning(text, VALUE_BYTES);
	return text_printf(pool, "%.*s%s", (int)shown.len, shown.base, shown.len < text.len ? "..." : "");
}

char *schema_words_values(h2o_mem_pool_t *pool, const json_t *array)
{
	struct text_buffer b = {.pool = pool};
	size_t count = json_array_size(array);
	for (size_t i = 0; i < count; i++) {
		if (b.len > LIST_BYTES) {
			text_append_printf(&b, " and %zu more", count - i);
			return b.base;
		}
		if (i > 0)
			text_append_str(&b, ", ");
		text_append_str(&b, schema_words_value(pool, json_array_get(array, i)));
	}
	return b.base;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *schema_words_members(h2o_mem_pool_t *pool, const struct schema_object *object)
{
	struct text_buffer b = {.pool = pool};
	const char **names = h2o_mem_alloc_pool(pool, (object->property_count + 1) * sizeof(*names));
	size_t count = 0;
	for (size_t i = 0; i < object->property_count; i++) {
		const struct schema_property *property = &object->properties[i];
		if (property->node != NULL && !property->node->never)
			names[count++] = property->name.base;
	}
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0; i < count; i++) {
		if (b.len > LIST_BYTES) {
			text_append_str(&b, ", ...");
			return b.base;
		}
		text_append_printf(&b, "%s%s", b.len > 0 ? ", " : "", schema_words_member(pool, names[i]));
	}
	return b.base; /* NULL if there are none */
}
