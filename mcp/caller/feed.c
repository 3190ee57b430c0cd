/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/feed.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/jws.h"
#include "common/log.h"
#include "common/secret.h"

enum {
	POLL_TIMEOUT_MS = 25 * 1000, /* the server waits 20 s for something to say */
	EVENTS_MAX = 64,             /* of one answer */
	ANSWER_LIMIT = 1024 * 1024,
	TICK_MS = 20,
	BACKOFF_LEAST_MS = 100,
	BACKOFF_MOST_MS = 5 * 1000,
	HASTY_MS = 1000, /* an answer without events that comes sooner is no long poll */
};

struct feed {
	struct feed_options options;
	bool polling, stopped;
	bool caught_up;     /* the newest answer was fine and the last that there was */
	bool begins;        /* its events made us forget everything */
	bool told_live;     /* what the log was told last */
	bool waits;         /* the newest poll waits for events; one that has to catch up does not */
	int64_t polled_ms;  /* when it was sent */
	json_t *ack;        /* the SETs of the newest answer that had some: how far we have read */
	json_t *errors;     /* those of it that cannot be believed */
	int64_t doubted_ms; /* since when a key that signed is unknown; 0 while none is */
	int64_t backoff_ms; /* 0 while all is well */
	int64_t due_ms;
	h2o_timeout_t tick; /* runs while the next poll waits for its time */
	h2o_timeout_entry_t tick_entry;
};

bool feed_is_live(const struct feed *feed, int64_t now_ms)
{
	return feed != NULL && feed->polling && feed->caught_up && now_ms - feed->polled_ms <= POLL_TIMEOUT_MS;
}

static void tell(struct feed *feed, const char *problem)
{
	bool live = problem == NULL && feed->caught_up;

	if (problem != NULL && (feed->told_live || feed->backoff_ms == 0))
		log_event(LOG_WARNING, "revocation feed not live", "reason", problem, NULL);
	else if (live && !feed->told_live)
		log_event(LOG_INFO, "revocation feed live", NULL);
	feed->told_live = live;
}

/* ---- the time of the next poll ---- */

static void on_tick(h2o_timeout_entry_t *entry)
{
	struct feed *feed = H2O_STRUCT_FROM_MEMBER(struct feed, tick_entry, entry);

	if (clock_monotonic_ms() < feed->due_ms) {
		h2o_timeout_link(feed->options.loop, &feed->tick, &feed->tick_entry);
		return;
	}
	feed_tick(feed);
}

static void poll_at(struct feed *feed, int64_t due_ms)
{
	feed->due_ms = due_ms;
	if (!h2o_timeout_is_linked(&feed->tick_entry))
		h2o_timeout_link(feed->options.loop, &feed->tick, &feed->tick_entry);
}

/* Half of the delay is random, so that resource servers do not come back in step. */
static void poll_later(struct feed *feed)
{
	uint32_t random;

	feed->backoff_ms = feed->backoff_ms == 0 ? BACKOFF_LEAST_MS : feed->backoff_ms * 2;
	if (feed->backoff_ms > BACKOFF_MOST_MS)
		feed->backoff_ms = BACKOFF_MOST_MS;
	random_bytes(&random, sizeof(random));
	poll_at(feed, clock_monotonic_ms() + feed->backoff_ms / 2 + random % (uint32_t)(feed->backoff_ms / 2 + 1));
}

/* ---- answers ---- */

/* RFC 8936, 2.4.4. */
static void refuse_set(struct feed *feed, const char *jti, const char *why)
{
	log_event(LOG_ERROR, "a security event cannot be believed", "reason", why, NULL);
	json_object_set_new(feed->errors, jti, json_pack("{s:s, s:s}", "err", "invalid_request", "description", why));
}

static void take_event(struct feed *feed, const struct feed_event *event)
{
	if (event->kind == FEED_NOTHING)
		return;
	if (event->kind == FEED_EVERYTHING) {
		feed->begins = true;
		jwks_read_again(feed->options.jwks); /* it may be because of a key */
	}
	feed->options.on_event(feed->options.data, event);
}

/* RFC 8936, 2.4: what was acknowledged is not sent again. Whoever does it would be asked without a pause. */
static bool repeats(const struct feed *feed, const json_t *sets)
{
	size_t i;
	json_t *jti;

	if (json_object_size(sets) == 0)
		return false;
	json_array_foreach (feed->ack, i, jti)
		if (json_object_get(sets, json_string_value(jti)) != NULL)
			return true;
	return false;
}

/* A key that nobody here knows may be a new one: the same events are asked for again when the keys were read since.
 * Until then they may tell of the death of anything. */
static bool awaits_keys(struct feed *feed, h2o_mem_pool_t *pool, const struct jwk_set *keys, const json_t *sets)
{
	const char *jti;
	json_t *set;

	json_object_foreach ((json_t *)sets, jti, set) {
		h2o_iovec_t text = h2o_iovec_init(json_string_value(set), json_string_length(set));
		h2o_iovec_t kid = jws_peek_kid(pool, text, "secevent+jwt");
		if (kid.base == NULL || jwk_set_find(keys, kid) != NULL)
			continue;
		if (feed->doubted_ms == 0) {
			feed->doubted_ms = clock_monotonic_ms();
			take_event(feed, &(struct feed_event){.kind = FEED_EVERYTHING});
			feed->begins = false; /* that was no event of the feed */
		}
		jwks_read_again(feed->options.jwks);
		return jwks_read_ms(feed->options.jwks) <= feed->doubted_ms;
	}
	feed->doubted_ms = 0;
	return false;
}

