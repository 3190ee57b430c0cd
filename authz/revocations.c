/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/revocations.h"

#include <string.h>

#include "authz/keys.h"
#include "authz/notices.h"
#include "authz/security_event.h"
#include "authz/token_client.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/reply.h"
#include "common/secret.h"

enum {
	WAITING_MAX = 256,
	WAITING_OF_ONE_MAX = 64, /* a receiver leaves places for those of other resources */
	WAIT_MS = 20000,
	WAKE_MS = 10, /* notices that come together are one question */
	TICK_MS = 250,
	BLIND_TICKS = 2,      /* without notices, everybody asks that often */
	IDS_SIZE_MAX = 48000, /* of one answer: they come back as the next request's acknowledgements */
};

struct revocations {
	struct authz *authz;
	h2o_linklist_t waiting, places;
	unsigned places_taken, ticks;
	bool draining;
	h2o_timeout_t wake;
	h2o_timeout_entry_t wake_entry;
};

static step_fn *const again_steps[];

/* ---- waiting ---- */

struct place { /* in the request's pool */
	h2o_linklist_t link;
	struct revocations *revocations;
	const char *client_id;
};

/* With the request's pool, however it ends. */
static void give_place_back(void *data)
{
	struct place *place = data;

	h2o_linklist_unlink(&place->link);
	place->revocations->places_taken--;
}

static unsigned places_of(const struct revocations *revocations, const char *client_id)
{
	unsigned count = 0;

	for (const h2o_linklist_t *n = revocations->places.next; n != &revocations->places; n = n->next)
		count += strcmp(H2O_STRUCT_FROM_MEMBER(struct place, link, n)->client_id, client_id) == 0;
	return count;
}

static bool take_place(struct request *r, struct revocations *revocations)
{
	struct revocations_state *s = r->state;
	const char *client_id = client_of(r)->client_id;
	struct place *place;

	if (s->has_place)
		return true;
	if (revocations->places_taken >= WAITING_MAX || places_of(revocations, client_id) >= WAITING_OF_ONE_MAX)
		return false;
	place = h2o_mem_alloc_shared(&r->pool, sizeof(*place), give_place_back);
	*place = (struct place){.revocations = revocations, .client_id = client_id};
	h2o_linklist_insert(&revocations->places, &place->link);
	revocations->places_taken++;
	s->has_place = true;
	return true;
}

/* While it waits, nobody else frees the request; while it asks, the late answer does. */
static void on_departed(struct request *r)
{
	struct revocations_state *s = r->state;

	if (!h2o_linklist_is_linked(&s->link))
		return;
	h2o_linklist_unlink(&s->link);
	r->waiting = false;
}

static void wake_all(struct revocations *revocations)
{
	h2o_linklist_t woken;

	h2o_linklist_init_anchor(&woken);
	h2o_linklist_insert_list(&woken, &revocations->waiting);
	while (!h2o_linklist_is_empty(&woken)) {
		struct revocations_state *s = H2O_STRUCT_FROM_MEMBER(struct revocations_state, link, woken.next);

		h2o_linklist_unlink(&s->link);
		request_resume(s->request);
	}
}

static void on_wake(h2o_timeout_entry_t *entry)
{
	wake_all(H2O_STRUCT_FROM_MEMBER(struct revocations, wake_entry, entry));
}

static void wake_soon(struct revocations *revocations)
{
	if (!h2o_timeout_is_linked(&revocations->wake_entry) && !h2o_linklist_is_empty(&revocations->waiting))
		h2o_timeout_link(server_context(revocations->authz->server)->loop, &revocations->wake,
		                 &revocations->wake_entry);
}

static void on_notice(void *data, const char *kind, const char *id)
{
	(void)kind;
	(void)id;
	wake_soon(data);
}

/* Whose time is over, and who is gone: h2o does not read the connection of a request that is being handled. */
static void wake_overdue(struct revocations *revocations)
{
	int64_t now = clock_monotonic_ms();
	h2o_linklist_t *next;

	for (h2o_linklist_t *n = revocations->waiting.next; n != &revocations->waiting; n = next) {
		struct revocations_state *s = H2O_STRUCT_FROM_MEMBER(struct revocations_state, link, n);

		next = n->next;
		if (request_client_left(s->request))
			s->until_ms = now;
		if (now < s->until_ms)
			continue;
		h2o_linklist_unlink(&s->link);
		request_resume(s->request);
	}
}

static void on_tick(void *data)
{
	struct revocations *revocations = data;

	wake_overdue(revocations);
	if (!notices_live(revocations->authz->notices) && ++revocations->ticks % BLIND_TICKS == 0)
		wake_all(revocations);
}

struct revocations *revocations_open(struct authz *authz)
{
	struct revocations *revocations = h2o_mem_alloc(sizeof(*revocations));

	*revocations = (struct revocations){.authz = authz, .wake_entry = {.cb = on_wake}};
	h2o_linklist_init_anchor(&revocations->waiting);
	h2o_linklist_init_anchor(&revocations->places);
	h2o_timeout_init(server_context(authz->server)->loop, &revocations->wake, WAKE_MS);
	notices_subscribe(authz->notices, on_notice, revocations);
	server_every(authz->server, TICK_MS, on_tick, revocations);
	return revocations;
}

