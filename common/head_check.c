/* SPDX-License-Identifier: Apache-2.0 */
#include "head_check.h"

#include <string.h>

enum { HEAD_SIZE_MAX = 16 * 1024 };

struct head_counts {
	unsigned hosts, lengths, codings;
	bool is_chunked;
};

static h2o_iovec_t header_value(h2o_iovec_t line, size_t name_len)
{
	h2o_iovec_t value = h2o_iovec_init(line.base + name_len + 1, line.len - name_len - 1);
	while (value.len > 0 && (*value.base == ' ' || *value.base == '\t'))
		value.base++, value.len--;
	while (value.len > 0 && (value.base[value.len - 1] == ' ' || value.base[value.len - 1] == '\t'))
		value.len--;
	return value;
}

static bool name_is(h2o_iovec_t line, const char *name)
{
	size_t len = strlen(name);
	return line.len > len && line.base[len] == ':' && text_is_nocase(h2o_iovec_init(line.base, len), name);
}

static void count_header(struct head_counts *c, h2o_iovec_t line)
{
	switch (line.base[0] | 0x20) { /* most lines begin with another letter */
	case 'h': c->hosts += name_is(line, "host"); break;
	case 'c': c->lengths += name_is(line, "content-length"); break;
	case 't':
		if (!name_is(line, "transfer-encoding"))
			break;
		c->codings++;
		c->is_chunked = text_is_nocase(header_value(line, strlen("transfer-encoding")), "chunked");
		break;
	default: break;
	}
}

static const char *counts_problem(const struct head_counts *c, bool is_http_1_0)
{
	if (c->hosts > 1)
		return "more than one Host";
	if (c->hosts == 0 && !is_http_1_0)
		return "no Host";
	if (c->lengths > 1)
		return "more than one Content-Length";
	if (c->codings > 0 && (c->lengths > 0 || c->codings > 1 || is_http_1_0 || !c->is_chunked))
		return "a Transfer-Encoding that is not understood";
	return NULL;
}

const char *head_problem(h2o_iovec_t raw, bool is_http_1_0, bool *is_chunked)
{
	struct head_counts counts = {0};
	const char *at = raw.base, *end = raw.base + (raw.len < HEAD_SIZE_MAX ? raw.len : HEAD_SIZE_MAX);
	for (bool first = true; at < end; first = false) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));
		if (feed == NULL)
			break;
		if (feed == at || feed[-1] != '\r')
			return "a line that does not end in CR LF";
		h2o_iovec_t line = h2o_iovec_init((char *)at, (size_t)(feed - 1 - at));
		if (memchr(line.base, '\r', line.len) != NULL)
			return "a bare CR";
		at = feed + 1;
		if (line.len == 0 && !first) {
			if (is_chunked != NULL)
				*is_chunked = counts.is_chunked;
			return counts_problem(&counts, is_http_1_0);
		}
		if (line.len > 0 && (line.base[0] == ' ' || line.base[0] == '\t'))
			return "a folded header line";
		if (!first && line.len > 0)
			count_header(&counts, line);
	}
	return "the head is too large";
}
