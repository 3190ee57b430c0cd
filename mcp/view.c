/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/view.h"

#include <stdlib.h>
#include <string.h>

#include "mcp/bearer.h"
#include "mcp/call.h"
#include "mcp/view_internal.h"

struct views *views_open(const char *server_info, const struct cursor_key *key)
{
	struct views *views = h2o_mem_alloc(sizeof(*views));

	*views = (struct views){.server_info = server_info, .key = key};
	return views;
}

static void drop_kept(struct views *views)
{
	for (size_t i = 0; i < VIEWS_MAX && views->kept[i] != NULL; i++) {
		h2o_mem_release_shared(views->kept[i]);
		views->kept[i] = NULL;
	}
	views->next = 0;
}

void views_switch(struct views *views, struct catalogue *catalogue)
{
	drop_kept(views);
	if (catalogue != NULL)
		h2o_mem_addref_shared(catalogue);
	if (views->catalogue != NULL)
		h2o_mem_release_shared(views->catalogue);
	views->catalogue = catalogue;
}

void views_close(struct views *views)
{
	views_switch(views, NULL);
	free(views);
}

static void dispose_view(void *data)
{
	struct view *view = data;

	for (size_t kind = 0; kind < ITEM_KINDS; kind++)
		view_list_dispose(&view->lists[kind]);
	free((uint8_t *)view->decisions);
	h2o_mem_release_shared(view->catalogue);
}

/* Takes the decisions. */
static struct view *make_view(const struct views *views, uint8_t *decisions)
{
	struct view *view = h2o_mem_alloc_shared(NULL, sizeof(*view), dispose_view);

	*view = (struct view){.catalogue = views->catalogue, .decisions = decisions, .views = views};
	h2o_mem_addref_shared(view->catalogue);
	return view;
}

static void keep_view(struct views *views, struct view *view)
{
	if (views->kept[views->next] != NULL)
		h2o_mem_release_shared(views->kept[views->next]);
	views->kept[views->next] = view;
	views->next = (views->next + 1) % VIEWS_MAX;
}

struct view *views_get(struct views *views, const struct scopes *granted, const struct scopes *grantable)
{
	size_t count = views->catalogue->count;
	uint8_t *decisions = h2o_mem_alloc(count + 1);
	struct view *view = NULL;

	policy_decide_all(views->catalogue, granted, grantable, decisions);
	for (size_t i = 0; i < VIEWS_MAX && views->kept[i] != NULL && view == NULL; i++)
		if (memcmp(views->kept[i]->decisions, decisions, count) == 0)
			view = views->kept[i];
	if (view == NULL) {
		view = make_view(views, decisions);
		keep_view(views, view);
	} else {
		free(decisions);
	}
	h2o_mem_addref_shared(view);
	return view;
}

/* ---- of a token and of a request ---- */

struct view *view_of_bearer(struct views *views, struct bearer *bearer)
{
	struct scopes granted = {NULL, 0}, grantable = {NULL, 0};
	h2o_mem_pool_t pool;

	if (bearer->view != NULL && bearer->view->catalogue == views->catalogue)
		return bearer->view;
	bearer_forget_view(bearer);
	h2o_mem_init_pool(&pool);
	scopes_parse(&pool, text_of(bearer->scope), &granted);
	scopes_parse(&pool, text_of(bearer->grantable), &grantable);
	granted = policy_implied(&pool, views->catalogue->settings, &granted);
	grantable = policy_implied(&pool, views->catalogue->settings, &grantable);
	bearer->view = views_get(views, &granted, &grantable);
	h2o_mem_clear_pool(&pool);
	return bearer->view;
}

struct view_hold { /* lives in the request's pool */
	struct view *view;
};

static void release_hold(void *data)
{
	struct view_hold *hold = data;

	if (hold->view != NULL)
		h2o_mem_release_shared(hold->view);
	hold->view = NULL;
}

struct view *view_of(struct request *r)
{
	struct call *call = call_of(r);

	if (call->view == NULL)
		call->view = h2o_mem_alloc_shared(&r->pool, sizeof(*call->view), release_hold);
	else if (call->view->view != NULL)
		return call->view->view;
	call->view->view = view_of_bearer(mcp_of(r)->views, (struct bearer *)bearer_of(r));
	h2o_mem_addref_shared(call->view->view);
	return call->view->view;
}

void view_let_go(struct request *r)
{
	struct call *call = call_of(r);

	if (call->view != NULL)
		release_hold(call->view);
	call->item = NULL;
	call->tool = NULL;
}
