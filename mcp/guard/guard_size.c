/* SPDX-License-Identifier: Apache-2.0 */
/* One bound for all kinds of content, and for all of a result together (O-5). The common case is one comparison; what
 * is too large is taken apart. */
#include <string.h>

#include "mcp/guard/guard.h"

enum { WORDS = 256 /* bytes for what is said instead of what is left out */ };

struct budget {
	h2o_mem_pool_t *pool;
	size_t left, all;
};

/* The beginning of the last line if it is the end mark of untrusted_wrap, with the line break; else the end. */
static size_t mark_at(h2o_iovec_t text)
{
	const char *line = memrchr(text.base, '\n', text.len);
	size_t at = line != NULL ? (size_t)(line - text.base) : 0, len = text.len - at;

	if (line == NULL || len < 5 || !text_starts(h2o_iovec_init(line + 1, len - 1), "untrusted-") ||
	    memcmp(text.base + text.len - 3, ">>>", 3) != 0)
		return text.len;
	/* ours only if it has its beginning: nothing else that looks like it is left in the text */
	h2o_iovec_t mark = h2o_iovec_init(line + 1, len - 4);
	return memmem(text.base, at, mark.base, mark.len) != NULL ? at : text.len;
}

/* Where the text, written as a string of JSON, has so many bytes. */
static size_t written_end(h2o_iovec_t text, size_t bytes)
{
	size_t at = 0;

	for (size_t written = 0; at < text.len; at++) {
		unsigned char c = (unsigned char)text.base[at];
		written += c < 0x20 ? (c == '\n' || c == '\t' || c == '\r' ? 2 : 6) : c == '"' || c == '\\' ? 2 : 1;
		if (written > bytes)
			break;
	}
	return at;
}

static h2o_iovec_t cut(struct budget *budget, h2o_iovec_t text)
{
	struct text_buffer b = {.pool = budget->pool};
	size_t end = mark_at(text), tail = text.len - end;
	size_t keep = written_end(text, budget->left > tail + WORDS ? budget->left - tail - WORDS : 0);

	keep = keep < end ? keep : end;
	while (keep > 0 && ((unsigned char)text.base[keep] & 0xC0) == 0x80)
		keep--;
	/* not in the notice or the mark that stand before the text */
	const char *mark = tail > 0 ? memmem(text.base, end, text.base + end + 1, tail - 4) : NULL;
	size_t least = mark != NULL ? (size_t)(mark - text.base) + tail - 4 + 1 : 0;
	text_append(&b, text.base, keep > least ? keep : least);
	text_append(&b, text.base + end, tail);
	text_append_printf(&b, "\n(Cut: the text has %zu bytes, and a result at most %zu. Ask for less.)", text.len,
	                   budget->all);
	return h2o_iovec_init(b.base, b.len);
}

/* As large as JSON can make it: every byte escaped would be six, which is not counted twice here. */
static size_t json_size(const json_t *value)
{
	return json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
}

static void take(struct budget *budget, size_t size)
{
	budget->left = size < budget->left ? budget->left - size : 0;
}

/* A content of a resource keeps its address. */
static void say_instead(json_t *block, const char *words)
{
	json_t *uri = json_incref(json_object_get(block, "uri"));

	json_object_clear(block);
	if (uri != NULL)
		json_object_set_new(block, "uri", uri);
	else
		json_object_set_new(block, "type", json_string("text"));
	json_object_set_new(block, "text", json_string(words));
}

static void leave_out(json_t *block, size_t size)
{
	const char *type = json_string_value(json_object_get(block, "type"));
	char words[WORDS];

	snprintf(words, sizeof(words), "(Left out: %.32s of %zu bytes, more than a result may have.)",
	         type != NULL ? type : "data", size);
	say_instead(block, words);
}

/* Of many parts, those from this one on: not each says so. */
static void leave_out_rest(json_t *content, size_t from)
{
	json_t *block = json_array_get(content, from), *inner = json_object_get(block, "content");
	char words[WORDS];

	snprintf(words, sizeof(words), "(Left out: %zu more parts than a result may have.)",
	         json_array_size(content) - from);
	say_instead(json_is_object(inner) ? inner : block, words);
	while (json_array_size(content) > from + 1)
		json_array_remove(content, json_array_size(content) - 1);
}

/* A content block, a content of a resource, or a message of a prompt. */
static void fit(struct budget *budget, json_t *block)
{
	json_t *inner = json_object_get(block, "content"), *text = json_object_get(block, "text");
	size_t size = json_size(block);

	if (json_is_object(inner)) {
		fit(budget, inner);
		return;
	}
	if (size <= budget->left) {
		take(budget, size);
		return;
	}
	if (json_is_string(text)) {
		h2o_iovec_t kept = cut(budget, h2o_iovec_init(json_string_value(text), json_string_length(text)));
		json_object_set_new(block, "text", json_stringn(kept.base, kept.len));
	} else {
		leave_out(block, size);
	}
	take(budget, json_size(block));
}

bool guard_size(h2o_mem_pool_t *pool, size_t bytes, struct outcome *outcome)
{
	json_t *content, *block;
	size_t i;

	size_t rest = outcome->structured.len + outcome->meta.len; /* none of it can be cut */

	if (bytes == 0 || (rest <= bytes && outcome->content.len <= bytes - rest))
		return true;
	if (rest > bytes)
		return false;
	content = json_keep(pool, json_loadb(outcome->content.base, outcome->content.len, 0, NULL));
	if (!json_is_array(content))
		return false;
	struct budget budget = {.pool = pool, .left = bytes - rest, .all = bytes};
	json_array_foreach (content, i, block) {
		if (budget.left < WORDS && i > 0)
			break;
		fit(&budget, block);
	}
	if (i < json_array_size(content))
		leave_out_rest(content, i);
	outcome->content = json_text(pool, content);
	return true;
}
