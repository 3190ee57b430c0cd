/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/policy/view.h"

#include <stdlib.h>
#include <string.h>

#include "mcp/caller/bearer.h"
#include "mcp/call/call.h"
#include "mcp/policy/view_internal.h"

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
		views->numbers[i] = 0;
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
	views->catalogues++;
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

static struct view_place keep_view(struct views *views, struct view *view)
{
	size_t at = views->next;

	if (views->kept[at] != NULL)
		h2o_mem_release_shared(views->kept[at]);
	views->kept[at] = view;
	views->numbers[at] = ++views->made;
	views->next = (at + 1) % VIEWS_MAX;
	return (struct view_place){at, views->made};
}

static struct view_place find_or_make(struct views *views, const struct asker *asker)
{
	size_t count = views->catalogue->count;
	uint8_t *decisions = h2o_mem_alloc(count + 1);

	policy_decide_all(views->catalogue, asker, decisions);
	for (size_t i = 0; i < VIEWS_MAX && views->kept[i] != NULL; i++) {
		if (memcmp(views->kept[i]->decisions, decisions, count) != 0)
			continue;
		free(decisions);
		return (struct view_place){i, views->numbers[i]};
	}
	return keep_view(views, make_view(views, decisions));
}

struct view *views_get(struct views *views, const struct asker *asker)
{
	return views->kept[find_or_make(views, asker).at];
}

/* ---- of a token and of a request ---- */

/* Most tokens are limited by nothing but their scopes: what is said of their callers need not even be parsed. */
static void settle_limits(const struct views *views, struct bearer *bearer, const struct scopes *granted)
{
	const struct catalogue *catalogue = views->catalogue;

	if (bearer->limited == views->catalogues)
		return;
	if (bearer->limits != NULL)
		h2o_mem_release_shared(bearer->limits);
	bearer->limits = NULL;
	bearer->limited = views->catalogues;
	if (catalogue->rules != NULL || strstr(bearer->claims, "\"authorization_details\"") != NULL)
		bearer->limits = limits_make(catalogue, bearer_claims(bearer), granted);
}

struct view *view_of_bearer(struct views *views, struct bearer *bearer)
{
	struct asker asker = {.limits = NULL};
	h2o_mem_pool_t pool;

	if (bearer->view.number != 0 && views->numbers[bearer->view.at] == bearer->view.number)
		return views->kept[bearer->view.at];
	h2o_mem_init_pool(&pool);
	scopes_parse(&pool, text_of(bearer->scope), &asker.granted);
	scopes_parse(&pool, text_of(bearer->grantable), &asker.grantable);
	asker.granted = policy_implied(&pool, views->catalogue->settings, &asker.granted);
	asker.grantable = policy_implied(&pool, views->catalogue->settings, &asker.grantable);
	settle_limits(views, bearer, &asker.granted);
	asker.limits = bearer->limits;
	bearer->view = find_or_make(views, &asker);
	h2o_mem_clear_pool(&pool);
	return views->kept[bearer->view.at];
}

struct view_hold { /* lives in the request's pool */
	struct view *view;
	struct limits *limits;
};

static void release_hold(void *data)
{
	struct view_hold *hold = data;

	if (hold->limits != NULL)
		h2o_mem_release_shared(hold->limits);
	if (hold->view != NULL)
		h2o_mem_release_shared(hold->view);
	*hold = (struct view_hold){.view = NULL};
}

struct view *view_of(struct request *r)
{
	struct call *call = call_of(r);
	struct bearer *bearer = (struct bearer *)bearer_of(r);

	if (call->view == NULL)
		call->view = h2o_mem_alloc_shared(&r->pool, sizeof(*call->view), release_hold);
	else if (call->view->view != NULL)
		return call->view->view;
	*call->view = (struct view_hold){.view = view_of_bearer(mcp_of(r)->views, bearer), .limits = bearer->limits};
	h2o_mem_addref_shared(call->view->view);
	if (bearer->limits != NULL)
		h2o_mem_addref_shared(bearer->limits);
	return call->view->view;
}

void view_inherit(struct request *to, struct request *from)
{
	view_of(from);
	struct view_hold *hold = h2o_mem_alloc_shared(&to->pool, sizeof(*hold), release_hold);
	*hold = *call_of(from)->view;
	h2o_mem_addref_shared(hold->view);
	if (hold->limits != NULL)
		h2o_mem_addref_shared(hold->limits);
	call_of(to)->view = hold;
}

struct limits *limits_of(struct request *r)
{
	view_of(r);
	return call_of(r)->view->limits;
}