/* NULL, or why the feed cannot be believed. */
static const char *take_sets(struct feed *feed, h2o_mem_pool_t *pool, const json_t *sets)
{
	const struct feed_options *o = &feed->options;
	const struct jwk_set *keys = jwks_current(o->jwks);
	bool began = feed->begins;
	struct feed_event event;
	const char *jti, *why;
	json_t *set;

	if (keys == NULL)
		return "the keys of the authorization server are not known";
	if (json_object_size(sets) > EVENTS_MAX)
		return "there are more events than were asked for"; /* verifying them would take this process's time */
	if (repeats(feed, sets))
		return "the events are those that were acknowledged";
	if (awaits_keys(feed, pool, keys, sets))
		return "a key that signed security events is not known yet";
	if (json_object_size(sets) > 0)
		json_array_clear(feed->ack);
	feed->begins = false;
	json_object_foreach ((json_t *)sets, jti, set) {
		h2o_iovec_t text = h2o_iovec_init(json_string_value(set), json_string_length(set));
		if (feed_event_verify(pool, keys, o->issuer, o->resource, text_of(jti), text, &event, &why)) {
			json_array_append_new(feed->ack, json_string(jti));
			take_event(feed, &event);
		} else {
			refuse_set(feed, jti, why);
		}
	}
	if (json_object_size(feed->errors) > 0) {
		take_event(feed, &(struct feed_event){.kind = FEED_EVERYTHING});
		return "a security event cannot be believed";
	}
	return began && feed->begins ? "the feed begins again and again" : NULL;
}

/* What would make a storm of polls. */
static const char *empty_problem(const struct feed *feed, const struct feed_answer *events)
{
	if (events->more_available)
		return "there are more events, but none comes";
	if (feed->waits && clock_monotonic_ms() - feed->polled_ms < HASTY_MS)
		return "the answers do not wait for events";
	return NULL;
}

static const char *take_answer(struct feed *feed, const struct egress_answer *answer)
{
	struct feed_answer events;
	const char *problem;
	h2o_mem_pool_t pool;

	if (answer->status == 0)
		return answer->problem;
	if (answer->status == 400)
		json_array_clear(feed->ack); /* what it does not understand it shall not hear again */
	if (answer->status == 401 || answer->status == 403)
		return "the authorization server does not let this resource server read the feed";
	if (answer->status != 200)
		return "the answer is not 200";
	h2o_mem_init_pool(&pool);
	json_object_clear(feed->errors); /* it was told */
	if (feed_answer_read(&pool, answer->body, &events, &problem)) {
		problem = take_sets(feed, &pool, events.sets);
		feed->caught_up = problem == NULL && !events.more_available;
		if (problem == NULL && json_object_size(events.sets) == 0)
			problem = empty_problem(feed, &events);
	}
	h2o_mem_clear_pool(&pool);
	return problem;
}

static void on_answer(void *data, const struct egress_answer *answer)
{
	struct feed *feed = data;

	feed->polling = false;
	if (feed->stopped)
		return;
	const char *problem = take_answer(feed, answer);
	if (problem != NULL)
		feed->caught_up = false;
	tell(feed, problem);
	if (problem != NULL) {
		poll_later(feed);
		return;
	}
	feed->backoff_ms = 0;
	feed_tick(feed);
}

/* ---- asking ---- */

static void send_poll(struct feed *feed, const char *url)
{
	h2o_mem_pool_t pool;
	json_t *body = json_pack("{s:b, s:i}", "returnImmediately", !feed->caught_up, "maxEvents", EVENTS_MAX);

	h2o_mem_init_pool(&pool);
	json_keep(&pool, body);
	if (json_array_size(feed->ack) > 0)
		json_object_set(body, "ack", feed->ack);
	if (json_object_size(feed->errors) > 0)
		json_object_set(body, "setErrs", feed->errors);
	struct egress_request request = {
	    .method = "POST",
	    .url = url,
	    .content_type = "application/json",
	    .authorization = feed->options.authorization,
	    .body = json_text(&pool, body),
	    .timeout_ms = POLL_TIMEOUT_MS,
	    .answer_limit = ANSWER_LIMIT,
	};
	feed->polling = true;
	feed->waits = feed->caught_up;
	feed->polled_ms = clock_monotonic_ms();
	egress_fetch(feed->options.egress, &request, on_answer, feed);
	h2o_mem_clear_pool(&pool);
}

void feed_tick(void *data)
{
	struct feed *feed = data;
	const char *url = jwks_revocation_feed_url(feed->options.jwks);

	if (url != NULL && !feed->polling && !feed->stopped && clock_monotonic_ms() >= feed->due_ms)
		send_poll(feed, url);
}

struct feed *feed_open(const struct feed_options *options)
{
	struct feed *feed = h2o_mem_alloc(sizeof(*feed));

	memset(feed, 0, sizeof(*feed));
	feed->options = *options;
	feed->ack = json_array();
	feed->errors = json_object();
	feed->tick_entry.cb = on_tick;
	h2o_timeout_init(options->loop, &feed->tick, TICK_MS);
	return feed;
}

void feed_stop(struct feed *feed)
{
	feed->stopped = true;
}

void feed_close(struct feed *feed)
{
	h2o_timeout_unlink(&feed->tick_entry);
	h2o_timeout_dispose(feed->options.loop, &feed->tick);
	json_decref(feed->ack);
	json_decref(feed->errors);
	free(feed);
}
