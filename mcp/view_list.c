/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "mcp/view_internal.h"

enum { LIST_TTL_MS = 60 * 1000 };

static const struct {
	const char *method, *member;
} LISTS[ITEM_KINDS] = {
    [ITEM_TOOL] = {"tools/list", "tools"},
    [ITEM_RESOURCE] = {"resources/list", "resources"},
    [ITEM_TEMPLATE] = {"resources/templates/list", "resourceTemplates"},
    [ITEM_PROMPT] = {"prompts/list", "prompts"},
};

const char *view_list_method(enum item_kind kind)
{
	return LISTS[kind].method;
}

const char *view_list_member(enum item_kind kind)
{
	return LISTS[kind].member;
}

/* Items of the kind that are seen. */
static const struct item **collect(h2o_mem_pool_t *pool, const struct view *view, enum item_kind kind, size_t *count)
{
	const struct catalogue *c = view->catalogue;
	const struct item **items = h2o_mem_alloc_pool(pool, (catalogue_count(c, kind) + 1) * sizeof(struct item *));

	*count = 0;
	for (size_t i = c->firsts[kind]; i < c->firsts[kind + 1]; i++)
		if (view->decisions[i] != HIDDEN)
			items[(*count)++] = c->items[i];
	return items;
}

static void digest_items(h2o_mem_pool_t *pool, const struct item **items, size_t count, uint8_t seen[SHA256_SIZE])
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "");
	for (size_t i = 0; i < count; i++)
		text_append_str(&b, items[i]->digest);
	sha256(h2o_iovec_init(b.base, b.len), seen);
}

static void append_tail(struct text_buffer *b, const struct view *view, const char *cursor, bool modern)
{
	if (cursor != NULL)
		text_append_printf(b, ",\"nextCursor\":\"%s\"", cursor);
	if (modern)
		text_append_printf(
		    b, ",\"ttlMs\":%d,\"cacheScope\":\"private\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":%s}",
		    LIST_TTL_MS, view->views->server_info);
	text_append_str(b, "}");
}

/* In memory of the view's own, for it outlives any request. */
static h2o_iovec_t keep_text(const struct text_buffer *b)
{
	h2o_iovec_t kept = h2o_iovec_init(h2o_mem_alloc(b->len), b->len);

	memcpy(kept.base, b->base, b->len);
	return kept;
}

static void make_page(h2o_mem_pool_t *pool, const struct view *view, enum item_kind kind, const struct item **items,
                      size_t count, size_t page)
{
	const struct view_list *list = &view->lists[kind];
	size_t begin = page * LIST_PAGE, end = begin + LIST_PAGE < count ? begin + LIST_PAGE : count;
	const char *cursor = NULL;

	if (end < count)
		cursor = cursor_seal(pool, view->views->key, LISTS[kind].method, list->seen, end);
	for (int modern = 0; modern < 2; modern++) {
		struct text_buffer b = {.pool = pool};
		text_append_printf(&b, "%s\"%s\":[", modern ? "{\"resultType\":\"complete\"," : "{",
		                   LISTS[kind].member);
		for (size_t i = begin; i < end; i++) {
			text_append_str(&b, i > begin ? "," : "");
			text_append_iovec(&b, items[i]->listed);
		}
		text_append_str(&b, "]");
		append_tail(&b, view, cursor, modern);
		list->texts[modern][page] = keep_text(&b);
	}
}

const struct view_list *view_list(struct view *view, enum item_kind kind)
{
	struct view_list *list = &view->lists[kind];
	h2o_mem_pool_t pool;
	size_t count;

	if (list->made)
		return list;
	h2o_mem_init_pool(&pool);
	const struct item **items = collect(&pool, view, kind, &count);
	digest_items(&pool, items, count, list->seen);
	list->pages = count > 0 ? (count + LIST_PAGE - 1) / LIST_PAGE : 1;
	for (int modern = 0; modern < 2; modern++)
		list->texts[modern] = h2o_mem_alloc(list->pages * sizeof(h2o_iovec_t));
	for (size_t page = 0; page < list->pages; page++)
		make_page(&pool, view, kind, items, count, page);
	list->made = true;
	h2o_mem_clear_pool(&pool);
	return list;
}

void view_list_dispose(struct view_list *list)
{
	for (size_t page = 0; list->made && page < list->pages; page++) {
		free(list->texts[0][page].base);
		free(list->texts[1][page].base);
	}
	free(list->texts[0]);
	free(list->texts[1]);
}