void revocations_drain(struct revocations *revocations)
{
	revocations->draining = true;
	wake_all(revocations);
}

void revocations_close(struct revocations *revocations)
{
	h2o_timeout_unlink(&revocations->wake_entry);
	h2o_timeout_dispose(server_context(revocations->authz->server)->loop, &revocations->wake);
	free(revocations);
}

static bool may_wait(const struct revocations_state *s, const struct revocations *revocations)
{
	return revocations != NULL && !s->poll.returns_immediately && !revocations->draining &&
	       clock_monotonic_ms() < s->until_ms;
}

static step_result wait_for_news(struct request *r)
{
	struct revocations_state *s = r->state;
	struct revocations *revocations = authz_of(r)->revocations;

	if (!take_place(r, revocations))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "too many polls wait");
	s->request = r;
	r->on_departed = on_departed;
	h2o_linklist_insert(&revocations->waiting, &s->link);
	/* Something was told while the question was under way, after its snapshot perhaps. */
	if (notices_count(authz_of(r)->notices) != s->notices)
		wake_soon(revocations);
	run_steps(r, again_steps);
	return STEP_WAIT;
}

/* ---- answering ---- */

static step_result reply_sets(struct request *r, json_t *sets, bool more)
{
	json_t *answer = json_pack("{s:o}", "sets", sets);

	if (more)
		json_object_set_new(answer, "moreAvailable", json_true());
	return reply_json(r, 200, answer);
}

static step_result reply_no_key(struct request *r, json_t *sets)
{
	json_decref(sets);
	return fail(r, &TEMPORARILY_UNAVAILABLE, "the signing keys are not loaded yet");
}

static step_result reply_events(struct request *r, const struct feed_page *page)
{
	json_t *sets = json_object();
	size_t ids_size = 0, i;

	for (i = 0; i < page->count && (i == 0 || ids_size < IDS_SIZE_MAX); i++) {
		struct feed_position position = page->position;
		position.after = page->events[i].event_id;
		const char *jti = feed_position_text(&r->pool, &position);
		const char *set = security_event_sign(r, page, &page->events[i], jti);
		if (set == NULL)
			return reply_no_key(r, sets);
		ids_size += strlen(jti);
		json_object_set_new(sets, jti, json_string(set));
	}
	return reply_sets(r, sets, page->more || i < page->count);
}

/* From here on the receiver is told everything; what it remembers from before, it has to forget. */
static step_result reply_verification(struct request *r, struct feed_page *page)
{
	struct feed_event event = {.kind = FEED_VERIFICATION};
	uint32_t random;
	json_t *sets = json_object();

	random_bytes(&random, sizeof(random));
	page->position.after = random; /* without a page it says nothing, but makes the id unique (RFC 8417, 2.2) */
	const char *jti = feed_position_text(&r->pool, &page->position);
	const char *set = security_event_sign(r, page, &event, jti);
	if (set == NULL)
		return reply_no_key(r, sets);
	json_object_set_new(sets, jti, json_string(set));
	return reply_sets(r, sets, false);
}

static step_result answer(struct request *r)
{
	const struct revocations_state *s = r->state;
	struct feed_page page;

	switch (store_read_feed_poll(r, &page)) {
	case FEED_CLIENT_REFUSED: return fail_client(r);
	case FEED_RESET: return reply_verification(r, &page);
	case FEED_EVENTS: return reply_events(r, &page);
	case FEED_NOTHING: break;
	}
	return may_wait(s, authz_of(r)->revocations) ? wait_for_news(r) : reply_sets(r, json_object(), false);
}

/* ---- asking ---- */

static step_result await_keys(struct request *r)
{
	return keyring_await(r, authz_of(r)->keyring);
}

static step_result ask_database(struct request *r)
{
	struct revocations_state *s = r->state;

	s->notices = notices_count(authz_of(r)->notices);
	return store_feed_poll(r, client_of(r), s->poll.has_position ? &s->poll.position : NULL, s->poll.max_events);
}

static step_result ask_again(struct request *r)
{
	const struct revocations_state *s = r->state;

	if (!may_wait(s, authz_of(r)->revocations))
		return reply_sets(r, json_object(), false);
	return ask_database(r);
}

static step_fn *const again_steps[] = {ask_again, await_keys, answer, NULL};

static step_result answer_nothing(struct request *r)
{
	return store_read_revoke(r) == REVOKE_CLIENT_REFUSED ? fail_client(r) : reply_sets(r, json_object(), false);
}

static step_fn *const nothing_steps[] = {answer_nothing, NULL};

static step_result ask(struct request *r)
{
	struct revocations_state *s = r->state;
	const char *problem = poll_request_read(&r->pool, r->json, &s->poll);

	if (problem != NULL)
		return fail(r, &INVALID_REQUEST, problem);
	if (s->poll.refused > 0)
		log_event(LOG_ERROR, "a receiver could not read security events", "client", client_of(r)->client_id,
		          "request", r->id, NULL);
	s->until_ms = clock_monotonic_ms() + WAIT_MS;
	if (s->poll.max_events > 0)
		return ask_database(r);
	run_steps(r, nothing_steps); /* RFC 8936, 2.2: only acknowledges */
	return store_prove_client(r, client_of(r), true);
}

step_fn *const revocations_steps[] = {ask, await_keys, answer, NULL};
