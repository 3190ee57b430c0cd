/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/protocol/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/secret.h"

enum {
	REPLAY_BYTES_MAX = 4 * 1024 * 1024, /* of one stream */
	ALL_BYTES_MAX = 64 * 1024 * 1024,
	ALL_COUNT_MAX = 4096,
	PERSON_BYTES_MAX = 8 * 1024 * 1024,
	PERSON_COUNT_MAX = 256,
	KEEP_MS = 5 * 60 * 1000, /* after the end of the call */
};

void replays_open(struct replays *replays)
{
	*replays = (struct replays){.next_number = 1};
	h2o_linklist_init_anchor(&replays->all);
	random_bytes(&replays->process, sizeof(replays->process));
}

static void drop_first_event(struct replay *replay)
{
	struct event *event = replay->first;

	replay->first = event->next;
	if (replay->first == NULL)
		replay->last = NULL;
	replay->bytes -= event->len;
	replay->replays->bytes -= event->len;
	free(event);
}

static void drop(struct replay *replay)
{
	while (replay->first != NULL)
		drop_first_event(replay);
	h2o_linklist_unlink(&replay->link);
	replay->replays->count--;
	free(replay);
}

void replays_close(struct replays *replays)
{
	while (!h2o_linklist_is_empty(&replays->all))
		drop(H2O_STRUCT_FROM_MEMBER(struct replay, link, replays->all.next));
}

void replays_tick(struct replays *replays)
{
	int64_t now_ms = clock_monotonic_ms();

	for (h2o_linklist_t *n = replays->all.next, *next; n != &replays->all; n = next) {
		struct replay *replay = H2O_STRUCT_FROM_MEMBER(struct replay, link, n);
		next = n->next;
		if (replay->stream == NULL && now_ms - replay->ended_ms >= KEEP_MS)
			drop(replay);
	}
}

/* What a person has; 0: what all have. */
struct load {
	uint64_t person;
	size_t count, bytes;
};

static bool counts(const struct load *load, const struct replay *replay)
{
	return load->person == 0 || load->person == replay->person;
}

static void add_all(const struct replays *replays, struct load *load)
{
	for (h2o_linklist_t *n = replays->all.next; n != &replays->all; n = n->next) {
		const struct replay *replay = H2O_STRUCT_FROM_MEMBER(struct replay, link, n);
		load->count += counts(load, replay);
		load->bytes += counts(load, replay) ? replay->bytes : 0;
	}
}

/* The oldest that has ended goes, or else the oldest events of all. False if there is no room. */
static bool make_room_of(struct replays *replays, struct load load, const struct load *limit)
{
	if (replays->count + load.count <= limit->count && replays->bytes + load.bytes <= limit->bytes)
		return true; /* whoever it counts for */
	add_all(replays, &load);
	for (h2o_linklist_t *n = replays->all.next, *next; n != &replays->all; n = next) {
		struct replay *replay = H2O_STRUCT_FROM_MEMBER(struct replay, link, n);
		next = n->next;
		if (load.count <= limit->count && load.bytes <= limit->bytes)
			return true;
		if (replay->stream != NULL || !counts(&load, replay))
			continue;
		load.count--;
		load.bytes -= replay->bytes;
		drop(replay);
	}
	for (h2o_linklist_t *n = replays->all.next; n != &replays->all; n = n->next) {
		struct replay *replay = H2O_STRUCT_FROM_MEMBER(struct replay, link, n);
		while (counts(&load, replay) && replay->first != NULL && load.bytes > limit->bytes) {
			load.bytes -= replay->first->len;
			drop_first_event(replay);
		}
	}
	return load.count <= limit->count;
}

/* A person's own go first: nobody pushes out those of others while she has more than her share. `more` replays and
 * `bytes` are to come. */
static bool make_room(struct replays *replays, uint64_t person, size_t more, size_t bytes)
{
	const struct load own = {.count = PERSON_COUNT_MAX, .bytes = PERSON_BYTES_MAX},
			  all = {.count = ALL_COUNT_MAX, .bytes = ALL_BYTES_MAX};

	return make_room_of(replays, (struct load){person, more, bytes}, &own) &&
	       make_room_of(replays, (struct load){0, more, bytes}, &all);
}

