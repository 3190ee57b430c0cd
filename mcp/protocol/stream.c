/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/stream.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/reply.h"
#include "mcp/call/call.h"
#include "mcp/protocol/replay.h"
#include "mcp/protocol/watch.h"

enum { SILENCE_MS = 15 * 1000, RETRY_MS = 1000, PIECE_SIZE = 64 * 1024 };

static const char COMMENT[] = ":\n\n";

struct stream {
	struct streams *streams;
	h2o_linklist_t link; /* while somebody reads */
	int64_t written_ms;
	struct reply_stream *out; /* NULL: nobody reads now */
	struct replay *replay;    /* NULL: its events have no ids */
	/* of a reader that came back */
	struct watch *reader; /* NULL: it is the one that began */
	uint64_t sent;        /* place of the last event that it was sent */
	bool is_behind;       /* there are more; catch_up */
	bool is_over;         /* the call has ended: the stream goes with its reader */
	void (*on_gone)(void *data);
	void *data;
};

void streams_open(struct streams *streams)
{
	*streams = (struct streams){.count = 0};
	h2o_linklist_init_anchor(&streams->all);
}

/* ---- events ---- */

/* A line break between the tokens of JSON would end the field. */
static void append_data(struct text_buffer *b, h2o_iovec_t json)
{
	size_t start = b->len + strlen("data: ");

	text_append_str(b, "data: ");
	text_append_iovec(b, json);
	for (size_t i = start; i < b->len; i++)
		if (b->base[i] == '\n' || b->base[i] == '\r')
			b->base[i] = ' ';
	text_append_str(b, "\n\n");
}

static void append_event(struct text_buffer *b, const char *id, h2o_iovec_t json)
{
	if (id != NULL)
		text_append_printf(b, "id: %s\n", id);
	append_data(b, json);
}

static h2o_iovec_t text_of_buffer(const struct text_buffer *b)
{
	return h2o_iovec_init(b->base, b->len);
}

/* ---- who reads ---- */

static void note_written(struct stream *s)
{
	if (h2o_linklist_is_linked(&s->link))
		h2o_linklist_unlink(&s->link);
	h2o_linklist_insert(&s->streams->all, &s->link);
	s->written_ms = clock_monotonic_ms();
}

static void set_reader(struct stream *s, struct reply_stream *out)
{
	s->out = out;
	s->streams->count++;
	note_written(s);
}

static void lose_reader(struct stream *s)
{
	s->out = NULL;
	s->streams->count--;
	h2o_linklist_unlink(&s->link);
	s->is_behind = false;
	if (s->reader != NULL)
		watch_reader_gone(s->reader);
	s->reader = NULL;
}

static void end_reader(struct stream *s)
{
	if (s->out == NULL)
		return;
	reply_stream_end(s->out);
	lose_reader(s);
}

static void go_if_over(struct stream *s)
{
	if (!s->is_over)
		return;
	replay_end(s->replay);
	free(s);
}

void stream_leave(struct stream *s)
{
	end_reader(s);
	go_if_over(s);
}

static void on_reader_gone(void *data)
{
	struct stream *s = data;

	lose_reader(s);
	if (s->on_gone == NULL) { /* of a call, which looks after its client itself (running.c) */
		go_if_over(s);
		return;
	}
	s->on_gone(s->data);
	free(s);
}

static void write_bytes(struct stream *s, h2o_iovec_t bytes)
{
	reply_stream_send(s->out, bytes);
	note_written(s);
}

void streams_tick(void *data)
{
	struct streams *streams = data;
	int64_t now_ms = clock_monotonic_ms();

	while (!h2o_linklist_is_empty(&streams->all)) {
		struct stream *s = H2O_STRUCT_FROM_MEMBER(struct stream, link, streams->all.next);
		if (now_ms - s->written_ms < SILENCE_MS)
			return;
		write_bytes(s, text_of(COMMENT));
	}
}

