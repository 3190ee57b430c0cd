/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/watch.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/reply.h"
#include "mcp/protocol/audience.h"
#include "mcp/call/call.h"
#include "mcp/caller/revocation.h"
#include "mcp/protocol/stream.h"
#include "mcp/policy/view.h"

enum {
	SILENT_TOKEN_MS = 5 * 60 * 1000, /* beyond the age limit of answers about it; it is not asked for */
	DOUBTED_TOKEN_MS = 30 * 1000,
	SEEN_SIZE = 8,
};

static const struct {
	unsigned kind;
	const char *method;
	enum item_kind lists[2];
} CHANGES[] = {
    {WATCH_TOOLS, "notifications/tools/list_changed", {ITEM_TOOL, ITEM_TOOL}},
    {WATCH_PROMPTS, "notifications/prompts/list_changed", {ITEM_PROMPT, ITEM_PROMPT}},
    {WATCH_RESOURCES, "notifications/resources/list_changed", {ITEM_RESOURCE, ITEM_TEMPLATE}},
};
enum { CHANGE_COUNT = sizeof(CHANGES) / sizeof(CHANGES[0]) };

struct watch {
	h2o_linklist_t link;
	struct mcp *mcp;
	struct stream *stream;
	struct bearer *bearer; /* a reference */
	int64_t heard_ms;      /* when its token was known to be alive */
	uint8_t owner[SESSION_OWNER_SIZE], caller[SESSION_OWNER_SIZE];
	uint8_t seen[CHANGE_COUNT][SEEN_SIZE]; /* what its lists were like */
	unsigned kinds;
	bool has_session; /* legacy */
	bool is_first;    /* where its session is told what is told once */
	bool is_reader;   /* of the stream of a call */
	h2o_iovec_t id;   /* base NULL: legacy */
	char **uris;
	size_t uri_count;
};

#define WATCH_OF(node) H2O_STRUCT_FROM_MEMBER(struct watch, link, node)

void watches_open(struct watches *watches, size_t limit, size_t limit_per_caller)
{
	*watches = (struct watches){.limit = limit, .limit_per_caller = limit_per_caller};
	h2o_linklist_init_anchor(&watches->all);
}

/* ---- what it says ---- */

static void append_meta(struct text_buffer *b, const struct watch *w)
{
	text_append_str(b, "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":");
	text_append_iovec(b, w->id);
	text_append_str(b, "}");
}

/* `member`: a further one of params, or NULL. */
static void tell(struct watch *w, const char *method, const char *member, h2o_iovec_t value)
{
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	struct text_buffer b = {.pool = &pool};
	text_append_str(&b, "{");
	if (w->id.base != NULL)
		append_meta(&b, w);
	if (member != NULL) {
		text_append_printf(&b, "%s\"%s\":", b.len > 1 ? "," : "", member);
		text_append_iovec(&b, value);
	}
	text_append_str(&b, "}");
	/* the legacy era leaves out params that say nothing */
	h2o_iovec_t params = b.len > 2 ? h2o_iovec_init(b.base, b.len) : (h2o_iovec_t){NULL, 0};
	stream_send(w->stream, rpc_message_text(&pool, (h2o_iovec_t){NULL, 0}, method, params));
	h2o_mem_clear_pool(&pool);
}

/* 2026-07-28: basic/patterns/cancellation wants the notification, basic/patterns/subscriptions the result. */
static h2o_iovec_t last_words(h2o_mem_pool_t *pool, const struct watch *w)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
	text_append_iovec(&b, w->id);
	text_append_str(&b, ",\"result\":{\"resultType\":\"complete\",");
	append_meta(&b, w);
	text_append_str(&b, "}}");
	return h2o_iovec_init(b.base, b.len);
}

/* ---- how it ends ---- */

static void dispose(struct watch *w)
{
	h2o_linklist_unlink(&w->link);
	w->mcp->watches.count--;
	w->mcp->watches.is_marked = false;
	h2o_mem_release_shared(w->bearer);
	for (size_t i = 0; i < w->uri_count; i++)
		free(w->uris[i]);
	free(w->uris);
	free(w->id.base);
	free(w);
}

static void on_gone(void *data)
{
	dispose(data);
}

static void end(struct watch *w)
{
	h2o_mem_pool_t pool;

	if (w->is_reader) {
		stream_leave(w->stream); /* calls watch_reader_gone */
		return;
	}
	h2o_mem_init_pool(&pool);
	if (w->id.base != NULL)
		tell(w, "notifications/cancelled", "requestId", w->id);
	stream_finish(&w->stream, w->id.base != NULL ? last_words(&pool, w) : (h2o_iovec_t){NULL, 0});
	h2o_mem_clear_pool(&pool);
	dispose(w);
}

/* True if nobody has said lately that the token is alive. Answers to other requests with it count; where there is none,
 * the client has to come again and prove itself. */
