/* SPDX-License-Identifier: Apache-2.0 */
/* The events of the streams of calls, for clients that lost the connection, or were told to come back (MCP 2025-11-25,
 * basic/transports, Resumability). An event's id says which stream and which place in it. What is kept belongs to one
 * session, is bounded for each person and in all, and is let go some time after the call has ended. */
#ifndef SALLYPORT_MCP_REPLAY_H
#define SALLYPORT_MCP_REPLAY_H

#include "common/request.h"
#include "mcp/protocol/session.h"

enum { EVENT_ID_SIZE = 40 };

struct stream;
struct event {
	struct event *next;
	uint64_t place;
	size_t len;
	char json[]; /* a message */
};
struct replay {
	h2o_linklist_t link; /* in order of their last event */
	struct replays *replays;
	uint8_t owner[SESSION_OWNER_SIZE];
	uint64_t person; /* bearer.person */
	uint64_t number;
	uint64_t places; /* events so far; place 0 is the beginning */
	struct event *first, *last;
	size_t bytes;
	struct stream *stream; /* of the call under way, or of who still reads; NULL: it can go */
	int64_t ended_ms;      /* since when nobody needs it; 0: somebody has all the time */
};
struct replays {
	h2o_linklist_t all;
	size_t bytes, count;
	uint64_t next_number;
	uint32_t process; /* ids of another process, or of an earlier start, are unknown */
};

void replays_open(struct replays *replays);
void replays_close(struct replays *replays);
/* Once a second. */
void replays_tick(struct replays *replays);

/* NULL if the person, or all persons, have as many as they may. */
struct replay *replay_new(struct replays *replays, const uint8_t owner[SESSION_OWNER_SIZE], uint64_t person,
                          struct stream *stream);
/* Keeps a message; *id becomes the one of its event. */
void replay_add(struct replay *replay, h2o_iovec_t json, char id[EVENT_ID_SIZE]);
/* The id of the beginning. */
void replay_first_id(const struct replay *replay, char id[EVENT_ID_SIZE]);
void replay_id(const struct replay *replay, uint64_t place, char id[EVENT_ID_SIZE]);
/* The call has ended, and nobody reads. */
void replay_end(struct replay *replay);
/* NULL if the owner has no such event (any more). *ret_place: the place that the id names. */
struct replay *replay_find(struct replays *replays, const uint8_t owner[SESSION_OWNER_SIZE], h2o_iovec_t id,
                           uint64_t *ret_place);

/* False if it is not in the form of our ids. */
bool replay_parse_id(h2o_iovec_t id, uint32_t *ret_process, uint64_t *ret_number, uint64_t *ret_place);

#endif
