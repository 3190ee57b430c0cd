/* SPDX-License-Identifier: Apache-2.0 */
#include "scope.h"

#include <stdlib.h>
#include <string.h>

/* RFC 6749, 3.3: %x21 / %x23-5B / %x5D-7E. */
static bool is_scope_character(char c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != '\\';
}

bool scope_name_valid(h2o_iovec_t name)
{
	if (name.len == 0 || name.len > SCOPE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!is_scope_character(name.base[i]))
			return false;
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_and_drop_repetitions(struct scopes *s)
{
	size_t kept = 0;
	if (s->count == 0)
		return;
	qsort(s->names, s->count, sizeof(*s->names), compare_names);
	for (size_t i = 1; i < s->count; i++)
		if (strcmp(s->names[kept], s->names[i]) != 0)
			s->names[++kept] = s->names[i];
	s->count = kept + 1;
}

bool scopes_parse(h2o_mem_pool_t *pool, h2o_iovec_t text, struct scopes *ret)
{
	const char *names[SCOPES_MAX];
	size_t count = 0;
	for (size_t i = 0; i < text.len;) {
		if (text.base[i] == ' ') {
			i++;
			continue;
		}
		h2o_iovec_t name = {text.base + i, 0};
		while (i + name.len < text.len && name.base[name.len] != ' ')
			name.len++;
		if (count == SCOPES_MAX || !scope_name_valid(name))
			return false;
		names[count++] = text_copy(pool, name);
		i += name.len;
	}
	struct scopes s = {h2o_mem_alloc_pool(pool, (count + 1) * sizeof(*s.names)), count};
	memcpy(s.names, names, count * sizeof(*names));
	sort_and_drop_repetitions(&s);
	*ret = s;
	return true;
}

bool scopes_has(const struct scopes *s, const char *name)
{
	size_t low = 0, high = s->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(s->names[middle], name);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

struct scopes scopes_intersect(h2o_mem_pool_t *pool, const struct scopes *a, const struct scopes *b)
{
	struct scopes both = {h2o_mem_alloc_pool(pool, (a->count + 1) * sizeof(*both.names)), 0};
	for (size_t i = 0; i < a->count; i++)
		if (scopes_has(b, a->names[i]))
			both.names[both.count++] = a->names[i];
	return both;
}

struct scopes scopes_union(h2o_mem_pool_t *pool, const struct scopes *a, const struct scopes *b)
{
	struct scopes all = {h2o_mem_alloc_pool(pool, (a->count + b->count + 1) * sizeof(*all.names)), 0};
	for (size_t i = 0; i < a->count; i++)
		all.names[all.count++] = a->names[i];
	for (size_t i = 0; i < b->count; i++)
		all.names[all.count++] = b->names[i];
	sort_and_drop_repetitions(&all);
	return all;
}

char *scopes_text(h2o_mem_pool_t *pool, const struct scopes *s)
{
	struct text_buffer text = {.pool = pool};
	text_append_str(&text, "");
	for (size_t i = 0; i < s->count; i++) {
		if (i != 0)
			text_append_str(&text, " ");
		text_append_str(&text, s->names[i]);
	}
	return text.base;
}
