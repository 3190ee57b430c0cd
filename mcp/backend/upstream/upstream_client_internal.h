/* SPDX-License-Identifier: Apache-2.0 */
/* Between upstream_client.c (connection), upstream_handshake.c (era, tools), upstream_exchange.c (requests) and
 * upstream_dispatch.c (what comes in). */
#ifndef SALLYPORT_MCP_UPSTREAM_CLIENT_INTERNAL_H
#define SALLYPORT_MCP_UPSTREAM_CLIENT_INTERNAL_H

#include "common/shares.h"
#include "mcp/backend/upstream/upstream_client.h"

enum upstream_state {
	UPSTREAM_DOWN,     /* until due_ms */
	UPSTREAM_STARTING, /* until its tools are listed */
	UPSTREAM_READY
};
enum upstream_era { UPSTREAM_MODERN, UPSTREAM_LEGACY };
#define UPSTREAM_MODERN_VERSION "2026-07-28"

/* More than these are a flood: it ends the call, or the connection. */
enum { UPSTREAM_MESSAGES_PER_CALL = 10 * 1000, UPSTREAM_MESSAGES_PER_SECOND = 20 * 1000 };
/* Between two lists that its notices led to: more of them are not heeded before. */
enum { UPSTREAM_NOTICE_MS = 1000 };
enum { UPSTREAM_ABANDONED_MS = 10 * 1000, UPSTREAM_HANDSHAKE_MS = 10 * 1000 };

struct upstream_exchange {
	h2o_linklist_t link;
	struct upstream_client *client;
	h2o_mem_pool_t pool;
	uint64_t id, who;
	const char *method;   /* NULL: the stream that a server of the legacy era may speak on unasked */
	const char *name;     /* of the tool; else NULL */
	json_t *params;       /* without _meta */
	json_t *capabilities; /* NULL: what the file allows */
	const char *log_level;
	const char **headers;
	bool wants_progress;
	const struct upstream_call_events *events;
	void *data;
	int64_t timeout_ms, deadline_ms; /* 0: none */
	bool internal;                   /* the client's own: it does not wait for its turn */
	bool sent;
	bool abandoned; /* its answer is waited for, so that it is taken for no other's; nobody is told */
	unsigned tries;
	unsigned messages; /* that came with it, its answer apart */
};

struct upstream_client {
	const struct upstream_reach *reach;
	const struct upstream_client_events *events;
	void *data;
	h2o_timeout_t soon, fast, slow;
	h2o_timeout_entry_t tick;
	h2o_timeout_t *ticks_on; /* one of these; while the tick is linked */
	enum upstream_state state;
	enum upstream_era era;
	char version[16];                 /* agreed upon; empty before */
	struct upstream_wire *wire, *old; /* old: to be closed in the next turn of the loop */
	bool begins;                      /* in the next turn of the loop, on a new wire */
	h2o_linklist_t exchanges;
	struct shares under_way, waiting; /* of calls */
	uint64_t last_id;
	int64_t due_ms, ready_ms, listed_ms, noticed_ms, listen_ms;
	unsigned failures;
	int64_t second_ms;
	unsigned messages; /* in this second */
	bool skips_probe;  /* the last program has ended over it */
	bool probing;
	/* its tools */
	bool is_listing;
	bool is_stale, holds; /* they have changed; calls wait for the new list */
	bool tells_changes, never_listens;
	struct upstream_exchange *listening; /* NULL: none */
	json_t *tools;                       /* of the pages so far */
	unsigned pages;
};

/* ---- upstream_client.c ---- */

/* The connection is of no more use: it ends, and is tried again later. */
void client_fail(struct upstream_client *c, const char *problem);
/* At once, with a new session: what has not been sent waits for it. */
void client_restart(struct upstream_client *c);
void client_is_ready(struct upstream_client *c);
void client_look_again(struct upstream_client *c);

/* ---- upstream_handshake.c ---- */

void handshake_begin(struct upstream_client *c);
void handshake_list(struct upstream_client *c);
/* Opens the stream of notices, where there can be one and there is none. */
void handshake_listen(struct upstream_client *c, int64_t now_ms);

/* ---- upstream_exchange.c ---- */

/* A request of the client's own; takes params. */
struct upstream_exchange *exchange_send_internal(struct upstream_client *c, const char *method, json_t *params,
                                                 const struct upstream_call_events *events, int64_t timeout_ms);
void exchange_notify(struct upstream_client *c, const char *method, json_t *params);
/* Answers a request of the upstream; takes the value. */
void exchange_reply(struct upstream_client *c, const json_t *id, const char *member, json_t *value);
/* What waits and may go. */
void exchange_pump(struct upstream_client *c);
struct upstream_exchange *exchange_find(struct upstream_client *c, uint64_t id);
/* The only one that the upstream can be speaking of where it does not say; NULL: there are more, or none. */
struct upstream_exchange *exchange_only(struct upstream_client *c);
void exchange_finish(struct upstream_exchange *e, const struct upstream_answer *answer);
/* Ends one that was sent, without its answer: the upstream is told that nobody waits any more. */
void exchange_give_up(struct upstream_exchange *e, enum upstream_outcome outcome);
/* Ends all that were sent, or all. */
void exchange_fail_all(struct upstream_client *c, bool unsent_too);
void exchange_look_at_deadlines(struct upstream_client *c, int64_t now_ms);

/* ---- upstream_dispatch.c ---- */

extern const struct upstream_wire_events DISPATCH_EVENTS; /* data: the client */

#endif
