/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/fill.h"

#include <string.h>

#include "mcp/guard/untrusted.h"

struct piece {
	h2o_iovec_t text;     /* as it is, */
	const char *argument; /* then this one, if there is one */
};
struct fill {
	struct piece *pieces;
	size_t count;
	bool has_arguments;
};

static size_t find(h2o_iovec_t text, size_t at, const char *two)
{
	for (; at + 1 < text.len; at++)
		if (memcmp(text.base + at, two, 2) == 0)
			return at;
	return text.len;
}

/* The name behind the braces at `at`; *ret_end: behind them. */
static const char *read_name(h2o_mem_pool_t *pool, h2o_iovec_t text, size_t at, size_t *ret_end)
{
	size_t end = find(text, at + 2, "}}");

	*ret_end = end + 2;
	return end == text.len ? NULL : text_copy(pool, text_trim(h2o_iovec_init(text.base + at + 2, end - at - 2)));
}

/* NULL, or a problem with the piece that is behind the braces at `at`. */
static const char *read_piece(h2o_mem_pool_t *pool, h2o_iovec_t text, const json_t *names, size_t at,
                              struct piece *piece, size_t *ret_end)
{
	if (text.len - at >= 4 && memcmp(text.base + at, "{{{{", 4) == 0) {
		piece->text.len += 2; /* the first two stay */
		*ret_end = at + 4;
		return NULL;
	}
	piece->argument = read_name(pool, text, at, ret_end);
	if (piece->argument == NULL)
		return "has {{ without }}";
	if (json_object_get(names, piece->argument) == NULL)
		return text_printf(pool, "has {{%.64s}}, which is no argument", piece->argument);
	return NULL;
}

const struct fill *fill_compile(h2o_mem_pool_t *pool, h2o_iovec_t text, const json_t *names, const char **problem)
{
	struct fill *fill = h2o_mem_alloc_pool(pool, sizeof(*fill));

	*problem = NULL;
	*fill = (struct fill){.count = 0};
	text = h2o_iovec_init(text_copy(pool, text), text.len);
	fill->pieces = h2o_mem_alloc_pool(pool, (text.len / 4 + 1) * sizeof(*fill->pieces));
	for (size_t at = 0; at < text.len;) {
		size_t braces = find(text, at, "{{");
		struct piece *piece = &fill->pieces[fill->count++];
		*piece = (struct piece){.text = h2o_iovec_init(text.base + at, braces - at)};
		at = braces;
		if (braces < text.len)
			*problem = read_piece(pool, text, names, braces, piece, &at);
		if (*problem != NULL)
			return NULL;
		fill->has_arguments |= piece->argument != NULL;
	}
	return fill;
}

const struct fill *fill_plain(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	struct fill *fill = h2o_mem_alloc_pool(pool, sizeof(*fill));

	*fill = (struct fill){.pieces = h2o_mem_alloc_pool(pool, sizeof(*fill->pieces)), .count = 1};
	fill->pieces[0] = (struct piece){.text = h2o_iovec_init(text_copy(pool, text), text.len)};
	return fill;
}

bool fill_has_arguments(const struct fill *fill)
{
	return fill->has_arguments;
}

static void append_marked(struct text_buffer *b, h2o_iovec_t value, const char *mark)
{
	text_append_printf(b, "\n<<<%s\n", mark);
	text_append_iovec(b, untrusted_disarm(b->pool, value));
	text_append_printf(b, "\n%s>>>\n", mark);
}

/* Without the quotes, which are the text's own. */
static void append_escaped(struct text_buffer *b, h2o_iovec_t value)
{
	struct text_buffer json = {.pool = b->pool};

	text_append_json(&json, value);
	text_append(b, json.base + 1, json.len - 2);
}

enum form { AS_IT_IS, MARKED, IN_JSON };

static void append(struct text_buffer *b, const struct fill *fill, const json_t *arguments, enum form form,
                   const char *mark)
{
	for (size_t i = 0; i < fill->count; i++) {
		const struct piece *piece = &fill->pieces[i];
		h2o_iovec_t value = {NULL, 0};
		text_append_iovec(b, piece->text);
		if (piece->argument != NULL)
			value = json_get_text(arguments, piece->argument);
		if (value.base == NULL)
			continue;
		switch (form) {
		case AS_IT_IS: text_append_iovec(b, value); break;
		case MARKED: append_marked(b, value, mark); break;
		case IN_JSON: append_escaped(b, value); break;
		}
	}
}

void fill_append(struct text_buffer *b, const struct fill *fill, const json_t *arguments, const char *mark)
{
	append(b, fill, arguments, mark != NULL ? MARKED : AS_IT_IS, mark);
}

void fill_append_json(struct text_buffer *b, const struct fill *fill, const json_t *arguments)
{
	append(b, fill, arguments, IN_JSON, NULL);
}
