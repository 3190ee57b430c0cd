/* SPDX-License-Identifier: Apache-2.0 */
#include "form.h"

#include <string.h>

#include "encoding.h"
#include "secret.h"

/* Decodes behind what *room holds already. NULL, or a sentence. */
static const char *decode(h2o_iovec_t text, char **room, h2o_iovec_t *ret)
{
	size_t len;
	const char *problem = form_decode_into(text, *room, &len);
	if (problem != NULL)
		return problem;
	*ret = h2o_iovec_init(*room, len);
	*room += len + 1;
	return NULL;
}

static size_t count_pieces(h2o_iovec_t text)
{
	const char *end = text.base + text.len;
	size_t count = 1;
	for (const char *at = text.base; (at = memchr(at, '&', (size_t)(end - at))) != NULL; at++)
		count++;
	return count;
}

static h2o_iovec_t until(h2o_iovec_t text, char c)
{
	const char *found = text.len == 0 ? NULL : memchr(text.base, c, text.len);
	return h2o_iovec_init(text.base, found == NULL ? text.len : (size_t)(found - text.base));
}

static h2o_iovec_t rest_behind(h2o_iovec_t text, h2o_iovec_t start)
{
	if (start.len == text.len)
		return h2o_iovec_init(text.base + text.len, 0);
	return h2o_iovec_init(text.base + start.len + 1, text.len - start.len - 1);
}

const char *form_parse(h2o_mem_pool_t *pool, h2o_iovec_t text, struct form *ret)
{
	*ret = (struct form){NULL, 0};
	if (text.len == 0)
		return NULL;
	size_t pieces = count_pieces(text);
	size_t most = pieces < FORM_FIELDS_MAX ? pieces : FORM_FIELDS_MAX;
	struct form form = {h2o_mem_alloc_pool(pool, most * sizeof(*form.fields)), 0};
	/* One piece of memory for all: decoding never lengthens, and each text has its NUL. */
	char *room = secret_alloc(pool, text.len + 2 * most + 2);
	while (text.len != 0) {
		h2o_iovec_t piece = until(text, '&');
		text = rest_behind(text, piece);
		if (piece.len == 0)
			continue;
		if (form.count == most)
			return "there are too many form fields";
		struct form_field *field = &form.fields[form.count++];
		h2o_iovec_t name = until(piece, '=');
		const char *problem = decode(name, &room, &field->name);
		if (problem == NULL)
			problem = decode(rest_behind(piece, name), &room, &field->value);
		if (problem != NULL)
			return problem;
	}
	*ret = form;
	return NULL;
}

h2o_iovec_t form_get(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (text_is(f->fields[i].name, name))
			return f->fields[i].value;
	return h2o_iovec_init(NULL, 0);
}

bool form_repeats(const struct form *f, const char *const *names)
{
	for (; *names != NULL; names++) {
		size_t count = 0;
		for (size_t i = 0; i < f->count; i++)
			count += text_is(f->fields[i].name, *names);
		if (count > 1)
			return true;
	}
	return false;
}