/* ---- catching up ---- */

/* What its reader has missed, or a piece of that. */
static h2o_iovec_t next_events(h2o_mem_pool_t *pool, struct stream *s)
{
	struct text_buffer b = {.pool = pool};
	const struct event *event = s->replay->first;
	char id[EVENT_ID_SIZE];

	for (; event != NULL && b.len < PIECE_SIZE; event = event->next) {
		if (event->place <= s->sent)
			continue;
		replay_id(s->replay, event->place, id);
		append_event(&b, id, h2o_iovec_init((char *)event->json, event->len));
		s->sent = event->place;
	}
	s->is_behind = event != NULL;
	return text_of_buffer(&b);
}

/* All that was written has left. */
static void catch_up(void *data)
{
	struct stream *s = data;
	h2o_mem_pool_t pool;

	if (!s->is_behind)
		return;
	h2o_mem_init_pool(&pool);
	h2o_iovec_t events = next_events(&pool, s);
	if (events.len > 0)
		write_bytes(s, events);
	h2o_mem_clear_pool(&pool);
	if (s->is_over && !s->is_behind)
		stream_leave(s);
}

/* ---- beginning ---- */

bool stream_accepted(struct request *r)
{
	/* without chunks a stream could not say that it has ended */
	if (r->h2o != NULL && r->h2o->version < 0x101)
		return false;
	h2o_iovec_t accept = request_header(r, "accept", NULL);

	while (accept.len > 0) {
		h2o_iovec_t range = text_cut(&accept, ',');
		h2o_iovec_t type = text_cut(&range, ';');
		if (text_is_nocase(type, "text/event-stream") || text_is_nocase(type, "text/*") || text_is(type, "*/*"))
			return true;
	}
	return false;
}

bool stream_possible(struct request *r)
{
	return r->whole == NULL && (r->h2o != NULL || r->is_test) && !r->answered && stream_accepted(r);
}

static struct stream *make_stream(struct request *r, void (*on_gone)(void *), void *data)
{
	struct stream *s = h2o_mem_alloc(sizeof(*s));

	*s = (struct stream){.streams = &mcp_of(r)->streams, .on_gone = on_gone, .data = data};
	return s;
}

static struct reply_stream *begin_reply(struct request *r, struct stream *s, h2o_iovec_t first, bool outlives_request)
{
	struct reply_stream_options options = {
	    .content_type = "text/event-stream",
	    .first = first.len > 0 ? first : text_of(COMMENT),
	    .on_gone = on_reader_gone,
	    .on_sent = catch_up,
	    .data = s,
	    .outlives_request = outlives_request,
	};

	reply_header(r, "cache-control", "no-store");
	reply_header(r, "x-accel-buffering", "no"); /* nginx would keep events until there are more */
	reply_header(r, "x-request-id", r->id);
	return reply_stream_begin(r, &options);
}

/* 2025-11-25, basic/transports: an event with an id and no data, so that a client can come back before anything was
 * said. Clients of older revisions would take the empty data for a message. */
static h2o_iovec_t priming(struct request *r, const struct replay *replay)
{
	char id[EVENT_ID_SIZE];
	struct text_buffer b = {.pool = &r->pool};

	replay_first_id(replay, id);
	text_append_printf(&b, "id: %s\nretry: %d\ndata:\n\n", id, RETRY_MS);
	return text_of_buffer(&b);
}

bool stream_begin(struct request *r)
{
	struct call *call = call_of(r);
	h2o_iovec_t first = {NULL, 0};

	if (call->stream != NULL)
		return true;
	if (!stream_possible(r))
		return false;
	struct stream *s = make_stream(r, NULL, NULL);
	if (call->era == ERA_LEGACY && call->session.is_open && call->session.version == VERSION_2025_11_25)
		s->replay = replay_new(&mcp_of(r)->replays, call->session.owner, bearer_of(r)->person, s);
	if (s->replay != NULL)
		first = priming(r, s->replay);
	set_reader(s, begin_reply(r, s, first, false));
	call->stream = s;
	return true;
}

