/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/approval/approval_summary.h"

#include "common/encoding.h"
#include "common/secret.h"

enum { VALUE_MAX = 600, NAME_MAX_SHOWN = 80, ARGUMENTS_MAX = 40, ALL_MAX = 6000 };

struct summary {
	struct text_buffer text;
	size_t cut; /* characters and arguments that are not shown */
};

static size_t size_of(h2o_iovec_t text, size_t at)
{
	unsigned char c = (unsigned char)text.base[at];
	size_t size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	return size <= text.len - at ? size : text.len - at;
}

static uint32_t code_of(h2o_iovec_t one)
{
	static const unsigned char FIRST[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t code = (unsigned char)one.base[0] & FIRST[one.len];

	for (size_t i = 1; i < one.len; i++)
		code = code << 6 | ((unsigned char)one.base[i] & 0x3f);
	return code;
}

/* Of the text, so many bytes at most. */
static void append_visible(struct summary *s, h2o_iovec_t text, size_t max)
{
	size_t at = 0;

	for (size_t size; at < text.len && at < max && s->text.len < ALL_MAX; at += size) {
		size = size_of(text, at);
		h2o_iovec_t one = h2o_iovec_init(text.base + at, size);
		if (text_has_invisible(one))
			text_append_printf(&s->text, "<U+%04X>", code_of(one));
		else
			text_append_iovec(&s->text, one);
	}
	if (at == text.len)
		return;
	size_t left = text_code_points(h2o_iovec_init(text.base + at, text.len - at));
	text_append_printf(&s->text, " ... (%zu more characters)", left);
	s->cut += left;
}

static void append_arguments(struct summary *s, const json_t *arguments)
{
	size_t count = 0;
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)arguments, name, value) {
		if (count++ >= ARGUMENTS_MAX || s->text.len >= ALL_MAX)
			continue;
		text_append_str(&s->text, "\n- ");
		append_visible(s, text_of(name), NAME_MAX_SHOWN);
		text_append_str(&s->text, ": ");
		append_visible(s, json_text(s->text.pool, value), VALUE_MAX);
	}
	if (count == 0)
		text_append_str(&s->text, "\nIt takes no arguments.");
	if (count > ARGUMENTS_MAX || s->text.len >= ALL_MAX) {
		text_append_printf(&s->text, "\n... (%zu arguments in all)", count);
		s->cut++;
	}
}

const char *approval_summary(h2o_mem_pool_t *pool, const struct item *item, const json_t *arguments)
{
	struct summary s = {.text = {.pool = pool}};
	const char *title = item->title != NULL ? item->title : item->name;
	uint8_t digest[SHA256_SIZE];

	text_append_str(&s.text, "Approve this call?\n");
	append_visible(&s, text_of(title), VALUE_MAX);
	text_append_printf(&s.text, " (%s), a tool that %s\n", item->name,
	                   item->tier == TIER_DESTROY ? "deletes or overwrites"
	                   : item->tier == TIER_WRITE ? "changes something"
	                                              : "reads");
	append_arguments(&s, arguments);
	if (s.cut == 0)
		return s.text.base;
	sha256(json_canonical(pool, arguments), digest);
	text_append_printf(&s.text, "\n\nNot all of it is shown. SHA-256 of the arguments: %s",
	                   hex_encode(pool, digest, sizeof(digest)));
	return s.text.base;
}