static bool is_doubtful(struct watch *w, int64_t now_ms)
{
	int64_t limit_ms = revocation_age_limit_ms(w->mcp, now_ms);

	if (now_ms >= w->bearer->dies_ms || clock_now() >= w->bearer->expires)
		return true;
	if (now_ms - w->heard_ms <= limit_ms)
		return false;
	const struct bearer *known = token_cache_find(w->mcp->tokens, w->bearer->digest, now_ms, limit_ms);
	if (known == NULL)
		return now_ms - w->heard_ms > limit_ms + SILENT_TOKEN_MS;
	w->heard_ms = known->asked_ms;
	return !known->active;
}

void watches_tick(void *data)
{
	struct mcp *mcp = data;
	int64_t now_ms = clock_monotonic_ms();

	for (h2o_linklist_t *n = mcp->watches.all.next, *next; n != &mcp->watches.all; n = next) {
		next = n->next;
		if (is_doubtful(WATCH_OF(n), now_ms))
			end(WATCH_OF(n));
	}
	replays_tick(&mcp->replays);
}

void watch_revoke(struct mcp *mcp, enum token_key key, h2o_iovec_t value)
{
	for (h2o_linklist_t *n = mcp->watches.all.next, *next; n != &mcp->watches.all; n = next) {
		next = n->next;
		if (text_is(value, bearer_key(WATCH_OF(n)->bearer, key)))
			end(WATCH_OF(n));
	}
}

void watch_doubt(struct mcp *mcp)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t heard_ms = now_ms - revocation_age_limit_ms(mcp, now_ms) - SILENT_TOKEN_MS + DOUBTED_TOKEN_MS;

	for (h2o_linklist_t *n = mcp->watches.all.next; n != &mcp->watches.all; n = n->next)
		if (WATCH_OF(n)->heard_ms > heard_ms)
			WATCH_OF(n)->heard_ms = heard_ms;
}

void watch_end_all(struct mcp *mcp)
{
	mcp->watches.limit = 0;
	for (h2o_linklist_t *n = mcp->watches.all.next, *next; n != &mcp->watches.all; n = next) {
		next = n->next;
		if (!WATCH_OF(n)->is_reader)
			end(WATCH_OF(n));
	}
}

void watch_end_session(struct mcp *mcp, const uint8_t owner[SESSION_OWNER_SIZE])
{
	for (h2o_linklist_t *n = mcp->watches.all.next, *next; n != &mcp->watches.all; n = next) {
		next = n->next;
		if (WATCH_OF(n)->has_session && memcmp(WATCH_OF(n)->owner, owner, SESSION_OWNER_SIZE) == 0)
			end(WATCH_OF(n));
	}
}

/* ---- how it begins ---- */

static size_t count_of_caller(const struct watches *watches, const uint8_t caller[SESSION_OWNER_SIZE])
{
	size_t count = 0;

	for (h2o_linklist_t *n = watches->all.next; n != &watches->all; n = n->next)
		count += memcmp(WATCH_OF(n)->caller, caller, SESSION_OWNER_SIZE) == 0;
	return count;
}

bool watch_may_open(struct request *r)
{
	const struct watches *watches = &mcp_of(r)->watches;
	uint8_t caller[SESSION_OWNER_SIZE];

	session_caller(r, caller);
	if (watches->count < watches->limit && count_of_caller(watches, caller) < watches->limit_per_caller)
		return true;
	if (watches->count < watches->limit)
		reply_header(r, "retry-after", "30");
	fail(r, watches->count < watches->limit ? &TOO_MANY_REQUESTS : &TEMPORARILY_UNAVAILABLE,
	     "too many streams are open");
	return false;
}

static void note_lists(struct watch *w, uint8_t seen[CHANGE_COUNT][SEEN_SIZE])
{
	struct view *view = view_of_bearer(w->mcp->views, w->bearer);

	for (size_t i = 0; i < CHANGE_COUNT; i++) {
		const uint8_t *a = view_list(view, CHANGES[i].lists[0])->seen,
			      *b = view_list(view, CHANGES[i].lists[1])->seen;
		for (size_t at = 0; at < SEEN_SIZE; at++)
			seen[i][at] = a[at] ^ (uint8_t)(b[at] << 1);
	}
}

static struct watch *make_watch(struct request *r)
{
	struct watch *w = h2o_mem_alloc(sizeof(*w));
	struct watches *watches = &mcp_of(r)->watches;

	*w = (struct watch){
	    .mcp = mcp_of(r),
	    .bearer = (struct bearer *)bearer_of(r),
	    .heard_ms = bearer_of(r)->asked_ms,
	    .has_session = call_of(r)->session.is_open,
	};
	h2o_mem_addref_shared(w->bearer);
	memcpy(w->owner, call_of(r)->session.owner, SESSION_OWNER_SIZE);
	session_caller(r, w->caller);
	h2o_linklist_insert(watches->all.next, &w->link); /* in front of the others */
	watches->count++;
	watches->is_marked = false;
	return w;
}

