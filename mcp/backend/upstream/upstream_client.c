/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_client.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "mcp/backend/upstream/upstream_client_internal.h"

enum {
	FAST_MS = 20,
	SLOW_MS = 500,
	BACKOFF_MS = 500,
	BACKOFF_MAX_MS = 60 * 1000,
	STEADY_MS = 30 * 1000, /* after so long it was a good connection */
};

void client_look_again(struct upstream_client *c)
{
	bool idle = c->state == UPSTREAM_READY && h2o_linklist_is_empty(&c->exchanges);
	h2o_timeout_t *next = c->begins || c->old != NULL ? &c->soon : idle ? &c->slow : &c->fast;

	/* Never put off: whoever talks without end would have no timeouts. */
	if (h2o_timeout_is_linked(&c->tick) &&
	    c->tick.registered_at + c->ticks_on->timeout <= h2o_now(c->reach->loop) + next->timeout)
		return;
	h2o_timeout_unlink(&c->tick);
	c->ticks_on = next;
	h2o_timeout_link(c->reach->loop, next, &c->tick);
}

/* Wires are never closed from inside of their events. */
static void put_wire_away(struct upstream_client *c)
{
	if (c->old != NULL && c->wire != NULL)
		h2o_fatal("an upstream has two old wires");
	if (c->wire != NULL)
		c->old = c->wire;
	c->wire = NULL;
	c->listening = NULL;
	c->is_listing = c->is_stale = c->holds = c->probing = false;
	c->version[0] = '\0';
	json_decref(c->tools);
	c->tools = NULL;
}

static int64_t backoff_ms(unsigned failures)
{
	int64_t ms = BACKOFF_MS;

	for (unsigned i = 1; i < failures && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

void client_fail(struct upstream_client *c, const char *problem)
{
	int64_t now_ms = clock_monotonic_ms();

	if (c->state == UPSTREAM_DOWN)
		return;
	if (c->state == UPSTREAM_READY && now_ms - c->ready_ms >= STEADY_MS)
		c->failures = 0;
	c->skips_probe = c->probing && !c->wire->kind->tells_requests_apart && !c->skips_probe;
	c->failures++;
	c->state = UPSTREAM_DOWN;
	c->due_ms = now_ms + backoff_ms(c->failures);
	put_wire_away(c);
	exchange_fail_all(c, true);
	c->events->on_down(c->data, problem);
	client_look_again(c);
}

void client_restart(struct upstream_client *c)
{
	c->state = UPSTREAM_STARTING;
	put_wire_away(c);
	exchange_fail_all(c, false);
	c->begins = true;
	client_look_again(c);
}

void client_is_ready(struct upstream_client *c)
{
	if (c->state != UPSTREAM_READY)
		c->ready_ms = clock_monotonic_ms();
	c->state = UPSTREAM_READY;
	exchange_pump(c);
	client_look_again(c);
}

/* ---- the connection ---- */

static void begin(struct upstream_client *c)
{
	const struct upstream_file *file = c->reach->file;

	c->begins = false;
	c->state = UPSTREAM_STARTING;
	if (file->command != NULL && (c->reach->spawner == NULL || !spawner_lives(c->reach->spawner))) {
		client_fail(c, "no program can be started");
		return;
	}
	c->wire = file->command != NULL ? upstream_wire_stdio_open(c->reach, &DISPATCH_EVENTS, c)
	                                : upstream_wire_http_open(c->reach, &DISPATCH_EVENTS, c);
	handshake_begin(c);
}

static void look_at_tools(struct upstream_client *c, int64_t now_ms)
{
	if (c->state != UPSTREAM_READY)
		return;
	bool heeds = c->is_stale && now_ms - c->noticed_ms >= UPSTREAM_NOTICE_MS;
	if (!c->is_listing && (heeds || now_ms - c->listed_ms >= c->reach->file->refresh_ms)) {
		c->noticed_ms = c->is_stale ? now_ms : c->noticed_ms;
		handshake_list(c);
	}
	if (c->state == UPSTREAM_READY)
		handshake_listen(c, now_ms);
}

static void on_tick(h2o_timeout_entry_t *entry)
{
	struct upstream_client *c = H2O_STRUCT_FROM_MEMBER(struct upstream_client, tick, entry);
	int64_t now_ms = clock_monotonic_ms();

	if (c->old != NULL) {
		struct upstream_wire *old = c->old;
		c->old = NULL;
		old->kind->close(old, false);
	}
	if (c->begins || (c->state == UPSTREAM_DOWN && now_ms >= c->due_ms))
		begin(c);
	exchange_look_at_deadlines(c, now_ms);
	look_at_tools(c, now_ms);
	client_look_again(c);
}

struct upstream_client *upstream_client_open(const struct upstream_reach *reach,
                                             const struct upstream_client_events *events, void *data)
{
	struct upstream_client *c = h2o_mem_alloc(sizeof(*c));

	*c = (struct upstream_client){.reach = reach, .events = events, .data = data, .begins = true};
	c->state = UPSTREAM_STARTING;
	c->tick.cb = on_tick;
	h2o_linklist_init_anchor(&c->exchanges);
	h2o_timeout_init(reach->loop, &c->soon, 0);
	h2o_timeout_init(reach->loop, &c->fast, FAST_MS);
	h2o_timeout_init(reach->loop, &c->slow, SLOW_MS);
	client_look_again(c);
	return c;
}

void upstream_client_close(struct upstream_client *c, bool now)
{
	c->state = UPSTREAM_DOWN;
	put_wire_away(c);
	exchange_fail_all(c, true);
	if (c->old != NULL)
		c->old->kind->close(c->old, now);
	h2o_timeout_unlink(&c->tick);
	h2o_timeout_dispose(c->reach->loop, &c->soon);
	h2o_timeout_dispose(c->reach->loop, &c->fast);
	h2o_timeout_dispose(c->reach->loop, &c->slow);
	shares_dispose(&c->under_way);
	shares_dispose(&c->waiting);
	free(c);
}

bool upstream_client_is_ready(const struct upstream_client *c)
{
	return c->state == UPSTREAM_READY;
}

const char *upstream_client_version(const struct upstream_client *c)
{
	return c->state == UPSTREAM_READY ? c->version : NULL;
}
