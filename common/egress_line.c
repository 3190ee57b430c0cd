/* SPDX-License-Identifier: Apache-2.0 */
#include "egress_line.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"

struct egress_host {
	h2o_linklist_t link, waiting;
	struct shares running, waits; /* `waits`: places in the line */
	size_t name_len;
	char name[]; /* scheme, host and port */
};

#define HOST_AT(node) H2O_STRUCT_FROM_MEMBER(struct egress_host, link, node)

static struct egress_turn *overdue(struct egress_line *line, int64_t now_ms)
{
	for (h2o_linklist_t *n = line->all.next; n != &line->all; n = n->next) {
		struct egress_turn *turn = H2O_STRUCT_FROM_MEMBER(struct egress_turn, everybody, n);
		if (turn->due_ms <= now_ms)
			return turn;
	}
	return NULL;
}

static void look_again(struct egress_line *line)
{
	if (!h2o_linklist_is_empty(&line->all) && !h2o_timeout_is_linked(&line->timer))
		h2o_timeout_link(line->loop, line->often, &line->timer);
}

static void on_timer(h2o_timeout_entry_t *entry)
{
	struct egress_line *line = H2O_STRUCT_FROM_MEMBER(struct egress_line, timer, entry);
	struct egress_turn *turn;

	while ((turn = overdue(line, clock_monotonic_ms())) != NULL)
		line->on_due(turn);
	look_again(line);
}

void egress_line_init(struct egress_line *line, h2o_loop_t *loop, h2o_timeout_t *often,
                      void (*on_turn)(struct egress_turn *turn), void (*on_due)(struct egress_turn *turn))
{
	*line = (struct egress_line){.loop = loop, .often = often, .on_turn = on_turn, .on_due = on_due};
	line->timer.cb = on_timer;
	h2o_linklist_init_anchor(&line->hosts);
	h2o_linklist_init_anchor(&line->all);
}

void egress_line_dispose(struct egress_line *line)
{
	h2o_timeout_unlink(&line->timer);
}

static struct egress_host *host_of(struct egress_line *line, const struct uri *url)
{
	struct egress_host *host = NULL;
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	char *name = uri_origin(&pool, url);
	size_t len = strlen(name);
	h2o_strtolower(name, len);
	for (h2o_linklist_t *n = line->hosts.next; n != &line->hosts && host == NULL; n = n->next)
		if (HOST_AT(n)->name_len == len && memcmp(HOST_AT(n)->name, name, len) == 0)
			host = HOST_AT(n);
	if (host == NULL) {
		host = h2o_mem_alloc(sizeof(*host) + len);
		*host = (struct egress_host){.name_len = len};
		memcpy(host->name, name, len);
		h2o_linklist_init_anchor(&host->waiting);
		h2o_linklist_insert(&line->hosts, &host->link);
	}
	h2o_mem_clear_pool(&pool);
	return host;
}

bool egress_line_enter(struct egress_line *line, struct egress_turn *turn, const struct uri *url)
{
	struct egress_host *host = host_of(line, url);

	bool waits = !shares_may_take(&host->running, turn->who, LINE_RUNNING_MAX);
	if (waits && !shares_may_take(&host->waits, turn->who, LINE_WAITING_MAX))
		return false; /* so something runs: the host is not a new one */
	turn->host = host;
	turn->waits = waits;
	shares_take(waits ? &host->waits : &host->running, turn->who);
	if (!waits)
		return true;
	h2o_linklist_insert(&host->waiting, &turn->link);
	h2o_linklist_insert(&line->all, &turn->everybody);
	look_again(line);
	return true;
}

static void stop_waiting(struct egress_turn *turn)
{
	h2o_linklist_unlink(&turn->link);
	h2o_linklist_unlink(&turn->everybody);
	turn->waits = false;
	shares_give_back(&turn->host->waits, turn->who);
}

/* Who has waited longest of those who may have a place. */
static struct egress_turn *next_turn(struct egress_host *host)
{
	for (h2o_linklist_t *n = host->waiting.next; n != &host->waiting; n = n->next) {
		struct egress_turn *turn = H2O_STRUCT_FROM_MEMBER(struct egress_turn, link, n);
		if (shares_may_take(&host->running, turn->who, LINE_RUNNING_MAX))
			return turn;
	}
	return NULL;
}

static void free_host(struct egress_host *host)
{
	h2o_linklist_unlink(&host->link);
	shares_dispose(&host->running);
	shares_dispose(&host->waits);
	free(host);
}

void egress_line_leave(struct egress_line *line, struct egress_turn *turn)
{
	struct egress_host *host = turn->host;

	if (host == NULL)
		return;
	if (turn->waits) {
		stop_waiting(turn);
		turn->host = NULL;
		return;
	}
	turn->host = NULL;
	shares_give_back(&host->running, turn->who);
	struct egress_turn *next = next_turn(host);
	if (next != NULL) { /* its place is taken at once */
		stop_waiting(next);
		shares_take(&host->running, next->who);
		line->on_turn(next);
	} else if (host->running.taken == 0) {
		free_host(host);
	}
}
