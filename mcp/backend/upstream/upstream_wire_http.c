/* SPDX-License-Identifier: Apache-2.0 */
/* Streamable HTTP of both eras: each message is a POST, its answer one JSON text or an event stream. In the legacy era
 * there may be a session, which the server names with its answer to initialize. */
#include <stdlib.h>
#include <string.h>

#include "mcp/backend/http/credential.h"
#include "mcp/backend/upstream/upstream_event.h"
#include "mcp/backend/upstream/upstream_wire.h"

enum {
	SESSION_MAX = 256,
	PROBLEM_MAX = 16 * 1024, /* of an answer that is no success */
	CONNECT_MS = 5000,
	GRACE_MS = 1000,
	PATIENCE_MS = 6 * 60 * 1000, /* people answer what it asks */
	FIELDS_MAX = 64,
};

struct http_wire {
	struct upstream_wire wire;
	const struct upstream_reach *reach;
	const struct upstream_wire_events *events;
	void *data;
	char session[SESSION_MAX + 1];
	h2o_linklist_t posts;
};

struct post { /* a message that is under way */
	h2o_linklist_t link;
	struct http_wire *wire;
	uint64_t id;
	struct egress_flight *flight;
	bool is_stream, is_success, too_large;
	bool in_event, abandoned;
	struct upstream_event event; /* of a stream */
	char *body;                  /* else */
	size_t len, capacity;
};

static void free_post(struct post *p)
{
	h2o_linklist_unlink(&p->link);
	upstream_event_dispose(&p->event);
	free(p->body);
	free(p);
}

/* ---- what comes ---- */

static void note_session(struct http_wire *w, h2o_iovec_t id)
{
	if (id.len == 0 || id.len > SESSION_MAX)
		return;
	for (size_t i = 0; i < id.len; i++)
		if (id.base[i] < 0x21 || id.base[i] > 0x7e)
			return;
	memcpy(w->session, id.base, id.len);
	w->session[id.len] = '\0';
}

static bool is_type(h2o_iovec_t field, const char *type)
{
	h2o_iovec_t rest = field;

	return text_is_nocase(text_cut(&rest, ';'), type);
}

static void on_head(void *data, struct egress_flight *flight)
{
	struct post *p = data;
	int status = egress_status(flight);

	p->is_success = status >= 200 && status < 300;
	p->is_stream = p->is_success && is_type(egress_field(flight, "Content-Type"), "text/event-stream");
	if (p->is_success)
		note_session(p->wire, egress_field(flight, "Mcp-Session-Id"));
}

static void on_event(void *data, h2o_iovec_t json)
{
	struct post *p = data;

	if (!p->abandoned)
		p->wire->events->on_message(p->wire->data, p->id, json);
}

static bool read_stream(struct post *p, h2o_iovec_t bytes)
{
	p->in_event = true;
	bool fine = upstream_event_read(&p->event, bytes, p->wire->reach->file->bytes, on_event, p);
	p->in_event = false;
	p->too_large = p->too_large || !fine;
	return fine && !p->abandoned;
}

static bool on_data(void *data, struct egress_flight *flight, h2o_iovec_t bytes)
{
	struct post *p = data;
	size_t limit = p->is_success ? p->wire->reach->file->bytes : PROBLEM_MAX;

	(void)flight;
	if (p->is_stream)
		return read_stream(p, bytes);
	if (bytes.len > limit - p->len) {
		p->too_large = p->is_success;
		return !p->is_success; /* what follows the problem is passed over */
	}
	if (p->len + bytes.len > p->capacity) {
		p->capacity = (p->len + bytes.len) * 2;
		char *grown = h2o_mem_alloc(p->capacity);
		if (p->len > 0)
			memcpy(grown, p->body, p->len);
		free(p->body);
		p->body = grown;
	}
	memcpy(p->body + p->len, bytes.base, bytes.len);
	p->len += bytes.len;
	return true;
}

static const char *problem_of(const struct post *p, const struct egress_answer *answer)
{
	if (p->too_large)
		return "its answer is too large";
	if (answer->failure != EGRESS_FINE)
		return answer->problem != NULL ? answer->problem : "its answer breaks off";
	return p->is_success ? NULL : "it answers with a status that is no success";
}

static void on_done(void *data, const struct egress_answer *answer)
{
	struct post *p = data;
	struct upstream_wire_end end = {
	    .status = answer->status,
	    .failure = p->too_large ? EGRESS_TOO_LARGE : answer->failure,
	    .problem = problem_of(p, answer),
	};
	bool is_json = answer->status != 0 && is_type(answer->content_type, "application/json");

	p->flight = NULL;
	p->in_event = true;
	if (is_json && !p->is_stream && p->len > 0 && end.failure == EGRESS_FINE)
		end.body = h2o_iovec_init(p->body, p->len);
	if (p->is_stream && end.failure == EGRESS_ENDED)
		end.failure = EGRESS_LOST;
	if (!p->abandoned && p->id != 0)
		p->wire->events->on_end(p->wire->data, p->id, &end);
	free_post(p);
}

static const struct egress_stream STREAM = {.on_head = on_head, .on_data = on_data};

/* ---- what goes ---- */

struct fields {
	const char *list[FIELDS_MAX];
	size_t count;
};

