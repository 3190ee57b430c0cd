/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/command/command_output.h"

#include <string.h>

#include "mcp/guard/untrusted.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* ---- UTF-8 ---- */

/* Bytes of the character that begins so; 0: none does. */
static size_t character_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t command_whole_characters(h2o_iovec_t bytes)
{
	size_t back = 1;

	while (back <= 3 && back <= bytes.len && ((unsigned char)bytes.base[bytes.len - back] & 0xc0) == 0x80)
		back++;
	if (back > bytes.len || back > 4)
		return bytes.len;
	size_t length = character_length((unsigned char)bytes.base[bytes.len - back]);
	return length > back ? bytes.len - back : bytes.len;
}

h2o_iovec_t command_text(h2o_mem_pool_t *pool, h2o_iovec_t bytes)
{
	struct text_buffer b = {.pool = pool};
	size_t from = 0, at = 0;

	if (text_is_utf8(bytes))
		return bytes;
	while (at < bytes.len) {
		size_t length = character_length((unsigned char)bytes.base[at]);
		bool fine =
		    length > 0 && length <= bytes.len - at && text_is_utf8(h2o_iovec_init(bytes.base + at, length));
		if (fine) {
			at += length;
			continue;
		}
		text_append(&b, bytes.base + from, at - from);
		text_append_str(&b, REPLACEMENT);
		from = ++at;
	}
	text_append(&b, bytes.base + from, at - from);
	return h2o_iovec_init(b.base, b.len);
}

/* ---- shapes ---- */

static h2o_iovec_t shown(h2o_mem_pool_t *pool, const struct command_plan *plan, h2o_iovec_t text)
{
	return plan->untrusted ? untrusted_wrap(pool, text) : text;
}

static void take_text(h2o_mem_pool_t *pool, const struct command_plan *plan, h2o_iovec_t text, bool cut,
                      struct outcome *ret)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "[{\"type\":\"text\",\"text\":");
	text_append_json(&b, shown(pool, plan, text));
	if (cut)
		text_append_printf(
		    &b, "},{\"type\":\"text\",\"text\":\"There was more: the output was cut after %zu bytes.\"",
		    plan->bytes);
	text_append_str(&b, "}]");
	ret->content = h2o_iovec_init(b.base, b.len);
}

static bool take_structured(h2o_mem_pool_t *pool, const struct command_plan *plan, json_t *value, struct outcome *ret)
{
	ret->structured = json_text(pool, value);
	ret->content = answer_text_content(pool, shown(pool, plan, ret->structured));
	return true;
}

/* structuredContent is an object for clients of the revisions before 2026-07-28. */
static bool take_json(h2o_mem_pool_t *pool, const struct command_plan *plan, h2o_iovec_t text, struct outcome *ret)
{
	json_t *value = json_read(pool, text, NULL);

	if (value == NULL)
		return false;
	if (!json_is_object(value))
		value = json_keep(pool, json_pack("{s:O}", "result", value));
	return take_structured(pool, plan, value, ret);
}

/* A line that was cut is left out. */
static bool take_lines(h2o_mem_pool_t *pool, const struct command_plan *plan, h2o_iovec_t text, bool cut,
                       struct outcome *ret)
{
	json_t *lines = json_array();
	const char *at = text.base, *end = text.base + text.len;

	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop != NULL ? stop : end) - at);
		if (stop == NULL && cut)
			break;
		json_array_append_new(lines, json_stringn(at, len > 0 && at[len - 1] == '\r' ? len - 1 : len));
		at += stop != NULL ? len + 1 : len;
	}
	ret->rows = json_array_size(lines);
	return take_structured(pool, plan,
	                       json_keep(pool, json_pack("{s:o, s:b}", "lines", lines, "truncated", (int)cut)), ret);
}

bool command_outcome(h2o_mem_pool_t *pool, const struct command_plan *plan, h2o_iovec_t output, bool cut,
                     struct outcome *ret)
{
	*ret = (struct outcome){.rows = 1};
	if (plan->untrusted)
		ret->meta = text_of(UNTRUSTED_META);
	if (cut)
		output.len = command_whole_characters(output);
	if (plan->output == COMMAND_JSON)
		return !cut && take_json(pool, plan, output, ret);
	h2o_iovec_t text = command_text(pool, output);
	if (plan->output == COMMAND_LINES)
		return take_lines(pool, plan, text, cut, ret);
	take_text(pool, plan, text, cut, ret);
	return true;
}
