/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/upstream/upstream_event.h"

#include <stdlib.h>
#include <string.h>

static bool append(char **base, size_t *len, size_t *capacity, h2o_iovec_t more, size_t limit)
{
	if (more.len > limit || *len > limit - more.len)
		return false;
	if (*len + more.len > *capacity) {
		*capacity = (*len + more.len) * 2 + 256;
		char *grown = h2o_mem_alloc(*capacity);
		if (*len > 0)
			memcpy(grown, *base, *len);
		free(*base);
		*base = grown;
	}
	if (more.len > 0)
		memcpy(*base + *len, more.base, more.len);
	*len += more.len;
	return true;
}

static bool end_line(struct upstream_event *e, size_t limit)
{
	h2o_iovec_t line = h2o_iovec_init(e->line, e->line_len), value = {NULL, 0};
	const char *colon = line.len > 0 ? memchr(line.base, ':', line.len) : NULL;
	h2o_iovec_t field = line;

	e->line_len = 0;
	if (colon != NULL) {
		field.len = (size_t)(colon - line.base);
		value = h2o_iovec_init(colon + 1, line.len - field.len - 1);
		if (value.len > 0 && value.base[0] == ' ')
			value = h2o_iovec_init(value.base + 1, value.len - 1);
	}
	if (text_is(field, "event"))
		e->is_other = value.len > 0 && !text_is(value, "message");
	if (!text_is(field, "data"))
		return true;
	if (e->has_data && !append(&e->data, &e->data_len, &e->data_capacity, h2o_iovec_init("\n", 1), limit))
		return false;
	e->has_data = true;
	return append(&e->data, &e->data_len, &e->data_capacity, value, limit);
}

static void end_event(struct upstream_event *e, void (*on_message)(void *data, h2o_iovec_t message), void *data)
{
	bool tells = e->has_data && !e->is_other && e->data_len > 0;
	h2o_iovec_t message = h2o_iovec_init(e->data, e->data_len);

	e->has_data = e->is_other = false;
	e->data_len = 0;
	if (tells)
		on_message(data, message);
}

bool upstream_event_read(struct upstream_event *e, h2o_iovec_t bytes, size_t limit,
                         void (*on_message)(void *data, h2o_iovec_t message), void *data)
{
	for (size_t at = 0; at < bytes.len;) {
		size_t end = at;
		while (end < bytes.len && bytes.base[end] != '\n' && bytes.base[end] != '\r')
			end++;
		bool empty = end == at && e->line_len == 0, second = e->after_cr && end == at && bytes.base[at] == '\n';
		e->after_cr = false;
		if (!append(&e->line, &e->line_len, &e->line_capacity, h2o_iovec_init(bytes.base + at, end - at),
		            limit + 16))
			return false;
		if (end == bytes.len)
			return true;
		e->after_cr = bytes.base[end] == '\r';
		at = end + 1;
		if (second) /* of CR LF */
			continue;
		if (empty)
			end_event(e, on_message, data);
		else if (!end_line(e, limit))
			return false;
	}
	return true;
}

void upstream_event_dispose(struct upstream_event *e)
{
	free(e->line);
	free(e->data);
}
