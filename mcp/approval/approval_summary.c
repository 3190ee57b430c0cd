/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/approval/approval_summary.h"

#include "common/encoding.h"
#include "common/secret.h"

enum { VALUE_MAX = 600, NAME_MAX_SHOWN = 80, ARGUMENTS_MAX = 40, ALL_MAX = 6000 };

struct summary {
	struct text_buffer text;
	size_t cut; /* characters and arguments that are not shown */
};

/* Of the text, so many bytes at most. */
static void append_visible(struct summary *s, h2o_iovec_t text, size_t max)
{
	size_t room = s->text.len < ALL_MAX ? ALL_MAX - s->text.len : 0;
	h2o_iovec_t shown = text_beginning(text, max < room ? max : room);

	text_append_visible(&s->text, shown);
	if (shown.len == text.len)
		return;
	size_t left = text_code_points(h2o_iovec_init(text.base + shown.len, text.len - shown.len));
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
