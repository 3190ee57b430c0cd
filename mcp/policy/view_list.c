/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "mcp/policy/view_internal.h"

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

/* One pass: what is seen, and where pages begin. */
static void make_list(const struct view *view, enum item_kind kind, struct view_list *list)
{
	const struct catalogue *c = view->catalogue;
	struct text_buffer digests;
	h2o_mem_pool_t scratch;

	h2o_mem_init_pool(&scratch);
	digests = (struct text_buffer){.pool = &scratch};
	text_append_str(&digests, "");
	list->begins = h2o_mem_alloc((catalogue_count(c, kind) / LIST_PAGE + 2) * sizeof(list->begins[0]));
	list->begins[0] = c->firsts[kind];
	for (size_t i = c->firsts[kind]; i < c->firsts[kind + 1]; i++) {
		if (view->decisions[i] == HIDDEN)
			continue;
		if (list->count % LIST_PAGE == 0)
			list->begins[list->count / LIST_PAGE] = i;
		list->count++;
		text_append_str(&digests, c->items[i]->digest);
	}
	sha256(h2o_iovec_init(digests.base, digests.len), list->seen);
	h2o_mem_clear_pool(&scratch);
	list->pages = list->count > 0 ? (list->count + LIST_PAGE - 1) / LIST_PAGE : 1;
	list->begins[list->pages] = c->firsts[kind + 1];
	list->made = true;
}

const struct view_list *view_list(struct view *view, enum item_kind kind)
{
	if (!view->lists[kind].made)
		make_list(view, kind, &view->lists[kind]);
	return &view->lists[kind];
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

static struct text_buffer make_page(h2o_mem_pool_t *pool, const struct view *view, enum item_kind kind, size_t page,
                                    bool modern)
{
	const struct view_list *list = &view->lists[kind];
	struct text_buffer b = {.pool = pool};
	const char *cursor = NULL, *comma = "";

	if (page + 1 < list->pages)
		cursor = cursor_seal(pool, view->views->key, LISTS[kind].method, list->seen, (page + 1) * LIST_PAGE);
	text_append_printf(&b, "%s\"%s\":[", modern ? "{\"resultType\":\"complete\"," : "{", LISTS[kind].member);
	for (size_t i = list->begins[page]; i < list->begins[page + 1]; i++) {
		if (view->decisions[i] == HIDDEN)
			continue;
		text_append_str(&b, comma);
		text_append_iovec(&b, view->catalogue->items[i]->listed);
		comma = ",";
	}
	text_append_str(&b, "]");
	append_tail(&b, view, cursor, modern);
	return b;
}

h2o_iovec_t view_list_text(h2o_mem_pool_t *pool, struct view *view, enum item_kind kind, size_t page, bool modern)
{
	h2o_iovec_t *kept = page < LIST_PAGES_KEPT ? &view->lists[kind].texts[modern][page] : NULL;

	view_list(view, kind);
	if (kept != NULL && kept->base != NULL)
		return *kept;
	struct text_buffer b = make_page(pool, view, kind, page, modern);
	if (kept == NULL)
		return h2o_iovec_init(b.base, b.len);
	*kept = keep_text(&b);
	return *kept;
}

void view_list_dispose(struct view_list *list)
{
	for (size_t page = 0; page < LIST_PAGES_KEPT; page++) {
		free(list->texts[0][page].base);
		free(list->texts[1][page].base);
	}
	free(list->begins);
}
