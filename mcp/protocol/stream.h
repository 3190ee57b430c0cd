/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events (text/event-stream): how the server says something while a call is under way, and to clients that
 * listen. Where the events of a call have ids, its client may leave and come back for what it missed (replay.h).
 *
 * A comment goes out after 15 seconds of silence, so that nothing on the way takes the connection for dead; one timer
 * looks after all streams. */
#ifndef SALLYPORT_MCP_STREAM_H
#define SALLYPORT_MCP_STREAM_H

#include "common/request.h"

struct replay;
struct stream;

struct streams {            /* of one process; zeroed until streams_open */
	h2o_linklist_t all; /* longest silent first */
	size_t count;
};

void streams_open(struct streams *streams);
/* Once a second: the comments that are due. */
void streams_tick(void *streams);

/* The client takes event streams, and nothing is answered yet. */
bool stream_possible(struct request *r);
/* Accept lists text/event-stream, and the connection speaks HTTP/1.1. */
bool stream_accepted(struct request *r);

/* The stream of call_of(r): begun when something is to be said; rpc_reply and rpc_reply_error end it with the answer as
 * its last event. False if that is not possible: then nothing can be said. */
bool stream_begin(struct request *r);
/* What reads it has left, but may come back: the call goes on. */
bool stream_can_wait(const struct stream *stream);

/* A stream that stays when the request goes (reply.h). `first`: a JSON-RPC message, or empty. `on_gone` is told once if
 * its reader leaves; the stream is no more then. NULL if the client has left. */
struct stream *stream_open(struct request *r, h2o_iovec_t first, void (*on_gone)(void *data), void *data);

void stream_send(struct stream *stream, h2o_iovec_t json);
/* Ends the stream behind this message, if it is not empty; *stream becomes NULL. */
void stream_finish(struct stream **stream, h2o_iovec_t json);
/* The connection ends, the stream does not: its reader is told to come back after so long. Only where
 * stream_can_wait. */
void stream_pause(struct stream *stream, unsigned retry_ms);

/* Who reads it has to leave; the call goes on. The stream may be no more then. */
void stream_leave(struct stream *stream);

/* GET with Last-Event-ID: what followed that event, piece by piece as the client takes it, and what will follow. */
step_result stream_resume(struct request *r, h2o_iovec_t last_event_id);

#endif
