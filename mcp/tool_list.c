/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/tool_list.h"

#include <string.h>

enum { LISTS_MAX = 64, LIST_TTL_MS = 60 * 1000 };

struct tool_lists {
	const struct catalogue *catalogue;
	const char *server_info;
	struct tool_list *kept[LISTS_MAX];
	size_t next; /* the oldest one is replaced */
};

struct tool_lists *tool_lists_open(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const char *server_info)
{
	struct tool_lists *lists = h2o_mem_alloc_pool(pool, sizeof(*lists));

	*lists = (struct tool_lists){.catalogue = catalogue, .server_info = server_info};
	return lists;
}

static bool same_set(const struct tool_lists *lists, const struct tool_list *list, const uint8_t *decisions)
{
	for (size_t i = 0; i < lists->catalogue->count; i++)
		if (list->visible[i] != (decisions[i] != HIDDEN))
			return false;
	return true;
}

/* The text in memory of the list's own, for it outlives any request. */
static h2o_iovec_t keep_text(const struct text_buffer *b)
{
	h2o_iovec_t kept = h2o_iovec_init(h2o_mem_alloc(b->len), b->len);

	memcpy(kept.base, b->base, b->len);
	return kept;
}

static h2o_iovec_t make_text(const struct tool_lists *lists, const uint8_t *visible, bool modern)
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	struct text_buffer b = {.pool = &pool};
	bool first = true;

	text_append_str(&b, modern ? "{\"resultType\":\"complete\",\"tools\":[" : "{\"tools\":[");
	for (size_t i = 0; i < lists->catalogue->count; i++) {
		if (!visible[i])
			continue;
		text_append_str(&b, first ? "" : ",");
		text_append_iovec(&b, lists->catalogue->tools[i].listed);
		first = false;
	}
	text_append_str(&b, "]");
	if (modern)
		text_append_printf(
		    &b,
		    ",\"ttlMs\":%d,\"cacheScope\":\"private\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":%s}",
		    LIST_TTL_MS, lists->server_info);
	text_append_str(&b, "}");
	h2o_iovec_t kept = keep_text(&b);
	h2o_mem_clear_pool(&pool);
	return kept;
}

static void dispose_list(void *data)
{
	struct tool_list *list = data;

	free(list->visible);
	free(list->legacy.base);
	free(list->modern.base);
}

static struct tool_list *make_list(const struct tool_lists *lists, const uint8_t *decisions)
{
	struct tool_list *list = h2o_mem_alloc_shared(NULL, sizeof(*list), dispose_list);

	list->visible = h2o_mem_alloc(lists->catalogue->count + 1);
	for (size_t i = 0; i < lists->catalogue->count; i++)
		list->visible[i] = decisions[i] != HIDDEN;
	list->legacy = make_text(lists, list->visible, false);
	list->modern = make_text(lists, list->visible, true);
	return list;
}

struct tool_list *tool_lists_get(struct tool_lists *lists, const uint8_t *decisions)
{
	struct tool_list *list;

	for (size_t i = 0; i < LISTS_MAX && lists->kept[i] != NULL; i++) {
		list = lists->kept[i];
		if (!same_set(lists, list, decisions))
			continue;
		h2o_mem_addref_shared(list);
		return list;
	}
	list = make_list(lists, decisions);
	if (lists->kept[lists->next] != NULL)
		h2o_mem_release_shared(lists->kept[lists->next]);
	lists->kept[lists->next] = list;
	lists->next = (lists->next + 1) % LISTS_MAX;
	h2o_mem_addref_shared(list);
	return list;
}

void tool_lists_close(struct tool_lists *lists)
{
	for (size_t i = 0; i < LISTS_MAX && lists->kept[i] != NULL; i++)
		h2o_mem_release_shared(lists->kept[i]);
}
