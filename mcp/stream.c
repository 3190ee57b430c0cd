/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/stream.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/reply.h"
#include "mcp/call.h"
#include "mcp/replay.h"

enum { SILENCE_MS = 15 * 1000, RETRY_MS = 1000 };

static const char COMMENT[] = ":\n\n";

struct stream {
	struct streams *streams;
	h2o_linklist_t link; /* while somebody reads */
	int64_t written_ms;
	struct reply_stream *out; /* NULL: nobody reads now */
	struct replay *replay;    /* NULL: its events have no ids */
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
}

static void end_reader(struct stream *s)
{
	if (s->out == NULL)
		return;
	reply_stream_end(s->out);
	lose_reader(s);
}

static void on_reader_gone(void *data)
{
	struct stream *s = data;

	lose_reader(s);
	if (s->on_gone == NULL)
		return; /* of a call, which looks after its client itself (running.c) */
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

/* ---- beginning ---- */

bool stream_accepted(struct request *r)
{
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
	    .on_gone = s != NULL ? on_reader_gone : NULL,
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
		s->replay = replay_new(&mcp_of(r)->replays, call->session.owner, s);
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
	if (s->out == NULL)
		return;
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

static h2o_iovec_t missed_events(struct request *r, const struct replay *replay, uint64_t place)
{
	struct text_buffer b = {.pool = &r->pool};
	char id[EVENT_ID_SIZE];

	for (const struct event *event = replay->first; event != NULL; event = event->next) {
		if (event->place <= place)
			continue;
		replay_id(replay, event->place, id);
		append_event(&b, id, h2o_iovec_init((char *)event->json, event->len));
	}
	return text_of_buffer(&b);
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
	struct stream *s = replay->stream;
	h2o_iovec_t missed = missed_events(r, replay, place);
	if (s == NULL && missed.len == 0) {
		/* a client that is told of an empty stream would come back for ever */
		reply_header(r, "allow", "POST, DELETE");
		return fail(r, &METHOD_NOT_ALLOWED, "the stream has ended");
	}
	if (s != NULL)
		end_reader(s); /* the connection that the client has lost */
	struct reply_stream *out = begin_reply(r, s, missed, true);
	if (s != NULL && out != NULL)
		set_reader(s, out);
	else if (out != NULL)
		reply_stream_end(out);
	return STEP_DONE;
}
