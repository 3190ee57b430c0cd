/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/catalogue/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "mcp/catalogue/catalogue_loader.h"
#include "mcp/catalogue/catalogue_picture.h"
#include "mcp/catalogue/databases.h"
#include "mcp/endpoints.h"
#include "mcp/catalogue/folder_watch.h"
#include "mcp/catalogue/statement_trial.h"
#include "mcp/mcp.h"
#include "mcp/policy/rules.h"
#include "mcp/backend/upstream/upstream_file.h"
#include "mcp/backend/upstream/upstreams.h"
#include "mcp/protocol/watch.h"

enum {
	LOOK_MS = 50,
	QUIET_MS = 250,             /* a change is often several of them: it is waited for their end, */
	QUIET_MAX_MS = 2000,        /* but not for ever */
	PREPARE_MAX_MS = 10 * 1000, /* so long living databases may take to prepare the statements */
};

struct reload {
	struct mcp *mcp;
	h2o_loop_t *loop;
	struct catalogue_loader *loader;
	const char *folders[6];
	struct folder_watch *watch;    /* NULL: only SIGHUP */
	int64_t first_ms, last_ms;     /* changes that nobody has looked at yet; 0: there are none */
	struct catalogue *waiting;     /* for its databases and its trial; NULL: none */
	struct statement_trial *trial; /* of the one that waits, or of the first one, which serves; NULL: none */
	bool was_tried;                /* the first one, or another one came */
	bool was_refused;              /* what the files say is not what serves, and the log says so */
	int64_t waits_until_ms;
	size_t asked;          /* of its trial, when it was last looked at */
	h2o_timeout_t timeout; /* runs while there is something to wait for */
	h2o_timeout_entry_t look;
};

/* ---- the place ---- */

unsigned reload_compare(const struct catalogue *a, const struct catalogue *b)
{
	unsigned kinds = 0;

	for (enum item_kind kind = 0; kind < ITEM_KINDS; kind++) {
		size_t count = catalogue_count(a, kind);
		bool same = count == catalogue_count(b, kind);
		for (size_t i = 0; same && i < count; i++)
			same =
			    strcmp(a->items[a->firsts[kind] + i]->digest, b->items[b->firsts[kind] + i]->digest) == 0;
		kinds |= same ? 0 : 1U << kind;
	}
	return kinds;
}

void reload_adopt(struct mcp *mcp, struct catalogue *catalogue)
{
	struct catalogue *before = mcp->catalogue;

	mcp->catalogue = catalogue;
	if (!mcp->settings.has_initial_scopes)
		mcp->settings.initial_scopes = policy_read_scopes(&catalogue->pool, catalogue);
	mcp->metadata = metadata_document(&catalogue->pool, &mcp->settings);
	if (before == NULL)
		return;
	views_switch(mcp->views, catalogue);
	if (mcp->upstreams != NULL)
		upstreams_switch(mcp->upstreams, catalogue);
	h2o_mem_release_shared(before);
}

static void add_count(json_t *record, const struct catalogue *catalogue, enum item_kind kind)
{
	json_object_set_new(record, view_list_member(kind), json_integer((json_int_t)catalogue_count(catalogue, kind)));
}

enum { LINES_TOLD = 20 };

void reload_write_picture(const struct mcp *mcp)
{
	const char *path = mcp->settings.catalogue_file;

	if (path == NULL)
		return;
	json_t *picture = catalogue_picture(mcp->catalogue);
	if (!catalogue_picture_write(picture, path))
		log_event(LOG_WARNING, "the catalogue's file cannot be written", "file", path, "reason",
		          strerror(errno), NULL);
	json_decref(picture);
}

/* What is otherwise than before; the first few lines. */
static const char *changes(h2o_mem_pool_t *pool, const struct catalogue *before, const struct catalogue *after,
                           bool *widens)
{
	struct text_buffer b = {.pool = pool};
	json_t *old = json_keep(pool, catalogue_picture(before)), *new = json_keep(pool, catalogue_picture(after));
	struct catalogue_difference difference = catalogue_compare(pool, old, new);

	text_append_str(&b, "");
	for (size_t i = 0; i < difference.count && i < LINES_TOLD; i++)
		text_append_printf(&b, "%s%s", i > 0 ? "; " : "", difference.lines[i]);
	if (difference.count > LINES_TOLD)
		text_append_printf(&b, "; and %zu more", difference.count - LINES_TOLD);
	*widens = difference.widens;
	return b.base;
}

