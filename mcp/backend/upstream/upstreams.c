/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstreams.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "mcp/backend/backends.h"
#include "mcp/catalogue/catalogue.h"
#include "mcp/backend/upstream/upstream_items.h"
#include "mcp/backend/upstream/upstream_parked.h"
#include "mcp/backend/upstream/upstream_pins.h"

struct upstream {
	h2o_linklist_t link;
	struct upstreams *upstreams;
	struct catalogue *catalogue; /* a reference: the file lives in it */
	struct upstream_reach reach;
	struct upstream_client *client;
	bool is_wanted;
};

enum { TELL_MS = 5000 }; /* between two changes that are told: each leads to loading everything */

struct upstreams {
	struct upstreams_options options;
	h2o_linklist_t all;
	struct parked_calls *parked;
	h2o_timeout_t soon, later;
	h2o_timeout_entry_t tell; /* there is a change to be told */
	int64_t told_ms;          /* 0: none was */
};

/* ---- what they say ---- */

static void tell_of(const struct upstream *u, const char *tool, enum upstream_liveness liveness)
{
	log_event(LOG_WARNING,
	          liveness == LIVE_GONE ? "a tool of an upstream is gone, and is not offered"
	                                : "a tool of an upstream is not what was approved, and is not offered",
	          "upstream", u->reach.file->name, "tool", tool, NULL);
}

/* NULL: the item is not of this upstream. */
static const struct upstream_plan *plan_of(const struct upstream *u, const struct item *item)
{
	const struct upstream_plan *plan = item->plan;

	return item->backend == &BACKEND_UPSTREAM && strcmp(plan->upstream, u->reach.file->name) == 0 ? plan : NULL;
}

/* `before`: what served until now, of which it has been told already; NULL: nothing did. */
static void tell_of_withheld(const struct upstream *u, const struct catalogue *before)
{
	const struct catalogue *c = u->catalogue;

	for (size_t i = 0; i < c->count; i++) {
		const struct upstream_plan *plan = plan_of(u, c->items[i]), *told = NULL;
		if (plan == NULL)
			continue;
		const struct item *old =
		    before != NULL ? catalogue_find(before, ITEM_TOOL, text_of(c->items[i]->key)) : NULL;
		if (old != NULL)
			told = plan_of(u, old);
		if (told != NULL && strcmp(told->digest, plan->digest) == 0)
			continue;
		enum upstream_liveness liveness = upstream_live_compare(u->upstreams->options.live, plan->upstream,
		                                                        plan->reached, plan->tool, plan->digest);
		if (liveness == LIVE_CHANGED || liveness == LIVE_GONE)
			tell_of(u, plan->tool, liveness);
	}
}

/* Those that a rule offers, and of which the catalogue knows no approval. */
static void tell_of_new_ones(h2o_mem_pool_t *pool, const struct upstream *u, const json_t *digests)
{
	const struct catalogue *c = u->catalogue;
	json_t *approved = json_keep(pool, json_object());
	const char *tool;
	size_t count = 0;
	json_t *digest;

	for (size_t i = 0; i < c->count; i++) {
		const struct upstream_plan *plan = plan_of(u, c->items[i]);
		if (plan != NULL)
			json_object_set_new(approved, plan->tool, json_true());
	}
	json_object_foreach ((json_t *)digests, tool, digest)
		if (upstream_file_rule(u->reach.file, tool) != NULL && json_object_get(approved, tool) == NULL)
			count++;
	if (count > 0)
		log_event(LOG_WARNING, "tools of an upstream wait for approval", "upstream", u->reach.file->name,
		          "tools", text_printf(pool, "%zu", count), NULL);
}

static void tell_change(struct upstreams *upstreams)
{
	upstreams->told_ms = clock_monotonic_ms();
	if (upstreams->options.on_changed != NULL)
		upstreams->options.on_changed(upstreams->options.data);
}

static void on_tell(h2o_timeout_entry_t *entry)
{
	tell_change(H2O_STRUCT_FROM_MEMBER(struct upstreams, tell, entry));
}

/* What is called is compared with what the upstream says now, whatever the catalogue is: that may wait. */
static void note_change(struct upstreams *upstreams)
{
	if (h2o_timeout_is_linked(&upstreams->tell))
		return;
	if (upstreams->told_ms == 0 || clock_monotonic_ms() - upstreams->told_ms >= TELL_MS)
		tell_change(upstreams);
	else
		h2o_timeout_link(upstreams->options.loop, &upstreams->later, &upstreams->tell);
}

/* An approval may have been given before this list came, and the catalogue that serves may be older than the approval:
 * what of it may be offered is the loader's to say, whatever the news are. */
static void compare(struct upstream *u, const json_t *tools)
{
	const struct upstreams_options *o = &u->upstreams->options;
	const struct upstream_file *file = u->reach.file;
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	const json_t *digests = pins_digests(&pool, tools);
	bool news = upstream_live_set(o->live, file->name, file->digest, digests);
	if (news) {
		tell_of_withheld(u, NULL);
		tell_of_new_ones(&pool, u, digests);
	}
	h2o_mem_clear_pool(&pool);
	if (news)
		note_change(u->upstreams);
}

static void on_tools(void *data, const json_t *tools)
{
	struct upstream *u = data;
	const struct upstreams_options *o = &u->upstreams->options;

	compare(u, tools);
	if (o->on_tools != NULL)
		o->on_tools(o->data, u->reach.file, tools, NULL);
}