struct replay *replay_new(struct replays *replays, const uint8_t owner[SESSION_OWNER_SIZE], uint64_t person,
                          struct stream *stream)
{
	if (!make_room(replays, person, 1, 0))
		return NULL;
	struct replay *replay = h2o_mem_alloc(sizeof(*replay));
	*replay = (struct replay){
	    .replays = replays,
	    .person = person,
	    .number = replays->next_number++,
	    .stream = stream,
	};
	memcpy(replay->owner, owner, SESSION_OWNER_SIZE);
	h2o_linklist_insert(&replays->all, &replay->link);
	replays->count++;
	return replay;
}

static void write_id(uint32_t process, uint64_t number, uint64_t place, char id[EVENT_ID_SIZE])
{
	snprintf(id, EVENT_ID_SIZE, "%08" PRIx32 "-%" PRIx64 "-%" PRIx64, process, number, place);
}

void replay_id(const struct replay *replay, uint64_t place, char id[EVENT_ID_SIZE])
{
	write_id(replay->replays->process, replay->number, place, id);
}

void replay_first_id(const struct replay *replay, char id[EVENT_ID_SIZE])
{
	replay_id(replay, 0, id);
}

void replay_add(struct replay *replay, h2o_iovec_t json, char id[EVENT_ID_SIZE])
{
	struct event *event = h2o_mem_alloc(sizeof(*event) + json.len);

	make_room(replay->replays, replay->person, 0, json.len);
	*event = (struct event){.place = ++replay->places, .len = json.len};
	memcpy(event->json, json.base, json.len);
	if (replay->last != NULL)
		replay->last->next = event;
	else
		replay->first = event;
	replay->last = event;
	replay->bytes += json.len;
	replay->replays->bytes += json.len;
	while (replay->first != replay->last && replay->bytes > REPLAY_BYTES_MAX)
		drop_first_event(replay);
	h2o_linklist_unlink(&replay->link);
	h2o_linklist_insert(&replay->replays->all, &replay->link);
	replay_id(replay, event->place, id);
}

void replay_end(struct replay *replay)
{
	replay->stream = NULL;
	if (replay->ended_ms == 0)
		replay->ended_ms = clock_monotonic_ms();
}

/* ---- ids ---- */

/* Lower-case hexadecimal up to the separator or the end; no more digits than `digits`. */
static bool read_hex(h2o_iovec_t *rest, size_t digits, uint64_t *ret)
{
	size_t at = 0;

	*ret = 0;
	for (; at < rest->len && rest->base[at] != '-'; at++) {
		char c = rest->base[at];
		if (at == digits || !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		*ret = *ret << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	if (at == 0)
		return false;
	rest->base += at;
	rest->len -= at;
	return true;
}

static bool skip_separator(h2o_iovec_t *rest)
{
	if (rest->len == 0 || rest->base[0] != '-')
		return false;
	rest->base++;
	rest->len--;
	return true;
}

bool replay_parse_id(h2o_iovec_t id, uint32_t *ret_process, uint64_t *ret_number, uint64_t *ret_place)
{
	char again[EVENT_ID_SIZE];
	h2o_iovec_t rest = id;
	uint64_t process;

	if (!read_hex(&rest, 8, &process) || !skip_separator(&rest) || !read_hex(&rest, 12, ret_number) ||
	    !skip_separator(&rest) || !read_hex(&rest, 12, ret_place) || rest.len != 0)
		return false;
	*ret_process = (uint32_t)process;
	write_id(*ret_process, *ret_number, *ret_place, again);
	return text_is(id, again); /* no further zeros in front */
}

struct replay *replay_find(struct replays *replays, const uint8_t owner[SESSION_OWNER_SIZE], h2o_iovec_t id,
                           uint64_t *ret_place)
{
	uint32_t process;
	uint64_t number;

	if (!replay_parse_id(id, &process, &number, ret_place) || process != replays->process)
		return NULL;
	for (h2o_linklist_t *n = replays->all.next; n != &replays->all; n = n->next) {
		struct replay *replay = H2O_STRUCT_FROM_MEMBER(struct replay, link, n);
		if (replay->number == number)
			return memcmp(replay->owner, owner, SESSION_OWNER_SIZE) == 0 && *ret_place <= replay->places
			           ? replay
			           : NULL;
	}
	return NULL;
}
