/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/call/running.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "mcp/backend/backend.h"
#include "mcp/caller/bearer.h"
#include "mcp/call/call.h"
#include "mcp/call/conversation.h"
#include "mcp/protocol/stream.h"
#include "mcp/quota/quota.h"

enum {
	TICK_MS = 50,           /* after so long a client that left is noticed, and a cancellation is tried again */
	GIVE_UP_MS = 500,       /* then a statement does not end by cancellation */
	ASK_MS = 1000,          /* after so long it is asked again whether a token is alive */
	EXPIRED_MS = 30 * 1000, /* so long it is waited for another token of the grant */
};

/* ---- how many of one person ---- */

struct running_person {
	struct running_person *next;
	uint64_t number; /* bearer.person */
	unsigned count;
};

static struct running_person **place_of(struct running_calls *calls, uint64_t number)
{
	struct running_person **at = &calls->persons[number % RUNNING_CHAINS];

	while (*at != NULL && (*at)->number != number)
		at = &(*at)->next;
	return at;
}

static struct running_person *count_in(struct running_calls *calls, uint64_t number)
{
	struct running_person **at = place_of(calls, number);

	if (*at == NULL) {
		*at = h2o_mem_alloc(sizeof(**at));
		**at = (struct running_person){.number = number};
	}
	(*at)->count++;
	return *at;
}

static void count_out(struct running_calls *calls, struct running_person *person)
{
	struct running_person **at = place_of(calls, person->number);

	if (--person->count > 0)
		return;
	*at = person->next;
	free(person);
}

bool running_is_full(const struct request *r)
{
	struct running_calls *calls = &mcp_of(r)->running;
	const struct running_person *person = *place_of(calls, bearer_of(r)->person);

	return calls->limit > 0 && person != NULL && person->count >= calls->limit;
}

/* ---- how they end ---- */

/* A backend that never waits, or waits for the client only (ask_look_after), has nothing to stop. */
static void stop_backend(struct request *r)
{
	const struct backend *backend = call_of(r)->backend;

	if (backend->cancel != NULL && !ask_is_waiting(call_of(r)))
		backend->cancel(r);
}

/* The backend answers in a later turn of the loop, and the request's next step ends the call. */
static void cancel(struct running *running, enum running_end end, const char *reason)
{
	if (running->end != RUNNING_ON)
		return;
	running->end = end;
	running->reason = reason;
	running->cancelled_ms = clock_monotonic_ms();
	stop_backend(running->r);
}

static void on_departed(struct request *r)
{
	cancel(&call_of(r)->running, RUNNING_CLIENT_LEFT, "the client has left");
}

static void settle_doubt(struct running *running, int64_t now_ms)
{
	bool ask = running->asked_ms == 0 || now_ms - running->asked_ms >= ASK_MS;

	switch (bearer_check_again(running->r, running->doubted_ms, ask)) {
	case BEARER_ALIVE: running->doubted_ms = 0; break;
	case BEARER_DEAD: cancel(running, RUNNING_REVOKED, "the token is not active any more"); break;
	case BEARER_EXPIRED:
		if (now_ms - running->doubted_ms >= EXPIRED_MS)
			cancel(running, RUNNING_REVOKED, "nobody has said that the grant is alive");
		break;
	case BEARER_UNKNOWN: running->asked_ms = ask ? now_ms : running->asked_ms; break;
	}
}

/* A statement whose client has left keeps its place until it ends: the connection alone could be given up, and those
 * who come and leave would have more statements under way than there are connections. */
static bool must_give_up(const struct running *running, int64_t now_ms)
{
	return running->end != RUNNING_CLIENT_LEFT && now_ms - running->cancelled_ms >= GIVE_UP_MS;
}

static void give_up(struct request *r)
{
	const struct backend *backend = call_of(r)->backend;

	if (backend->give_up != NULL && !ask_is_waiting(call_of(r)))
		backend->give_up(r);
}

/* In the modern era a client cancels by leaving. In the legacy one it should not be taken for that (2025-11-25,
 * basic/transports); but a result that nobody can ever get is not worth its work, so only a call goes on whose client
 * can come back for it; the client of a task is expected to leave. */
static bool has_left_for_good(const struct request *r)
{
	return call_of(r)->task == NULL && !stream_can_wait(call_of(r)->stream) && request_client_left(r);
}