/* What is offered is what decides what can happen: a change of it is on record. */
static void tell(struct mcp *mcp, const struct catalogue *before)
{
	h2o_mem_pool_t pool;
	bool widens;
	h2o_mem_init_pool(&pool);
	const char *text = changes(&pool, before, mcp->catalogue, &widens);
	json_t *record = json_pack("{s:s, s:s, s:b}", "event", "catalogue_changed", "changes", text, "widens", widens);

	for (enum item_kind kind = 0; kind < ITEM_KINDS; kind++)
		add_count(record, mcp->catalogue, kind);
	if (mcp->audit != NULL)
		audit_write(mcp->audit, record, false);
	else
		json_decref(record);
	log_event(LOG_INFO, "a new catalogue serves", "changes", text, NULL);
	h2o_mem_clear_pool(&pool);
	reload_write_picture(mcp);
}

static void refuse(struct reload *reload, const char *reason)
{
	reload->was_refused = true;
	log_event(LOG_ERROR, "the new catalogue is refused, the old one serves on", "reason", reason, NULL);
}

static void end_trial(struct reload *reload)
{
	if (reload->trial != NULL)
		statement_trial_close(reload->trial);
	reload->trial = NULL;
}

static void drop_waiting(struct reload *reload)
{
	end_trial(reload);
	if (reload->waiting != NULL)
		h2o_mem_release_shared(reload->waiting);
	reload->waiting = NULL;
}

/* Those who subscribed to what has another content now. */
static void tell_readers(struct mcp *mcp, const struct catalogue *before)
{
	const struct catalogue *c = mcp->catalogue;

	for (size_t i = c->firsts[ITEM_RESOURCE]; i < c->firsts[ITEM_RESOURCE + 1]; i++) {
		h2o_iovec_t uri = text_of(c->items[i]->key);
		const struct item *old = catalogue_find(before, ITEM_RESOURCE, uri);
		if (old != NULL && strcmp(old->digest, c->items[i]->digest) != 0)
			watch_resource_changed(mcp, uri);
	}
}

static void take_place(struct reload *reload)
{
	struct catalogue *catalogue = reload->waiting, *before = reload->mcp->catalogue;

	reload->waiting = NULL;
	reload->was_refused = false;
	end_trial(reload);
	h2o_mem_addref_shared(before);
	reload_adopt(reload->mcp, catalogue);
	tell(reload->mcp, before);
	watch_catalogue_changed(reload->mcp);
	tell_readers(reload->mcp, before);
	h2o_mem_release_shared(before);
}

/* ---- waiting ---- */

static void look_again(struct reload *reload)
{
	if (!h2o_timeout_is_linked(&reload->look))
		h2o_timeout_link(reload->loop, &reload->timeout, &reload->look);
}

static void refuse_waiting(struct reload *reload, const char *first)
{
	h2o_mem_pool_t *pool = &reload->waiting->pool;
	size_t more = 0;

	while (statement_trial_problem(reload->trial, more + 1) != NULL)
		more++;
	refuse(reload, more > 0 ? text_printf(pool, "%s; and %zu more", first, more) : first);
	drop_waiting(reload);
}

/* Nobody can say whether statements are right while the databases are away: then it is waited for them. */
static void look_at_waiting(struct reload *reload, int64_t now_ms)
{
	const struct databases *databases = reload->waiting->databases;
	size_t asked = statement_trial_asked(reload->trial);
	bool through = statement_trial_goes_on(reload->trial);
	const char *problem = through ? statement_trial_problem(reload->trial, 0) : NULL;

	if (problem != NULL) {
		refuse_waiting(reload, problem);
		return;
	}
	if (through && databases_ready(databases)) {
		take_place(reload);
		return;
	}
	if (asked != reload->asked || !databases_ready(reload->mcp->catalogue->databases))
		reload->waits_until_ms = now_ms + PREPARE_MAX_MS;
	reload->asked = asked;
	if (now_ms < reload->waits_until_ms)
		return;
	drop_waiting(reload);
	refuse(reload, "a database does not prepare its statements");
}

/* At the start one wrong statement is no reason to have no tool at all. */
static void look_at_first(struct reload *reload)
{
	const char *problem;

	if (!statement_trial_goes_on(reload->trial))
		return;
	for (size_t i = 0; (problem = statement_trial_problem(reload->trial, i)) != NULL; i++) {
		if (i == LINES_TOLD) {
			log_event(LOG_ERROR, "more statements cannot be used: the verb check says which", NULL);
			break;
		}
		log_event(LOG_ERROR, "a statement cannot be used, what calls it fails", "reason", problem, NULL);
	}
	end_trial(reload);
}

static void look_at_changes(struct reload *reload, int64_t now_ms)
{
	if (now_ms - reload->last_ms >= QUIET_MS || now_ms - reload->first_ms >= QUIET_MAX_MS)
		reload_start(reload);
}

static void on_look(h2o_timeout_entry_t *entry)
{
	struct reload *reload = H2O_STRUCT_FROM_MEMBER(struct reload, look, entry);
	int64_t now_ms = clock_monotonic_ms();

	if (reload->first_ms != 0)
		look_at_changes(reload, now_ms);
	if (reload->waiting != NULL)
		look_at_waiting(reload, now_ms);
	else if (reload->trial != NULL)
		look_at_first(reload);
	if (reload->first_ms != 0 || reload->trial != NULL)
		look_again(reload);
}

