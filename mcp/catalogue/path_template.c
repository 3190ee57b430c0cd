/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/path_template.h"

#include <string.h>

enum { PIECES_MAX = 32 };

struct piece {
	h2o_iovec_t text;     /* as it is, */
	const char *argument; /* then this one, if there is one */
	bool segments;        /* of which there may be several in it */
};

struct path_template {
	struct piece pieces[PIECES_MAX];
	size_t count;
};

/* As text_cut, but blanks are part of a name. */
static h2o_iovec_t cut(h2o_iovec_t *rest, char separator)
{
	h2o_iovec_t all = *rest;
	char *end = all.len > 0 ? memchr(all.base, separator, all.len) : NULL;
	size_t len = end != NULL ? (size_t)(end - all.base) : all.len;

	*rest = end != NULL ? h2o_iovec_init(end + 1, all.len - len - 1) : h2o_iovec_init(NULL, 0);
	return h2o_iovec_init(all.base, len);
}

/* ---- compile ---- */

/* What stands between braces. */
static const char *read_argument(h2o_mem_pool_t *pool, h2o_iovec_t inner, const json_t *names, struct piece *piece)
{
	piece->segments = inner.len > 0 && inner.base[0] == '+';
	if (piece->segments)
		inner = h2o_iovec_init(inner.base + 1, inner.len - 1);
	piece->argument = text_copy(pool, inner);
	if (json_object_get(names, piece->argument) == NULL)
		return text_printf(pool, "has {%.64s}, which is no argument", piece->argument);
	return NULL;
}

const struct path_template *path_template_compile(h2o_mem_pool_t *pool, h2o_iovec_t text, const json_t *names,
                                                  const char **problem)
{
	struct path_template *template = h2o_mem_alloc_pool(pool, sizeof(*template));
	h2o_iovec_t rest = h2o_iovec_init(text_copy(pool, text), text.len);

	*template = (struct path_template){.count = 0};
	*problem = NULL;
	if (text.len > 0 && text.base[0] == '/')
		*problem = "must be relative to the root";
	if (memchr(rest.base, '}', rest.len) != NULL && memchr(rest.base, '{', rest.len) == NULL)
		*problem = "has } without {";
	while (*problem == NULL && rest.base != NULL && rest.len > 0) {
		struct piece *piece = &template->pieces[template->count++];
		*piece = (struct piece){.text = cut(&rest, '{')};
		if (rest.base == NULL)
			break;
		h2o_iovec_t inner = cut(&rest, '}');
		if (rest.base == NULL)
			*problem = "has { without }";
		else if (template->count == PIECES_MAX)
			*problem = "has too many arguments";
		else
			*problem = read_argument(pool, inner, names, piece);
	}
	return *problem == NULL ? template : NULL;
}

bool path_template_uses(const struct path_template *template, const char *name)
{
	for (size_t i = 0; i < template->count; i++)
		if (template->pieces[i].argument != NULL && strcmp(template->pieces[i].argument, name) == 0)
			return true;
	return false;
}

/* ---- fill ---- */

static const char *append_argument(struct text_buffer *b, const struct piece *piece, const json_t *value)
{
	h2o_iovec_t text = json_scalar_text(b->pool, value);

	if (value == NULL || json_is_null(value))
		return NULL;
	bool is_whole = json_is_number(value) && strpbrk(text.base, ".eE") == NULL;
	if (!json_is_string(value) && !is_whole)
		return "A part of the path must be a text or a whole number.";
	if (!piece->segments && memchr(text.base, '/', text.len) != NULL)
		return "A part of the path must be the name of one file or folder, without a slash.";
	text_append_iovec(b, text);
	return NULL;
}

static const char *segment_problem(h2o_iovec_t segment, bool hidden)
{
	if (segment.len == 0)
		return "The path must not begin with a slash or have two in a row.";
	if (text_is(segment, ".") || text_is(segment, ".."))
		return "The path must not have \".\" or \"..\" in it.";
	if (segment.base[0] == '.' && !hidden)
		return "The path must not lead to hidden files.";
	return segment.len > SEGMENT_SIZE_MAX ? "The path is too long." : NULL;
}

static const char *path_problem(h2o_iovec_t path, bool hidden)
{
	const char *problem = path.len > PATH_SIZE_MAX ? "The path is too long." : NULL;

	if (text_has_invisible(path))
		return "The path must not have control or invisible characters.";
	while (problem == NULL && path.base != NULL)
		problem = segment_problem(cut(&path, '/'), hidden);
	return problem;
}

const char *path_template_fill(h2o_mem_pool_t *pool, const struct path_template *template, const json_t *arguments,
                               bool folder, bool hidden, const char **problem)
{
	struct text_buffer b = {.pool = pool};

	*problem = NULL;
	text_append_str(&b, "");
	for (size_t i = 0; *problem == NULL && i < template->count; i++) {
		const struct piece *piece = &template->pieces[i];
		text_append_iovec(&b, piece->text);
		if (piece->argument != NULL)
			*problem = append_argument(&b, piece, json_object_get(arguments, piece->argument));
	}
	if (folder && b.len > 0 && b.base[b.len - 1] == '/') /* how people write a folder */
		b.len--;
	if (*problem == NULL && folder && (b.len == 0 || text_is(h2o_iovec_init(b.base, b.len), ".")))
		return ".";
	if (*problem == NULL && b.len == 0)
		*problem = "The path is empty.";
	if (*problem == NULL)
		*problem = path_problem(h2o_iovec_init(b.base, b.len), hidden);
	return *problem == NULL ? text_copy(pool, h2o_iovec_init(b.base, b.len)) : NULL;
}