step_result watch_open(struct request *r, const struct watch_options *options)
{
	struct watch *w = make_watch(r);

	w->kinds = options->kinds;
	w->uris = options->uris;
	w->uri_count = options->uri_count;
	if (options->id.base != NULL)
		w->id = h2o_strdup(NULL, options->id.base, options->id.len);
	note_lists(w, w->seen);
	w->stream = stream_open(r, options->first, on_gone, w);
	if (w->stream == NULL)
		dispose(w);
	return STEP_DONE;
}

struct watch *watch_reader(struct request *r, struct stream *stream)
{
	struct watch *w = make_watch(r);

	w->is_reader = true;
	w->stream = stream;
	return w;
}

void watch_reader_gone(struct watch *reader)
{
	dispose(reader);
}

/* ---- changes ---- */

/* True if it is the first of its session that comes here. The id of a session begins with random bytes. */
static bool take_place(struct watch **places, size_t mask, struct watch *w)
{
	uint64_t random;

	memcpy(&random, w->owner, sizeof(random));
	size_t at = random & mask;
	for (; places[at] != NULL; at = (at + 1) & mask)
		if (memcmp(places[at]->owner, w->owner, SESSION_OWNER_SIZE) == 0)
			return false;
	places[at] = w;
	return true;
}

/* 2025-11-25, basic/transports: a message goes to one of a client's streams only. They are its newest first. */
static void mark_firsts(struct watches *watches)
{
	size_t size = 16;

	if (watches->is_marked)
		return;
	while (size < 2 * watches->count)
		size *= 2;
	struct watch **places = h2o_mem_alloc(size * sizeof(struct watch *));
	memset(places, 0, size * sizeof(struct watch *));
	for (h2o_linklist_t *n = watches->all.next; n != &watches->all; n = n->next) {
		struct watch *w = WATCH_OF(n);
		w->is_first = !w->is_reader && (!w->has_session || take_place(places, size - 1, w));
	}
	free(places);
	watches->is_marked = true;
}

static void tell_changes(struct watch *w, unsigned kinds)
{
	if ((w->kinds & kinds) == 0 || !w->is_first)
		return;
	for (size_t i = 0; i < CHANGE_COUNT; i++)
		if ((CHANGES[i].kind & w->kinds & kinds) != 0)
			tell(w, CHANGES[i].method, NULL, (h2o_iovec_t){NULL, 0});
}

void watch_changed(struct mcp *mcp, unsigned kinds)
{
	mark_firsts(&mcp->watches);
	for (h2o_linklist_t *n = mcp->watches.all.next; n != &mcp->watches.all; n = n->next)
		tell_changes(WATCH_OF(n), kinds);
}

void watch_catalogue_changed(struct mcp *mcp)
{
	mark_firsts(&mcp->watches);
	for (h2o_linklist_t *n = mcp->watches.all.next; n != &mcp->watches.all; n = n->next) {
		struct watch *w = WATCH_OF(n);
		uint8_t seen[CHANGE_COUNT][SEEN_SIZE];
		unsigned kinds = 0;
		if (w->kinds == 0)
			continue;
		note_lists(w, seen);
		for (size_t i = 0; i < CHANGE_COUNT; i++)
			if (memcmp(seen[i], w->seen[i], SEEN_SIZE) != 0)
				kinds |= CHANGES[i].kind;
		memcpy(w->seen, seen, sizeof(seen));
		tell_changes(w, kinds);
	}
}

static bool watches_resource(const struct watch *w, h2o_iovec_t uri)
{
	if (w->id.base == NULL)
		return w->is_first && session_subscribes(&w->mcp->sessions, w->owner, uri);
	for (size_t i = 0; i < w->uri_count; i++)
		if (text_is(uri, w->uris[i]))
			return true;
	return false;
}

void watch_resource_changed(struct mcp *mcp, h2o_iovec_t uri)
{
	h2o_mem_pool_t pool;

	mark_firsts(&mcp->watches);
	h2o_mem_init_pool(&pool);
	struct text_buffer quoted = {.pool = &pool};
	text_append_json(&quoted, uri);
	for (h2o_linklist_t *n = mcp->watches.all.next; n != &mcp->watches.all; n = n->next) {
		struct watch *w = WATCH_OF(n);
		if (watches_resource(w, uri) && audience_may_read(view_of_bearer(mcp->views, w->bearer), uri))
			tell(w, "notifications/resources/updated", "uri", h2o_iovec_init(quoted.base, quoted.len));
	}
	h2o_mem_clear_pool(&pool);
}
