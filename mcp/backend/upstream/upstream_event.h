/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events (WHATWG HTML, 9.2) as they come in pieces: what matters here is the data of messages. */
#ifndef SALLYPORT_MCP_UPSTREAM_EVENT_H
#define SALLYPORT_MCP_UPSTREAM_EVENT_H

#include "common/text.h"

struct upstream_event { /* start zeroed */
	char *line, *data;
	size_t line_len, line_capacity, data_len, data_capacity;
	bool has_data, is_other; /* other: of a type that is no message */
	bool after_cr;
};

/* Calls for each message that is complete. False: one has more than `limit` bytes; nothing more is to be read. */
bool upstream_event_read(struct upstream_event *event, h2o_iovec_t bytes, size_t limit,
                         void (*on_message)(void *data, h2o_iovec_t message), void *data);
void upstream_event_dispose(struct upstream_event *event);

#endif
