/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/lists.h"

#include "mcp/policy/view.h"

static step_result refuse_cursor(struct request *r)
{
	return rpc_reply_error(r, 200, call_of(r)->message.id,
	                       (struct rpc_problem){RPC_INVALID_PARAMS, "Unknown cursor"}, NULL);
}

/* A cursor is one that a page of this very list gave out: what is seen is the same, so positions mean the same. */
static bool read_page(struct request *r, enum item_kind kind, const struct view_list *list, size_t *page)
{
	const json_t *cursor = json_object_get(call_of(r)->message.params, "cursor");
	size_t position;

	*page = 0;
	if (cursor == NULL)
		return true;
	h2o_iovec_t text = json_get_text(call_of(r)->message.params, "cursor");
	if (!json_is_string(cursor) ||
	    !cursor_open(&r->pool, &mcp_of(r)->cursor_key, view_list_method(kind), list->seen, text, &position))
		return false;
	*page = position / LIST_PAGE;
	return *page < list->pages;
}

step_result lists_answer(struct request *r, enum item_kind kind)
{
	const struct call *call = call_of(r);
	struct view *view = view_of(r);
	const struct view_list *list = view_list(view, kind);
	size_t page;

	if (!read_page(r, kind, list, &page))
		return refuse_cursor(r);
	return rpc_reply(r, call->message.id, view_list_text(&r->pool, view, kind, page, call->era == ERA_MODERN));
}
