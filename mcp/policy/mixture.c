/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/policy/mixture.h"

#include <string.h>

enum { NAMED_MAX = 6 };

typedef bool is_one_fn(const struct item *item);

/* Of a prompt, what is untrusted is what its own person fills in. */
static bool brings_strangers(const struct item *item)
{
	return item->untrusted && !item->outside && item->kind != ITEM_PROMPT;
}

static bool sends(const struct item *item)
{
	return item->sends && !item->outside;
}

/* "a (by scope x), b (by scope y) and 3 more"; how many. */
static size_t append_names(struct text_buffer *b, const struct catalogue *c, is_one_fn *is_one)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++) {
		const struct item *item = c->items[i];
		if (!is_one(item) || count++ >= NAMED_MAX)
			continue;
		text_append_printf(b, "%s%s (%s)", count > 1 ? ", " : "", item->key, item->scope);
	}
	if (count > NAMED_MAX)
		text_append_printf(b, " and %zu more", count - NAMED_MAX);
	return count;
}

/* A scope that opens both. */
static const char *common_scope(const struct catalogue *c)
{
	for (size_t i = 0; i < c->count; i++)
		for (size_t j = 0; sends(c->items[i]) && j < c->count; j++)
			if (brings_strangers(c->items[j]) && strcmp(c->items[i]->scope, c->items[j]->scope) == 0)
				return c->items[i]->scope;
	return NULL;
}

const char *mixture_words(h2o_mem_pool_t *pool, const struct catalogue *catalogue)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "text of strangers comes by ");
	if (append_names(&b, catalogue, brings_strangers) == 0)
		return NULL;
	text_append_str(&b, ", and text goes out by ");
	if (append_names(&b, catalogue, sends) == 0)
		return NULL;
	const char *scope = common_scope(catalogue);
	text_append_printf(&b, ": %s%s can be led to send away what the caller can read",
	                   scope != NULL ? "every client with the scope " : "a client that has the scopes of both",
	                   scope != NULL ? scope : "");
	return b.base;
}