/* The call may be gone then, and others with it. */
static void look_after(struct running *running, int64_t now_ms)
{
	if (running->end == RUNNING_ON && has_left_for_good(running->r))
		cancel(running, RUNNING_CLIENT_LEFT, "the client has left");
	if (running->calls->end_ms != 0 && now_ms >= running->calls->end_ms)
		cancel(running, RUNNING_SERVER_ENDS, "the server goes down");
	if (running->end == RUNNING_ON && running->doubted_ms != 0)
		settle_doubt(running, now_ms);
	if (ask_look_after(running->r, running->end != RUNNING_ON, now_ms))
		return;
	if (running->end == RUNNING_ON || running->cancelled_ms == now_ms)
		return;
	if (must_give_up(running, now_ms))
		give_up(running->r);
	else
		stop_backend(running->r);
}

static void on_tick(h2o_timeout_entry_t *entry)
{
	struct running_calls *calls = H2O_STRUCT_FROM_MEMBER(struct running_calls, tick, entry);
	int64_t now_ms = clock_monotonic_ms();

	calls->to_look_at = calls->first;
	while (calls->to_look_at != NULL) {
		struct running *running = calls->to_look_at;
		calls->to_look_at = running->next; /* running_remove moves on if that one goes too */
		look_after(running, now_ms);
	}
	if (calls->first != NULL && !h2o_timeout_is_linked(&calls->tick))
		h2o_timeout_link(calls->loop, &calls->timeout, &calls->tick);
}

void running_open(struct running_calls *calls, h2o_loop_t *loop, unsigned limit)
{
	*calls = (struct running_calls){.loop = loop, .limit = limit};
	calls->tick.cb = on_tick;
	h2o_timeout_init(loop, &calls->timeout, TICK_MS);
}

void running_close(struct running_calls *calls)
{
	h2o_timeout_unlink(&calls->tick);
	h2o_timeout_dispose(calls->loop, &calls->timeout);
}

void running_end_after(struct running_calls *calls, int64_t ms)
{
	calls->end_ms = clock_monotonic_ms() + ms;
}

void running_end_all(struct running_calls *calls)
{
	calls->to_look_at = calls->first;
	while (calls->to_look_at != NULL) {
		struct running *running = calls->to_look_at;
		calls->to_look_at = running->next;
		cancel(running, RUNNING_SERVER_ENDS, "the server goes down");
		ask_look_after(running->r, true, running->cancelled_ms);
	}
}

void running_add(struct running_calls *calls, struct request *r)
{
	struct running *running = &call_of(r)->running;

	/* a token that is in doubt stays so while the call waits for a person or for the disk */
	*running = (struct running){.calls = calls,
	                            .r = r,
	                            .next = calls->first,
	                            .at = &calls->first,
	                            .doubted_ms = running->doubted_ms,
	                            .asked_ms = running->asked_ms};
	if (calls->first != NULL)
		calls->first->at = &running->next;
	calls->first = running;
	running->person = count_in(calls, bearer_of(r)->person);
	running->turns = quota_enter(r);
	r->share = bearer_of(r)->person;
	r->on_departed = on_departed;
	r->outlives_client = true;
	if (calls->loop != NULL && !h2o_timeout_is_linked(&calls->tick))
		h2o_timeout_link(calls->loop, &calls->timeout, &calls->tick);
}

void running_remove(struct request *r)
{
	struct running *running = &call_of(r)->running;

	if (running->at == NULL)
		return;
	*running->at = running->next;
	if (running->next != NULL)
		running->next->at = running->at;
	running->at = NULL;
	if (running->calls->to_look_at == running)
		running->calls->to_look_at = running->next;
	if (running->turns != NULL)
		quota_leave(running->turns, running->person->number);
	count_out(running->calls, running->person);
	r->on_departed = NULL;
}

void running_doubt(struct running_calls *calls)
{
	int64_t now_ms = clock_monotonic_ms();

	for (struct running *running = calls->first; running != NULL; running = running->next) {
		running->doubted_ms = now_ms;
		running->asked_ms = 0;
	}
}

size_t running_revoke(struct running_calls *calls, enum token_key key, h2o_iovec_t value, const char *reason)
{
	size_t count = 0;

	for (struct running *running = calls->first; running != NULL; running = running->next) {
		if (!text_is(value, bearer_key(bearer_of(running->r), key)))
			continue;
		cancel(running, RUNNING_REVOKED, reason);
		count++;
	}
	return count;
}

void running_stop(struct request *r, enum running_end end, const char *reason)
{
	cancel(&call_of(r)->running, end, reason);
}

void running_cancel(struct request *notification, const json_t *id)
{
	const struct call *canceller = call_of(notification);

	for (struct running *running = mcp_of(notification)->running.first; running != NULL; running = running->next) {
		const struct call *call = call_of(running->r);
		if (call->era != ERA_LEGACY || !json_equal(call->message.id_value, id) ||
		    memcmp(call->session.owner, canceller->session.owner, SESSION_OWNER_SIZE) != 0)
			continue;
		cancel(running, RUNNING_CANCELLED, "the client has cancelled it");
		return;
	}
}