static void add_field(h2o_mem_pool_t *pool, struct fields *fields, const char *name, const char *value)
{
	if (value != NULL && *value != '\0' && fields->count < FIELDS_MAX - 1)
		fields->list[fields->count++] = text_printf(pool, "%s: %s", name, value);
}

static void collect_fields(h2o_mem_pool_t *pool, struct http_wire *w, const struct upstream_message *m,
                           struct fields *fields)
{
	add_field(pool, fields, "MCP-Protocol-Version", m->version);
	add_field(pool, fields, "Mcp-Session-Id", w->session);
	add_field(pool, fields, "Mcp-Method", m->method);
	add_field(pool, fields, "Mcp-Name", m->name);
	for (size_t i = 0; m->headers != NULL && m->headers[i] != NULL && fields->count < FIELDS_MAX - 1; i++)
		fields->list[fields->count++] = m->headers[i];
	fields->list[fields->count] = NULL;
}

static long timeout_of(const struct http_wire *w, const struct upstream_message *m)
{
	if (m->timeout_ms == 0)
		return 0;
	return (long)m->timeout_ms + (w->reach->file->asks != 0 ? PATIENCE_MS : GRACE_MS);
}

static struct post *make_post(struct http_wire *w, uint64_t id)
{
	struct post *p = h2o_mem_alloc(sizeof(*p));

	*p = (struct post){.wire = w, .id = id};
	h2o_linklist_insert(&w->posts, &p->link);
	return p;
}

static bool send_message(struct upstream_wire *wire, const struct upstream_message *m)
{
	struct http_wire *w = (struct http_wire *)wire;
	struct post *p = make_post(w, m->id);
	struct fields fields = {.count = 0};
	struct credential_header proof = credential_own(w->reach->file->credential);
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	if (proof.line != NULL)
		fields.list[fields.count++] = proof.line;
	collect_fields(&pool, w, m, &fields);
	const struct egress_request request = {
	    .method = m->listens ? "GET" : "POST",
	    .url = w->reach->file->url,
	    .content_type = m->listens ? NULL : "application/json",
	    .accept = m->listens ? "text/event-stream" : "application/json, text/event-stream",
	    .authorization = proof.authorization,
	    .headers = fields.list,
	    .body = m->json,
	    .timeout_ms = timeout_of(w, m),
	    .connect_ms = CONNECT_MS,
	    .answer_limit = w->reach->file->bytes,
	    .places = w->reach->places,
	    .stream = &STREAM,
	};
	p->flight = egress_fetch(w->reach->egress, &request, on_done, p);
	h2o_mem_clear_pool(&pool);
	return true;
}

/* ---- the wire ---- */

static void end_post(struct post *p)
{
	p->abandoned = true;
	if (p->in_event)
		return; /* it ends by itself behind the event */
	egress_cancel(p->flight);
	free_post(p);
}

static void abandon(struct upstream_wire *wire, uint64_t id)
{
	struct http_wire *w = (struct http_wire *)wire;

	for (h2o_linklist_t *link = w->posts.next; link != &w->posts; link = link->next) {
		struct post *p = H2O_STRUCT_FROM_MEMBER(struct post, link, link);
		if (p->id != id)
			continue;
		end_post(p);
		return;
	}
}

static void on_deleted(void *data, const struct egress_answer *answer)
{
	(void)data;
	(void)answer; /* 405: it does not let clients end sessions */
}

static void end_session(struct http_wire *w)
{
	struct fields fields = {.count = 0};
	struct credential_header proof = credential_own(w->reach->file->credential);
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	if (proof.line != NULL)
		fields.list[fields.count++] = proof.line;
	add_field(&pool, &fields, "Mcp-Session-Id", w->session);
	fields.list[fields.count] = NULL;
	const struct egress_request request = {
	    .method = "DELETE",
	    .url = w->reach->file->url,
	    .authorization = proof.authorization,
	    .headers = fields.list,
	    .timeout_ms = CONNECT_MS,
	    .answer_limit = PROBLEM_MAX,
	    .places = w->reach->places,
	};
	egress_fetch(w->reach->egress, &request, on_deleted, NULL);
	h2o_mem_clear_pool(&pool);
}

static void close_wire(struct upstream_wire *wire, bool now)
{
	struct http_wire *w = (struct http_wire *)wire;

	while (!h2o_linklist_is_empty(&w->posts))
		end_post(H2O_STRUCT_FROM_MEMBER(struct post, link, w->posts.next));
	if (w->session[0] != '\0' && !now)
		end_session(w);
	free(w);
}

bool upstream_wire_http_has_session(const struct upstream_wire *wire)
{
	return wire->kind->tells_requests_apart && ((const struct http_wire *)wire)->session[0] != '\0';
}

static const struct upstream_wire_kind HTTP = {
    .tells_requests_apart = true,
    .send = send_message,
    .abandon = abandon,
    .close = close_wire,
};

struct upstream_wire *upstream_wire_http_open(const struct upstream_reach *reach,
                                              const struct upstream_wire_events *events, void *data)
{
	struct http_wire *w = h2o_mem_alloc(sizeof(*w));

	*w = (struct http_wire){.wire.kind = &HTTP, .reach = reach, .events = events, .data = data};
	h2o_linklist_init_anchor(&w->posts);
	return &w->wire;
}
