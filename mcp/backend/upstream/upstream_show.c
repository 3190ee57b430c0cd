/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "mcp/backend/upstream/upstream_items.h"
#include "mcp/backend/upstream/upstream_review.h"

enum { LINES_MAX = 3000 };

struct lines {
	const char **items;
	size_t count;
};

/* ---- texts ---- */

const char *review_visible(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "");
	text_append_visible(&b, text);
	return b.base;
}

/* ---- a definition as lines ---- */

static void add_line(h2o_mem_pool_t *pool, struct lines *lines, const char *in, h2o_iovec_t text)
{
	if (lines->count < LINES_MAX)
		lines->items[lines->count++] = text_printf(pool, "%s%s", in, review_visible(pool, text));
}

static void add_text(h2o_mem_pool_t *pool, struct lines *lines, const char *name, h2o_iovec_t text)
{
	if (text.base == NULL)
		return;
	add_line(pool, lines, "", text_of(text_printf(pool, "%s:", name)));
	for (h2o_iovec_t rest = text; rest.base != NULL;) {
		const char *end = rest.len > 0 ? memchr(rest.base, '\n', rest.len) : NULL;
		size_t len = end != NULL ? (size_t)(end - rest.base) : rest.len;
		add_line(pool, lines, "  ", h2o_iovec_init(rest.base, len));
		rest = end != NULL ? h2o_iovec_init(end + 1, rest.len - len - 1) : (h2o_iovec_t){NULL, 0};
	}
}

static void add_value(h2o_mem_pool_t *pool, struct lines *lines, const char *name, const json_t *value)
{
	if (value == NULL)
		return;
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_SORT_KEYS);
	if (text == NULL)
		h2o_fatal("no memory");
	add_text(pool, lines, name, text_of(text_copy(pool, text_of(text))));
	free(text);
}

static void make_lines(h2o_mem_pool_t *pool, const json_t *definition, struct lines *lines)
{
	lines->items = h2o_mem_alloc_pool(pool, LINES_MAX * sizeof(*lines->items));
	lines->count = 0;
	add_text(pool, lines, "title", json_get_text(definition, "title"));
	add_text(pool, lines, "description", json_get_text(definition, "description"));
	add_value(pool, lines, "inputSchema", json_object_get(definition, "inputSchema"));
	add_value(pool, lines, "outputSchema", json_object_get(definition, "outputSchema"));
	add_value(pool, lines, "annotations", json_object_get(definition, "annotations"));
}

/* ---- the difference ---- */

/* Lines of the longest common subsequence stand once; the table is of what lies between the common beginning and end.
 */
static void print_difference(FILE *out, const struct lines *a, const struct lines *b)
{
	size_t from = 0, a_end = a->count, b_end = b->count;

	while (from < a_end && from < b_end && strcmp(a->items[from], b->items[from]) == 0)
		from++;
	while (a_end > from && b_end > from && strcmp(a->items[a_end - 1], b->items[b_end - 1]) == 0) {
		a_end--;
		b_end--;
	}
	size_t rows = a_end - from + 1, columns = b_end - from + 1;
	unsigned short *best = calloc(rows * columns, sizeof(*best));
	if (best == NULL)
		h2o_fatal("no memory");
	for (size_t i = rows - 1; i-- > 0;)
		for (size_t j = columns - 1; j-- > 0;) {
			unsigned short down = best[(i + 1) * columns + j], right = best[i * columns + j + 1];
			bool same = strcmp(a->items[from + i], b->items[from + j]) == 0;
			best[i * columns + j] = same           ? (unsigned short)(best[(i + 1) * columns + j + 1] + 1)
			                        : down > right ? down
			                                       : right;
		}
	for (size_t i = 0, j = 0; i < rows - 1 || j < columns - 1;) {
		if (i < rows - 1 && j < columns - 1 && strcmp(a->items[from + i], b->items[from + j]) == 0) {
			fprintf(out, "      %s\n", a->items[from + i]);
			i++;
			j++;
		} else if (j == columns - 1 ||
		           (i < rows - 1 && best[(i + 1) * columns + j] >= best[i * columns + j + 1])) {
			fprintf(out, "    - %s\n", a->items[from + i++]);
		} else {
			fprintf(out, "    + %s\n", b->items[from + j++]);
		}
	}
	free(best);
}

void review_print(h2o_mem_pool_t *pool, FILE *out, const struct upstream_file *file, const struct reviewed *item)
{
	struct lines now, before;

	fprintf(out, "%s: %s", review_state_name(item->state), item->name);
	if (item->definition == NULL) {
		fprintf(out, "\n");
		return;
	}
	fprintf(out, "  (here %s)\n", upstream_items_key(pool, file, item->name));
	make_lines(pool, item->definition, &now);
	if (item->state == REVIEW_CHANGED) {
		make_lines(pool, item->approved, &before);
		print_difference(out, &before, &now);
	} else {
		for (size_t i = 0; i < now.count; i++)
			fprintf(out, "      %s\n", now.items[i]);
	}
	for (size_t i = 0; i < item->lint.count; i++) {
		const struct lint_finding *f = &item->lint.findings[i];
		fprintf(out, "  ! %s: %s %s\n", lint_weight_name(f->weight), review_visible(pool, text_of(f->place)),
		        review_visible(pool, text_of(f->text)));
	}
	fprintf(out, "    sha256 %s\n", item->digest);
}
