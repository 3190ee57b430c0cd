/* SPDX-License-Identifier: Apache-2.0 */
#include "json_pointer.h"

#include <string.h>

const char *json_pointer_problem(h2o_iovec_t pointer)
{
	if (pointer.len > JSON_POINTER_MAX)
		return "is longer than 1024 bytes";
	if (!text_is_utf8(pointer))
		return "is not UTF-8";
	if (pointer.len > 0 && pointer.base[0] != '/')
		return "must be empty or begin with /";
	for (size_t i = 0; i < pointer.len; i++)
		if (pointer.base[i] == '~' &&
		    (i + 1 == pointer.len || (pointer.base[i + 1] != '0' && pointer.base[i + 1] != '1')))
			return "has a ~ that is neither ~0 nor ~1";
	return NULL;
}

/* RFC 6901, 4: ~1 first, so that ~01 becomes ~1. Into `name`, NUL-terminated; its length. */
static size_t unescape(h2o_iovec_t token, char name[JSON_POINTER_MAX + 1])
{
	size_t len = 0;

	for (size_t i = 0; i < token.len && len < JSON_POINTER_MAX; i++) {
		char c = token.base[i];
		if (c == '~' && i + 1 < token.len)
			c = token.base[++i] == '1' ? '/' : '~';
		name[len++] = c;
	}
	name[len] = '\0';
	return len;
}

static const json_t *step(const json_t *value, h2o_iovec_t token)
{
	char name[JSON_POINTER_MAX + 1];
	size_t len = unescape(token, name);
	int64_t index;

	if (json_is_object(value))
		return json_object_getn(value, name, len);
	if (json_is_array(value) && text_to_int64(h2o_iovec_init(name, len), &index))
		return json_array_get(value, (size_t)index);
	return NULL;
}

/* Cuts the first token off, without its slash. */
static h2o_iovec_t take_token(h2o_iovec_t *pointer)
{
	const char *next = memchr(pointer->base + 1, '/', pointer->len - 1);
	size_t len = next != NULL ? (size_t)(next - pointer->base) : pointer->len;
	h2o_iovec_t token = h2o_iovec_init(pointer->base + 1, len - 1);

	*pointer = h2o_iovec_init(pointer->base + len, pointer->len - len);
	return token;
}

char *json_pointer_first(h2o_mem_pool_t *pool, h2o_iovec_t pointer)
{
	char name[JSON_POINTER_MAX + 1];

	if (pointer.len == 0)
		return NULL;
	size_t len = unescape(take_token(&pointer), name);
	return text_copy(pool, h2o_iovec_init(name, len));
}

const json_t *json_pointer_find(const json_t *value, h2o_iovec_t pointer)
{
	if (pointer.len > JSON_POINTER_MAX)
		return NULL;
	while (value != NULL && pointer.len > 0)
		value = step(value, take_token(&pointer));
	return value;
}
