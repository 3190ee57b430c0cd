/* SPDX-License-Identifier: Apache-2.0 */
/* A line is a message (basic/transports/stdio). What else a program prints there is passed over, within bounds. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "mcp/backend/upstream/upstream_wire.h"

enum {
	HEAD_MAX = 256,
	TAIL_MAX = 64,
	GARBAGE_MAX = 200, /* lines that are no messages: then it is no MCP server */
	COMPLAINT_MAX = 400,
};

struct stdio_wire {
	struct upstream_wire wire;
	const struct upstream_reach *reach;
	const struct upstream_wire_events *events;
	void *data;
	struct child *child; /* NULL: it has ended */
	char *line;
	size_t len, capacity;
	bool too_large;      /* the line: its end is waited for */
	char tail[TAIL_MAX]; /* of such a line */
	size_t tail_len;
	unsigned garbage;
	bool closing;
	char complaint[COMPLAINT_MAX]; /* what it said last on standard error */
	size_t complaint_len;
};

static void free_wire(struct stdio_wire *w)
{
	free(w->line);
	free(w);
}

/* ---- lines ---- */

/* "id":17 in what is left of a line that was too long: whose answer it was. Serializers put the id first or last. */
static uint64_t find_id(const char *bytes, size_t len)
{
	for (size_t i = 0; i + 5 < len; i++) {
		uint64_t id = 0;
		size_t at = i + 5;
		if (memcmp(bytes + i, "\"id\":", 5) != 0)
			continue;
		while (at < len && bytes[at] == ' ')
			at++;
		for (; at < len && bytes[at] >= '0' && bytes[at] <= '9' && id < UINT32_MAX; at++)
			id = id * 10 + (uint64_t)(bytes[at] - '0');
		if (id != 0 && at < len && (bytes[at] == ',' || bytes[at] == '}'))
			return id;
	}
	return 0;
}

static void keep_tail(struct stdio_wire *w, const char *bytes, size_t len)
{
	if (len >= TAIL_MAX) {
		memcpy(w->tail, bytes + len - TAIL_MAX, TAIL_MAX);
		w->tail_len = TAIL_MAX;
		return;
	}
	size_t keep = w->tail_len + len > TAIL_MAX ? TAIL_MAX - len : w->tail_len;
	memmove(w->tail, w->tail + w->tail_len - keep, keep);
	memcpy(w->tail + keep, bytes, len);
	w->tail_len = keep + len;
}

static void append(struct stdio_wire *w, const char *bytes, size_t len)
{
	size_t limit = w->reach->file->bytes;

	if (w->too_large || len > limit - w->len) {
		if (!w->too_large)
			keep_tail(w, w->line != NULL ? w->line : "", w->len);
		w->too_large = true;
		keep_tail(w, bytes, len);
		return;
	}
	if (w->len + len > w->capacity) {
		w->capacity = (w->len + len) * 2 < limit ? (w->len + len) * 2 : limit;
		char *grown = h2o_mem_alloc(w->capacity + 1);
		if (w->len > 0)
			memcpy(grown, w->line, w->len);
		free(w->line);
		w->line = grown;
	}
	if (len > 0)
		memcpy(w->line + w->len, bytes, len);
	w->len += len;
}

static void give_up(struct stdio_wire *w)
{
	if (w->garbage++ < GARBAGE_MAX)
		return;
	log_event(LOG_WARNING, "an upstream prints what is no MCP", "upstream", w->reach->file->name, NULL);
	child_kill(w->child);
}

static void end_line(struct stdio_wire *w)
{
	h2o_iovec_t line = text_trim(h2o_iovec_init(w->line != NULL ? w->line : "", w->len));
	bool too_large = w->too_large;

	w->too_large = false;
	w->len = 0;
	if (line.len > 0 && line.base[line.len - 1] == '\r')
		line.len--;
	if (too_large) {
		uint64_t id = find_id(w->tail, w->tail_len);
		if (id == 0)
			id = find_id(line.base, line.len < HEAD_MAX ? line.len : HEAD_MAX);
		w->tail_len = 0;
		w->events->on_too_large(w->data, id);
	} else if (line.len > 0 && line.base[0] == '{') {
		w->events->on_message(w->data, 0, line);
	} else if (line.len > 0) {
		give_up(w);
	}
}