static void on_change(void *data)
{
	struct reload *reload = data;

	reload->last_ms = clock_monotonic_ms();
	if (reload->first_ms == 0)
		reload->first_ms = reload->last_ms;
	look_again(reload);
}

static bool same_rules(const struct catalogue *a, const struct catalogue *b)
{
	if (a->rules == NULL || b->rules == NULL)
		return a->rules == b->rules;
	return strcmp(a->rules->digest, b->rules->digest) == 0;
}

/* One without approved tools has no item, and is connected all the same. */
static bool same_upstreams(const struct catalogue *a, const struct catalogue *b)
{
	bool same = a->upstream_count == b->upstream_count;

	for (size_t i = 0; same && i < a->upstream_count; i++)
		same = strcmp(a->upstreams[i]->name, b->upstreams[i]->name) == 0 &&
		       strcmp(a->upstreams[i]->digest, b->upstreams[i]->digest) == 0;
	return same;
}

static bool same_all(const struct catalogue *a, const struct catalogue *b)
{
	return reload_compare(a, b) == 0 && same_rules(a, b) && same_upstreams(a, b) &&
	       secret_equal(a->secrets, b->secrets, SHA256_SIZE);
}

static void on_loaded(void *data, struct catalogue *catalogue, const char *error)
{
	struct reload *reload = data;
	struct mcp *mcp = reload->mcp;

	drop_waiting(reload); /* it is older */
	if (catalogue == NULL) {
		refuse(reload, error);
		return;
	}
	if (same_all(mcp->catalogue, catalogue)) {
		if (reload->was_refused)
			log_event(LOG_INFO, "the files are fine again, and say what serves", NULL);
		reload->was_refused = false;
		h2o_mem_release_shared(catalogue);
		return;
	}
	catalogue->databases =
	    databases_open_like(mcp->catalogue, reload->loop, catalogue, &mcp->settings, &mcp->databases);
	reload->waiting = catalogue;
	reload->trial = statement_trial_open(reload->loop, mcp->catalogue, catalogue, &mcp->settings);
	reload->was_tried = true;
	reload->asked = 0;
	reload->waits_until_ms = clock_monotonic_ms() + PREPARE_MAX_MS;
	look_again(reload);
}

void reload_start(struct reload *reload)
{
	reload->first_ms = 0;
	catalogue_loader_start(reload->loader);
}

/* Not before somebody could call: at the start there is enough to do. */
static void try_first(struct reload *reload)
{
	const struct catalogue *first = reload->mcp->catalogue;

	if (reload->was_tried || !databases_ready(first->databases))
		return;
	reload->was_tried = true;
	reload->trial = statement_trial_open(reload->loop, NULL, first, &reload->mcp->settings);
	look_again(reload);
}

void reload_tick(void *data)
{
	struct reload *reload = data;

	try_first(reload);

	databases_close(&reload->mcp->databases);
	if (reload->watch != NULL)
		folder_watch_tick(reload->watch);
}

/* ---- open and close ---- */

/* An editor puts another file in the place of one: only the folder tells. */
static const char *folder_of(h2o_mem_pool_t *pool, const char *file)
{
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;

	if (slash == NULL)
		return file != NULL ? "." : NULL;
	return text_printf(pool, "%.*s", slash == file ? 1 : (int)(slash - file), file);
}

static void collect_folders(struct reload *reload)
{
	const struct mcp_settings *s = &reload->mcp->settings;
	const char *folders[] = {s->tools, s->resources, s->prompts, s->upstreams,
	                         folder_of(&reload->mcp->pool, s->rules)};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (folders[i] != NULL)
			reload->folders[count++] = folders[i];
}

struct reload *reload_open(struct mcp *mcp, h2o_loop_t *loop)
{
	struct reload *reload = h2o_mem_alloc(sizeof(*reload));

	*reload = (struct reload){.mcp = mcp, .loop = loop};
	reload->look.cb = on_look;
	h2o_timeout_init(loop, &reload->timeout, LOOK_MS);
	reload->loader = catalogue_loader_open(loop, &mcp->settings, on_loaded, reload);
	if (!mcp->settings.watches_files)
		return reload;
	collect_folders(reload);
	reload->watch = folder_watch_open(loop, reload->folders, on_change, reload);
	if (reload->watch == NULL)
		log_event(LOG_WARNING, "changes of files are not noticed, only SIGHUP is", NULL);
	return reload;
}

void reload_close(struct reload *reload)
{
	catalogue_loader_close(reload->loader);
	if (reload->watch != NULL)
		folder_watch_close(reload->watch);
	drop_waiting(reload);
	h2o_timeout_unlink(&reload->look);
	h2o_timeout_dispose(reload->loop, &reload->timeout);
	free(reload);
}