struct stream *stream_open(struct request *r, h2o_iovec_t first, void (*on_gone)(void *data), void *data)
{
	struct stream *s = make_stream(r, on_gone, data);
	struct text_buffer b = {.pool = &r->pool};

	if (first.len > 0)
		append_event(&b, NULL, first);
	struct reply_stream *out = begin_reply(r, s, text_of_buffer(&b), true);
	if (out == NULL) {
		free(s);
		return NULL;
	}
	set_reader(s, out);
	return s;
}

bool stream_can_wait(const struct stream *s)
{
	return s != NULL && s->replay != NULL;
}

/* ---- saying ---- */

void stream_send(struct stream *s, h2o_iovec_t json)
{
	char id[EVENT_ID_SIZE];
	h2o_mem_pool_t pool;

	if (s->replay != NULL)
		replay_add(s->replay, json, id);
	if (s->out == NULL || s->is_behind)
		return;
	if (s->replay != NULL)
		s->sent = s->replay->places;
	h2o_mem_init_pool(&pool);
	struct text_buffer b = {.pool = &pool};
	append_event(&b, s->replay != NULL ? id : NULL, json);
	write_bytes(s, text_of_buffer(&b));
	h2o_mem_clear_pool(&pool);
}

void stream_finish(struct stream **stream, h2o_iovec_t json)
{
	struct stream *s = *stream;

	*stream = NULL;
	if (json.len > 0)
		stream_send(s, json);
	if (s->is_behind) {
		s->is_over = true;
		return;
	}
	end_reader(s);
	if (s->replay != NULL)
		replay_end(s->replay);
	free(s);
}

void stream_pause(struct stream *s, unsigned retry_ms)
{
	char text[32];

	if (s->out == NULL)
		return;
	snprintf(text, sizeof(text), "retry: %u\n\n", retry_ms);
	write_bytes(s, text_of(text));
	end_reader(s);
}

/* ---- coming back ---- */

/* Of a call that has ended: for the reader only. */
static struct stream *make_stream_of(struct request *r, struct replay *replay)
{
	struct stream *s = make_stream(r, NULL, NULL);

	s->replay = replay;
	s->is_over = true;
	replay->stream = s;
	return s;
}

static step_result read_on(struct request *r, struct stream *s, uint64_t place)
{
	s->sent = place;
	struct reply_stream *out = begin_reply(r, s, next_events(&r->pool, s), true);
	if (out == NULL) {
		s->is_behind = false;
		go_if_over(s);
		return STEP_DONE;
	}
	set_reader(s, out);
	s->reader = watch_reader(r, s);
	if (s->is_over && !s->is_behind)
		stream_leave(s);
	return STEP_DONE;
}

step_result stream_resume(struct request *r, h2o_iovec_t last_event_id)
{
	const struct call *call = call_of(r);
	uint64_t place;
	struct replay *replay = replay_find(&mcp_of(r)->replays, call->session.owner, last_event_id, &place);

	if (replay == NULL)
		return rpc_reply_error(
		    r, 400, (h2o_iovec_t){NULL, 0},
		    (struct rpc_problem){RPC_INVALID_REQUEST, "The event of Last-Event-ID is not known here"}, NULL);
	if (replay->stream == NULL && (replay->last == NULL || replay->last->place <= place)) {
		/* a client that is told of an empty stream would come back for ever */
		reply_header(r, "allow", "POST, DELETE");
		return fail(r, &METHOD_NOT_ALLOWED, "the stream has ended");
	}
	if (replay->stream != NULL)
		stream_leave(replay->stream); /* the connection that the client has lost; a stream that is over goes */
	if (!watch_may_open(r))
		return STEP_DONE;
	return read_on(r, replay->stream != NULL ? replay->stream : make_stream_of(r, replay), place);
}
