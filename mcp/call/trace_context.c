/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/call/trace_context.h"

#include <string.h>

enum { VERSION_LEN = 2, TRACE_LEN = 32, PARENT_LEN = 16, FLAGS_LEN = 2 };
enum { TRACE_AT = VERSION_LEN + 1, TRACEPARENT_LEN = VERSION_LEN + TRACE_LEN + PARENT_LEN + FLAGS_LEN + 3 };

/* Lower-case hexadecimal digits that are not all zero, and a hyphen or the end behind them. */
static bool is_field(h2o_iovec_t text, size_t at, size_t len, bool zero_is_fine)
{
	bool zero = true;

	for (size_t i = at; i < at + len; i++) {
		char c = text.base[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		zero = zero && c == '0';
	}
	return (zero_is_fine || !zero) && (at + len == text.len || text.base[at + len] == '-');
}

/* Trace Context, 3.2.2: a later version may have more behind it. */
static bool is_traceparent(h2o_iovec_t text)
{
	bool first = text_starts(text, "00-");

	if (text.len < TRACEPARENT_LEN || (first && text.len != TRACEPARENT_LEN) || text_starts(text, "ff"))
		return false;
	return is_field(text, 0, VERSION_LEN, true) && is_field(text, TRACE_AT, TRACE_LEN, false) &&
	       is_field(text, TRACE_AT + TRACE_LEN + 1, PARENT_LEN, false) &&
	       is_field(text, TRACE_AT + TRACE_LEN + 1 + PARENT_LEN + 1, FLAGS_LEN, true);
}

h2o_iovec_t trace_context_id(struct request *r)
{
	const json_t *meta = json_object_get(call_of(r)->message.params, "_meta");
	h2o_iovec_t text = json_get_text(meta, "traceparent");

	if (text.base == NULL)
		text = request_header(r, "traceparent", NULL);
	if (text.base == NULL || !is_traceparent(text))
		return (h2o_iovec_t){NULL, 0};
	return h2o_iovec_init(text.base + TRACE_AT, TRACE_LEN);
}
