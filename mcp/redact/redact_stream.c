/* SPDX-License-Identifier: Apache-2.0 */
/* Text in pieces: whole lines go out, for nothing that is looked for but a PEM key goes over the end of one. */
#include <string.h>

#include "mcp/redact/redact_internal.h"

static const char KEY_BEGIN[] = "-----BEGIN ", KEY_END[] = "-----END ", PRIVATE[] = "PRIVATE KEY";

void redact_stream_open(struct redact_stream *stream, h2o_mem_pool_t *pool, const struct redact_rules *rules,
                        struct redact_counts *counts)
{
	*stream = (struct redact_stream){.rules = rules, .counts = counts, .held = {.pool = pool}};
}

static void drop(struct redact_stream *stream, size_t len)
{
	if (len == 0) /* there may be no memory yet */
		return;
	memmove(stream->held.base, stream->held.base + len, stream->held.len - len);
	stream->held.len -= len;
}

/* The beginning of a private key in the first `len` bytes whose end is not among them; `len` if there is none. */
static size_t open_key(const struct redact_stream *stream, size_t len)
{
	const char *text = stream->held.base, *last = NULL, *p = text;

	if (len == 0)
		return 0;
	while ((p = memmem(p, len - (size_t)(p - text), KEY_BEGIN, sizeof(KEY_BEGIN) - 1)) != NULL)
		last = p++;
	if (last == NULL)
		return len;
	size_t at = (size_t)(last - text), label = len - at < 96 ? len - at : 96;
	if (memmem(last, label, PRIVATE, sizeof(PRIVATE) - 1) == NULL ||
	    memmem(last, len - at, KEY_END, sizeof(KEY_END) - 1) != NULL)
		return len;
	return at;
}

/* How much may go out: up to the last line break; a line without an end goes out in parts, which break where a word
 * does, as far as there is such a place. */
static size_t ready(const struct redact_stream *stream)
{
	const struct text_buffer *held = &stream->held;
	const char *end = held->len > 0 ? memrchr(held->base, '\n', held->len) : NULL;

	if (end != NULL)
		return open_key(stream, (size_t)(end - held->base) + 1);
	if (held->len < REDACT_LINE_MAX)
		return 0;
	size_t cut = held->len - REDACT_CARRY, least = cut - cut / 2;
	while (cut > least && memchr(",;{}<>|\t\"", held->base[cut - 1], 9) == NULL)
		cut--;
	if (cut == least)
		cut = held->len - REDACT_CARRY;
	while (cut > 0 && ((unsigned char)held->base[cut] & 0xc0) == 0x80)
		cut--;
	return open_key(stream, cut);
}

/* Behind a key that began before: everything up to the line of its end is part of it. */
static void skip_key(struct redact_stream *stream, bool is_last)
{
	struct text_buffer *held = &stream->held;
	const char *end = held->len > 0 ? memmem(held->base, held->len, KEY_END, sizeof(KEY_END) - 1) : NULL;
	const char *line = end != NULL ? memchr(end, '\n', held->len - (size_t)(end - held->base)) : NULL;

	if (line != NULL) {
		stream->in_key = false;
		drop(stream, (size_t)(line - held->base));
	} else if (is_last) {
		drop(stream, held->len);
	} else if (end == NULL && held->len > sizeof(KEY_END)) {
		drop(stream, held->len - sizeof(KEY_END));
	}
}

static h2o_iovec_t give_out(struct redact_stream *stream, h2o_mem_pool_t *pool, size_t len)
{
	h2o_iovec_t text = h2o_iovec_init(h2o_mem_alloc_pool(pool, len + 1), len);

	if (len > 0)
		memcpy(text.base, stream->held.base, len);
	drop(stream, len);
	return redact_text(pool, stream->rules, text, stream->counts);
}

/* A key whose end does not come is not held for ever: its mark goes out, and what follows is skipped. */
static void leave_key(struct redact_stream *stream, struct text_buffer *out)
{
	size_t open = open_key(stream, stream->held.len);

	if (stream->held.len < REDACT_LINE_MAX || open == stream->held.len ||
	    (stream->rules->allowed & 1U << REDACT_PRIVATE_KEY) != 0)
		return;
	h2o_iovec_t before = give_out(stream, out->pool, open);
	text_append_iovec(out, before);
	text_append_printf(out, "[redacted: %s]", redact_kind_name(REDACT_PRIVATE_KEY));
	stream->counts->of[REDACT_PRIVATE_KEY]++;
	stream->in_key = true;
}

h2o_iovec_t redact_stream_feed(struct redact_stream *stream, h2o_mem_pool_t *pool, h2o_iovec_t bytes)
{
	struct text_buffer out = {.pool = pool};

	text_append(&stream->held, bytes.base, bytes.len);
	if (stream->in_key)
		skip_key(stream, false);
	if (stream->in_key)
		return h2o_iovec_init("", 0);
	text_append_iovec(&out, give_out(stream, pool, ready(stream)));
	leave_key(stream, &out);
	if (stream->in_key)
		skip_key(stream, false);
	return h2o_iovec_init(out.base != NULL ? out.base : "", out.len);
}

h2o_iovec_t redact_stream_end(struct redact_stream *stream, h2o_mem_pool_t *pool)
{
	if (stream->in_key)
		skip_key(stream, true);
	return give_out(stream, pool, stream->held.len);
}