static void on_down(void *data, const char *problem)
{
	struct upstream *u = data;
	const struct upstreams_options *o = &u->upstreams->options;

	log_event(LOG_WARNING, "an upstream is away", "upstream", u->reach.file->name, "problem", problem, NULL);
	if (o->on_tools != NULL)
		o->on_tools(o->data, u->reach.file, NULL, problem);
}

static const struct upstream_client_events EVENTS = {.on_tools = on_tools, .on_down = on_down};

/* ---- which there are ---- */

static struct upstream *find(struct upstreams *upstreams, const char *name, const char *reached)
{
	for (h2o_linklist_t *link = upstreams->all.next; link != &upstreams->all; link = link->next) {
		struct upstream *u = H2O_STRUCT_FROM_MEMBER(struct upstream, link, link);
		if (strcmp(u->reach.file->name, name) == 0 && strcmp(u->reach.file->digest, reached) == 0)
			return u;
	}
	return NULL;
}

static void add(struct upstreams *upstreams, struct catalogue *catalogue, const struct upstream_file *file)
{
	const struct upstreams_options *o = &upstreams->options;
	struct upstream *u = h2o_mem_alloc(sizeof(*u));

	*u = (struct upstream){.upstreams = upstreams, .catalogue = catalogue, .is_wanted = true};
	h2o_mem_addref_shared(catalogue);
	u->reach = (struct upstream_reach){
	    .file = file, .loop = o->loop, .egress = o->egress, .places = o->places, .spawner = o->spawner};
	u->client = upstream_client_open(&u->reach, &EVENTS, u);
	h2o_linklist_insert(&upstreams->all, &u->link);
	tell_of_withheld(u, NULL);
}

static void keep(struct upstream *u, struct catalogue *catalogue, const struct upstream_file *file)
{
	struct catalogue *before = u->catalogue;

	h2o_mem_addref_shared(catalogue);
	u->catalogue = catalogue;
	u->reach.file = file;
	u->is_wanted = true;
	tell_of_withheld(u, before);
	h2o_mem_release_shared(before);
}

static void drop(struct upstream *u, bool now)
{
	h2o_linklist_unlink(&u->link);
	upstream_client_close(u->client, now);
	h2o_mem_release_shared(u->catalogue);
	free(u);
}

static void drop_unwanted(struct upstreams *upstreams)
{
	for (h2o_linklist_t *link = upstreams->all.next, *next; link != &upstreams->all; link = next) {
		struct upstream *u = H2O_STRUCT_FROM_MEMBER(struct upstream, link, link);
		next = link->next;
		if (!u->is_wanted)
			drop(u, false);
	}
}

void upstreams_switch(struct upstreams *upstreams, struct catalogue *catalogue)
{
	for (h2o_linklist_t *link = upstreams->all.next; link != &upstreams->all; link = link->next)
		H2O_STRUCT_FROM_MEMBER(struct upstream, link, link)->is_wanted = false;
	for (size_t i = 0; i < catalogue->upstream_count; i++) {
		const struct upstream_file *file = catalogue->upstreams[i];
		struct upstream *u = find(upstreams, file->name, file->digest);
		if (u != NULL)
			keep(u, catalogue, file);
		else
			add(upstreams, catalogue, file);
	}
	drop_unwanted(upstreams);
}

struct upstreams *upstreams_open(const struct upstreams_options *options)
{
	struct upstreams *upstreams = h2o_mem_alloc(sizeof(*upstreams));

	*upstreams = (struct upstreams){.options = *options};
	h2o_linklist_init_anchor(&upstreams->all);
	h2o_timeout_init(options->loop, &upstreams->soon, 0);
	h2o_timeout_init(options->loop, &upstreams->later, TELL_MS);
	upstreams->tell.cb = on_tell;
	upstreams->parked = parked_open(options->loop);
	return upstreams;
}

void upstreams_close(struct upstreams *upstreams)
{
	/* calls that were cancelled end now: there is no next turn */
	h2o_timeout_run(upstreams->options.loop, &upstreams->soon, h2o_now(upstreams->options.loop));
	while (!h2o_linklist_is_empty(&upstreams->all))
		drop(H2O_STRUCT_FROM_MEMBER(struct upstream, link, upstreams->all.next), true);
	parked_close(upstreams->parked);
	h2o_timeout_unlink(&upstreams->tell);
	h2o_timeout_dispose(upstreams->options.loop, &upstreams->soon);
	h2o_timeout_dispose(upstreams->options.loop, &upstreams->later);
	free(upstreams);
}

struct upstream_client *upstreams_find(struct upstreams *upstreams, const char *name, const char *reached)
{
	struct upstream *u = find(upstreams, name, reached);

	return u != NULL ? u->client : NULL;
}

struct upstream_live *upstreams_live(struct upstreams *upstreams)
{
	return upstreams->options.live;
}

struct parked_calls *upstreams_parked(struct upstreams *upstreams)
{
	return upstreams->parked;
}

h2o_loop_t *upstreams_loop(struct upstreams *upstreams)
{
	return upstreams->options.loop;
}

h2o_timeout_t *upstreams_soon(struct upstreams *upstreams)
{
	return &upstreams->soon;
}
