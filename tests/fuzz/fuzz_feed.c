/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to a poll of the revocation feed, and the claims of a security event behind its signature: one line with
 * the jti of its delivery, then either. */
#include <stdlib.h>
#include <string.h>

#include "common/jws.h"
#include "mcp/caller/feed_event.h"

#define ISSUER "https://as.example"
#define RESOURCE "https://mcp.example/mcp"

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void check_event(bool fine, const struct feed_event *event, const char *why)
{
	demand(fine == (why == NULL));
	demand(event->kind >= FEED_NOTHING && event->kind <= FEED_EVERYTHING);
	bool has_id = event->kind != FEED_NOTHING && event->kind != FEED_EVERYTHING;
	demand(!fine || has_id == (event->id.len > 0));
	demand(event->id.len == 0 || strlen(event->id.base) == event->id.len);
}

static void try_answer(h2o_mem_pool_t *pool, h2o_iovec_t body)
{
	static const struct jwk_set no_keys;
	struct feed_answer answer;
	struct feed_event event;
	const char *why = NULL, *jti;
	json_t *set;

	if (!feed_answer_read(pool, body, &answer, &why)) {
		demand(why != NULL);
		return;
	}
	json_object_foreach ((json_t *)answer.sets, jti, set) {
		h2o_iovec_t text = h2o_iovec_init(json_string_value(set), json_string_length(set));
		why = NULL;
		demand(!feed_event_verify(pool, &no_keys, ISSUER, RESOURCE, text_of(jti), text, &event, &why));
		demand(why != NULL && event.kind == FEED_NOTHING);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	h2o_iovec_t text = h2o_iovec_init(text_copy(&pool, h2o_iovec_init(data, size)), size);
	char *end = size > 0 ? memchr(text.base, '\n', size) : NULL;
	size_t line = end != NULL ? (size_t)(end - text.base) : 0;
	h2o_iovec_t rest = end != NULL ? h2o_iovec_init(end + 1, size - line - 1) : text;
	struct feed_event event;
	const char *why = NULL;

	try_answer(&pool, rest);
	bool fine = feed_event_read(json_read(&pool, rest, NULL), ISSUER, RESOURCE, h2o_iovec_init(text.base, line),
	                            &event, &why);
	check_event(fine, &event, why);
	h2o_mem_clear_pool(&pool);
	return 0;
}
