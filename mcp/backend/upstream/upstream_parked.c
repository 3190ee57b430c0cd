/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_parked.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/secret.h"

enum { LOOK_MS = 1000 };

struct parked_calls {
	h2o_loop_t *loop;
	h2o_linklist_t all; /* oldest first */
	size_t count, bytes;
	h2o_timeout_t timeout;
	h2o_timeout_entry_t look;
};

static struct parked_call *call_at(h2o_linklist_t *link)
{
	return H2O_STRUCT_FROM_MEMBER(struct parked_call, link, link);
}

static size_t bytes_of(struct parked_calls *calls, uint64_t person)
{
	size_t bytes = 0;

	for (h2o_linklist_t *link = calls->all.next; link != &calls->all; link = link->next)
		bytes += call_at(link)->bearer->person == person ? call_at(link)->bytes : 0;
	return bytes;
}

static bool has_room(struct parked_calls *calls, uint64_t person, size_t bytes)
{
	return bytes <= PARKED_BYTES_MAX - calls->bytes && bytes_of(calls, person) + bytes <= PARKED_PERSON_BYTES_MAX;
}

static void on_answer(void *data, const struct upstream_answer *answer)
{
	struct parked_call *call = data;

	call->exchange = NULL;
	call->outcome = answer->outcome;
	if (answer->result == NULL)
		return;
	size_t bytes = json_dumpb(answer->result, NULL, 0, JSON_COMPACT);
	if (!has_room(call->calls, call->bearer->person, bytes)) {
		call->outcome = UPSTREAM_TOO_LARGE;
		return;
	}
	call->result = json_deep_copy(answer->result);
	call->bytes = bytes;
	call->calls->bytes += bytes;
}

static const struct upstream_call_events EVENTS = {.on_answer = on_answer};

static void remove_call(struct parked_call *call)
{
	h2o_linklist_unlink(&call->link);
	call->calls->count--;
	call->calls->bytes -= call->bytes;
}

void parked_free(struct parked_call *call)
{
	json_decref(call->result);
	json_decref(call->id);
	h2o_mem_release_shared(call->bearer);
	free(call->key);
	free(call);
}

void parked_end(struct parked_call *call)
{
	remove_call(call);
	if (call->exchange != NULL)
		upstream_exchange_cancel(call->exchange);
	parked_free(call);
}

/* The first of those, from the start again: others may have gone with the one before. */
static struct parked_call *find_of(struct parked_calls *calls, enum token_key key, h2o_iovec_t value)
{
	for (h2o_linklist_t *link = calls->all.next; link != &calls->all; link = link->next)
		if (text_is(value, bearer_key(call_at(link)->bearer, key)))
			return call_at(link);
	return NULL;
}

void parked_revoke(struct parked_calls *calls, enum token_key key, h2o_iovec_t value)
{
	struct parked_call *call;

	while ((call = find_of(calls, key, value)) != NULL)
		parked_end(call);
}

static struct parked_call *find_over(struct parked_calls *calls, int64_t now_ms)
{
	for (h2o_linklist_t *link = calls->all.next; link != &calls->all; link = link->next) {
		struct parked_call *call = call_at(link);
		bool has_grant = call->bearer->grant_id[0] != '\0';
		if (now_ms >= call->until_ms || (!has_grant && clock_now() >= call->bearer->expires))
			return call;
	}
	return NULL;
}

static size_t count_of(struct parked_calls *calls, uint64_t person)
{
	size_t count = 0;

	for (h2o_linklist_t *link = calls->all.next; link != &calls->all; link = link->next)
		count += call_at(link)->bearer->person == person;
	return count;
}

static void on_look(h2o_timeout_entry_t *entry)
{
	struct parked_calls *calls = H2O_STRUCT_FROM_MEMBER(struct parked_calls, look, entry);
	struct parked_call *call;

	while ((call = find_over(calls, clock_monotonic_ms())) != NULL)
		parked_end(call);
	if (calls->count > 0)
		h2o_timeout_link(calls->loop, &calls->timeout, &calls->look);
}

struct parked_calls *parked_open(h2o_loop_t *loop)
{
	struct parked_calls *calls = h2o_mem_alloc(sizeof(*calls));

	*calls = (struct parked_calls){.loop = loop};
	calls->look.cb = on_look;
	h2o_linklist_init_anchor(&calls->all);
	h2o_timeout_init(loop, &calls->timeout, LOOK_MS);
	return calls;
}

void parked_close(struct parked_calls *calls)
{
	while (!h2o_linklist_is_empty(&calls->all)) {
		struct parked_call *call = call_at(calls->all.next);
		remove_call(call);
		parked_free(call);
	}
	h2o_timeout_unlink(&calls->look);
	h2o_timeout_dispose(calls->loop, &calls->timeout);
	free(calls);
}

struct parked_call *parked_add(struct parked_calls *calls, struct upstream_exchange *exchange,
                               const struct bearer *bearer, const json_t *id, const char *key)
{
	h2o_mem_pool_t pool;

	if (calls->count >= PARKED_MAX || count_of(calls, bearer->person) >= PARKED_PERSON_MAX)
		return NULL;
	struct parked_call *call = h2o_mem_alloc(sizeof(*call));
	*call = (struct parked_call){.calls = calls, .exchange = exchange, .id = json_deep_copy(id)};
	call->bearer = (struct bearer *)bearer;
	h2o_mem_addref_shared(call->bearer);
	call->key = h2o_strdup(NULL, key, SIZE_MAX).base;
	call->until_ms = clock_monotonic_ms() + PARKED_MS;
	h2o_mem_init_pool(&pool);
	strncpy(call->name, random_token(&pool, ""), sizeof(call->name) - 1);
	h2o_mem_clear_pool(&pool);
	h2o_linklist_insert(&calls->all, &call->link);
	calls->count++;
	upstream_exchange_adopt(exchange, &EVENTS, call, PARKED_MS + LOOK_MS);
	if (!h2o_timeout_is_linked(&calls->look))
		h2o_timeout_link(calls->loop, &calls->timeout, &calls->look);
	return call;
}

struct parked_call *parked_take(struct parked_calls *calls, const char *name)
{
	for (h2o_linklist_t *link = calls->all.next; link != &calls->all; link = link->next) {
		struct parked_call *call = call_at(link);
		if (strcmp(call->name, name) != 0)
			continue;
		remove_call(call);
		return call;
	}
	return NULL;
}
