/* SPDX-License-Identifier: Apache-2.0 */
/* An answer in parts on an h2o generator: h2o takes one part at a time, what comes meanwhile waits here. An idle stream
 * holds no buffer at all, for there may be ten thousands of them. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "request_internal.h"
#include "server_internal.h"

enum { BACKLOG_MAX = 256 * 1024 };

struct part { /* malloc'ed bytes; zeroed: nothing */
	char *bytes;
	size_t len, capacity;
};

struct reply_stream {
	h2o_generator_t generator; /* first: h2o hands it back */
	h2o_req_t *req;            /* NULL in unit tests */
	struct part sending, waiting;
	bool is_busy;    /* h2o has `sending` */
	bool is_ending;  /* what waits is the last */
	bool is_cut;     /* the reader is gone, or is taken for it */
	bool is_watched; /* the connection is read, to see its end */
	void (*on_gone)(void *data);
	void (*on_sent)(void *data);
	void *data;
	struct request *test;
};

/* ---- parts ---- */

static void append(struct part *part, h2o_iovec_t bytes)
{
	if (part->capacity - part->len < bytes.len) {
		part->capacity = 2 * part->len + bytes.len;
		part->bytes = h2o_mem_realloc(part->bytes, part->capacity);
	}
	memcpy(part->bytes + part->len, bytes.base, bytes.len);
	part->len += bytes.len;
}

static void clear(struct part *part)
{
	free(part->bytes);
	*part = (struct part){NULL, 0, 0};
}

/* ---- sending ---- */

static h2o_socket_t *socket_of(const struct reply_stream *s)
{
	return s->req->conn->callbacks->get_socket(s->req->conn);
}

static void flush(struct reply_stream *s)
{
	if (s->is_ending && s->is_watched)
		h2o_socket_read_stop(socket_of(s));
	s->sending = s->waiting;
	s->waiting = (struct part){NULL, 0, 0};
	s->is_busy = true;
	h2o_iovec_t part = h2o_iovec_init(s->sending.bytes, s->sending.len);
	h2o_send(s->req, &part, part.len > 0 ? 1 : 0, s->is_ending ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
	struct reply_stream *s = (struct reply_stream *)generator;

	s->is_busy = false;
	clear(&s->sending);
	if (s->is_cut)
		h2o_send(req, NULL, 0, H2O_SEND_STATE_ERROR);
	else if (s->waiting.len > 0 || s->is_ending)
		flush(s);
	else if (s->on_sent != NULL)
		s->on_sent(s->data);
}

/* A write that is under way fails, and h2o gives the connection up. */
static void cut(struct reply_stream *s)
{
	s->is_cut = true;
	shutdown(h2o_socket_get_fd(socket_of(s)), SHUT_RDWR);
	if (!s->is_busy)
		h2o_send(s->req, NULL, 0, H2O_SEND_STATE_ERROR);
}

/* h2o's request goes, and the stream with it. */
static void on_request_gone(void *stream)
{
	struct reply_stream *s = stream;

	clear(&s->sending);
	clear(&s->waiting);
	if (s->on_gone != NULL)
		s->on_gone(s->data);
}

/* ---- the end of a connection that nobody writes to ---- */

static void on_read(h2o_socket_t *socket, const char *error)
{
	struct connection *c = socket->on_close.data;

	h2o_buffer_consume(&socket->input, socket->input->size); /* nobody asks for what a reader says */
	if (error == NULL)
		return;
	h2o_socket_read_stop(socket);
	if (!c->read_side_shut) /* else it is the drain that has ended the reading; what is said still arrives */
		cut(c->stream);
}

/* The request's head is not needed any more: its buffer is half of what an idle stream would weigh. */
static void watch_connection(struct reply_stream *s)
{
	h2o_socket_t *socket = socket_of(s);
	struct connection *c = socket->on_close.data;

	c->stream = s;
	s->is_watched = true;
	h2o_buffer_consume(&socket->input, socket->input->size);
	h2o_socket_read_start(socket, on_read);
}

/* ---- the face ---- */

static struct reply_stream *begin_test(struct request *r, struct reply_stream *s, const char *content_type,
                                       h2o_iovec_t first)
{
	s->test = r;
	reply_test_begin(r, content_type);
	reply_test_append(r, first);
	return s;
}

struct reply_stream *reply_stream_begin(struct request *r, const struct reply_stream_options *options)
{
	if (r->answered)
		h2o_fatal("a request was answered twice");
	r->answered = true;
	if (r->h2o == NULL && !r->is_test)
		return NULL;
	struct reply_stream *s =
	    h2o_mem_alloc_shared(r->is_test ? &r->pool : &r->h2o->pool, sizeof(*s), on_request_gone);
	*s = (struct reply_stream){
	    .generator = {.proceed = on_proceed},
	    .req = r->h2o,
	    .on_gone = options->on_gone,
	    .on_sent = options->on_sent,
	    .data = options->data,
	};
	if (r->is_test)
		return begin_test(r, s, options->content_type, options->first);
	if (options->outlives_request)
		r->h2o->http1_is_persistent = 0;
	reply_start(r, 200, options->content_type, SIZE_MAX, &s->generator);
	append(&s->waiting, options->first);
	flush(s);
	if (options->outlives_request) {
		watch_connection(s);
		r->is_left_behind = true;
	}
	return s;
}

void reply_stream_send(struct reply_stream *s, h2o_iovec_t bytes)
{
	if (s->is_cut || s->is_ending)
		return;
	if (s->test != NULL) {
		reply_test_append(s->test, bytes);
		return;
	}
	if (s->waiting.len > BACKLOG_MAX) {
		cut(s);
		return;
	}
	append(&s->waiting, bytes);
	if (!s->is_busy)
		flush(s);
}

void reply_stream_end(struct reply_stream *s)
{
	s->on_gone = NULL;
	s->on_sent = NULL;
	if (s->is_cut || s->is_ending)
		return;
	s->is_ending = true;
	if (s->test == NULL && !s->is_busy)
		flush(s);
}
