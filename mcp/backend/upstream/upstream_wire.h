/* SPDX-License-Identifier: Apache-2.0 */
/* How messages go to an upstream and come back: by the standard input and output of a program, or by HTTP. What they
 * mean is upstream_client.h's business. */
#ifndef SALLYPORT_MCP_UPSTREAM_WIRE_H
#define SALLYPORT_MCP_UPSTREAM_WIRE_H

#include "common/egress.h"
#include "common/spawner.h"
#include "mcp/backend/upstream/upstream_file.h"

struct upstream_reach {                   /* lives longer than any wire */
	const struct upstream_file *file; /* the newest that says the same of how it is reached */
	h2o_loop_t *loop;
	struct egress *egress;
	const struct egress_places *places;
	struct spawner *spawner; /* NULL: programs cannot be started */
};

struct upstream_message { /* texts are copied */
	uint64_t id;      /* of a request; 0: a notification or an answer */
	h2o_iovec_t json;
	/* for HTTP */
	const char *version;        /* NULL: it is not known yet */
	const char *method, *name;  /* of a request of the modern era; NULL: no such header */
	const char *const *headers; /* more of them, NULL-terminated; NULL: none */
	int64_t timeout_ms;         /* 0: it stays open */
	bool listens;               /* GET: the stream that a server of the legacy era may speak on unasked */
};

struct upstream_wire_end { /* of an answer over HTTP */
	int status;        /* 0: there was none */
	enum egress_failure failure;
	h2o_iovec_t body;    /* of a status that is no success, as far as it is small JSON */
	const char *problem; /* fixed text for the log; NULL: it was a success */
};

/* None is called before upstream_wire_open or _send returns. Each may call _send and _abandon, none _close. */
struct upstream_wire_events {
	/* `of`: the request whose answer it came with; 0: the wire does not tell */
	void (*on_message)(void *data, uint64_t of, h2o_iovec_t json);
	/* A message was larger than it may be, and is lost; `of` as far as that is known, else 0. */
	void (*on_too_large)(void *data, uint64_t of);
	/* HTTP: nothing more comes with the answer of this request. */
	void (*on_end)(void *data, uint64_t of, const struct upstream_wire_end *end);
	/* It is gone, for this reason (for the log). */
	void (*on_down)(void *data, const char *problem);
};

struct upstream_wire { /* begins each wire */
	const struct upstream_wire_kind *kind;
};
struct upstream_wire_kind {
	bool tells_requests_apart; /* by HTTP each has an answer of its own */
	/* False: it takes no more. */
	bool (*send)(struct upstream_wire *wire, const struct upstream_message *message);
	/* Nobody waits for the answer of this request any more. */
	void (*abandon)(struct upstream_wire *wire, uint64_t id);
	/* Ends it, without events. `now`: nothing may come back to it, the loop ends too. */
	void (*close)(struct upstream_wire *wire, bool now);
};

struct upstream_wire *upstream_wire_stdio_open(const struct upstream_reach *reach,
                                               const struct upstream_wire_events *events, void *data);
struct upstream_wire *upstream_wire_http_open(const struct upstream_reach *reach,
                                              const struct upstream_wire_events *events, void *data);
/* HTTP, legacy era: there is a session that the server has begun. */
bool upstream_wire_http_has_session(const struct upstream_wire *wire);

#endif