static void keep_complaint(struct stdio_wire *w, h2o_iovec_t bytes)
{
	if (bytes.len >= COMPLAINT_MAX) {
		memcpy(w->complaint, bytes.base + bytes.len - COMPLAINT_MAX, COMPLAINT_MAX);
		w->complaint_len = COMPLAINT_MAX;
		return;
	}
	size_t keep = w->complaint_len + bytes.len > COMPLAINT_MAX ? COMPLAINT_MAX - bytes.len : w->complaint_len;
	memmove(w->complaint, w->complaint + w->complaint_len - keep, keep);
	memcpy(w->complaint + keep, bytes.base, bytes.len);
	w->complaint_len = keep + bytes.len;
}

static void on_output(void *data, enum child_pipe pipe, h2o_iovec_t bytes)
{
	struct stdio_wire *w = data;

	if (w->closing || bytes.len == 0)
		return;
	if (pipe == CHILD_ERR) {
		keep_complaint(w, bytes);
		return;
	}
	while (bytes.len > 0) {
		const char *end = memchr(bytes.base, '\n', bytes.len);
		size_t len = end != NULL ? (size_t)(end - bytes.base) : bytes.len;
		append(w, bytes.base, len);
		if (end == NULL)
			return;
		end_line(w);
		bytes.base += len + 1;
		bytes.len -= len + 1;
	}
}

/* What a program says before it has served anybody is of its start, and holds nothing of a caller. */
static void tell_end(struct stdio_wire *w, int status)
{
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	log_event(LOG_WARNING, "the program of an upstream has ended", "upstream", w->reach->file->name, "status",
	          status == -1 ? "it could not be started" : text_printf(&pool, "%d", status), "standard_error",
	          w->complaint_len > 0 ? text_copy(&pool, h2o_iovec_init(w->complaint, w->complaint_len)) : NULL, NULL);
	h2o_mem_clear_pool(&pool);
}

static void on_end(void *data, int status)
{
	struct stdio_wire *w = data;

	w->child = NULL;
	if (w->closing) {
		free_wire(w);
		return;
	}
	tell_end(w, status);
	w->events->on_down(w->data, status == -1 ? "its program cannot be started" : "its program has ended");
}

/* ---- the wire ---- */

static bool send_message(struct upstream_wire *wire, const struct upstream_message *message)
{
	struct stdio_wire *w = (struct stdio_wire *)wire;

	/* json_text writes no line break */
	return w->child != NULL && child_write(w->child, message->json) &&
	       child_write(w->child, h2o_iovec_init("\n", 1));
}

static void abandon(struct upstream_wire *wire, uint64_t id)
{
	(void)wire;
	(void)id;
}

static void close_wire(struct upstream_wire *wire, bool now)
{
	struct stdio_wire *w = (struct stdio_wire *)wire;

	if (w->child == NULL || now) {
		if (w->child != NULL)
			child_forget(w->child);
		free_wire(w);
		return;
	}
	w->closing = true;
	child_close_input(w->child);
	child_kill(w->child);
}

static const struct upstream_wire_kind STDIO = {
    .tells_requests_apart = false,
    .send = send_message,
    .abandon = abandon,
    .close = close_wire,
};
static const struct child_events CHILD_EVENTS = {.on_output = on_output, .on_end = on_end};

struct upstream_wire *upstream_wire_stdio_open(const struct upstream_reach *reach,
                                               const struct upstream_wire_events *events, void *data)
{
	struct stdio_wire *w = h2o_mem_alloc(sizeof(*w));

	*w = (struct stdio_wire){.wire.kind = &STDIO, .reach = reach, .events = events, .data = data};
	w->child = child_start(reach->spawner, reach->file->command, &CHILD_EVENTS, w);
	return &w->wire;
}
