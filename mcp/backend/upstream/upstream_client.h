/* SPDX-License-Identifier: Apache-2.0 */
/* One upstream server, as its client: of either era (the modern one is tried first, 2026-07-28, basic/versioning), over
 * either wire. It is connected as long as the client lives; when it goes away it is tried again, later each time. No
 * call goes out before its tools have been listed on this connection, nor between a notice that they have changed and
 * the new list. Many calls are under way at a time, each with its end; the connection is shared by all callers. */
#ifndef SALLYPORT_MCP_UPSTREAM_CLIENT_H
#define SALLYPORT_MCP_UPSTREAM_CLIENT_H

#include "mcp/backend/upstream/upstream_wire.h"

struct upstream_client;
struct upstream_exchange;

struct upstream_client_events {
	/* All that it lists, an array; gone after the call. At each connection and whenever it is listed again. */
	void (*on_tools)(void *data, const json_t *tools);
	/* It is away, for this reason (for the log). */
	void (*on_down)(void *data, const char *problem);
};

struct upstream_client *upstream_client_open(const struct upstream_reach *reach,
                                             const struct upstream_client_events *events, void *data);
/* Exchanges end as if it were away. `now`: the loop ends too. */
void upstream_client_close(struct upstream_client *client, bool now);
bool upstream_client_is_ready(const struct upstream_client *client);
/* For people: "2026-07-28 over HTTP"; NULL while it is away. */
const char *upstream_client_version(const struct upstream_client *client);

/* ---- calls ---- */

enum upstream_outcome {
	UPSTREAM_RESULT,
	UPSTREAM_ERROR,     /* of the protocol */
	UPSTREAM_AWAY,      /* it never got the request */
	UPSTREAM_BUSY,      /* the same: too many are under way */
	UPSTREAM_WITHDRAWN, /* the same: may_send said no */
	UPSTREAM_LOST,      /* it may have acted on it */
	UPSTREAM_TIMED_OUT, /* the same */
	UPSTREAM_TOO_LARGE, /* the same */
	UPSTREAM_GARBAGE,   /* the same: the answer is none */
	UPSTREAM_REFUSED    /* an HTTP status that is no success, and no answer of the protocol */
};
struct upstream_answer {
	enum upstream_outcome outcome;
	const json_t *result; /* of UPSTREAM_RESULT: an object, gone after the call */
	const json_t *error;  /* of UPSTREAM_ERROR: the same */
	int64_t code;         /* of UPSTREAM_ERROR; the status of UPSTREAM_REFUSED */
};
struct upstream_question { /* that it asks of the client; gone after the call */
	const json_t *id;
	h2o_iovec_t method;
	const json_t *params; /* an object or NULL */
};
struct upstream_call_events { /* none is called before upstream_client_call returns */
	/* Asked of one that had to wait, when it is about to go out. NULL: yes. */
	bool (*may_send)(void *data);
	/* Once, unless the exchange was cancelled; then it is gone. */
	void (*on_answer)(void *data, const struct upstream_answer *answer);
	void (*on_progress)(void *data, double progress, double total, const char *message);
	void (*on_log)(void *data, const json_t *params);
	/* Answered by upstream_exchange_reply. */
	void (*on_ask)(void *data, const struct upstream_question *question);
};
struct upstream_call {
	const char *tool;
	uint64_t who; /* request.share of who calls */
	const json_t *arguments;
	/* modern era, the second time: what was asked is answered; NULL: nothing was */
	const json_t *input_responses;
	const char *request_state;
	const json_t *capabilities; /* modern era: of the client whose call it is, an object */
	const char *log_level;      /* modern era; NULL: no messages */
	bool wants_progress;
	const char *const *headers; /* over HTTP; NULL-terminated, or NULL */
	const struct upstream_call_events *events;
	void *data;
};
/* A person has a share of the calls that go at a time, and of the places of those that wait (common/shares.h), so
 * nobody keeps an upstream from everybody else. Everything is copied. NULL and *refused (UPSTREAM_AWAY, UPSTREAM_BUSY).
 */
struct upstream_exchange *upstream_client_call(struct upstream_client *client, const struct upstream_call *call,
                                               enum upstream_outcome *refused);
/* Nobody waits any more: the upstream is told so, in the way of its era and wire. */
void upstream_exchange_cancel(struct upstream_exchange *exchange);
/* It has gone out. */
bool upstream_exchange_is_sent(const struct upstream_exchange *exchange);
/* Whose events they are from now on, and for how much longer it may take. */
void upstream_exchange_adopt(struct upstream_exchange *exchange, const struct upstream_call_events *events, void *data,
                             int64_t timeout_ms);
/* Answers what it has asked: a result, or an error with this code and fixed text. */
void upstream_exchange_reply(struct upstream_exchange *exchange, const json_t *id, const json_t *result);
void upstream_exchange_refuse(struct upstream_exchange *exchange, const json_t *id, int code, const char *text);
/* The capabilities of a client that may be asked this much (enum upstream_asks); a new reference. */
json_t *upstream_capabilities(unsigned asks);

#endif
