/* SPDX-License-Identifier: Apache-2.0 */
/* A message with the headers of its protocol: three lines of headers, then the body. */
#include <stdlib.h>
#include <string.h>

#include "mcp/methods.h"
#include "mcp/protocol/transport.h"

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static h2o_iovec_t take_line(h2o_iovec_t *rest)
{
	const char *end = rest->len > 0 ? memchr(rest->base, '\n', rest->len) : NULL;
	size_t len = end != NULL ? (size_t)(end - rest->base) : rest->len;
	h2o_iovec_t line = len > 0 ? h2o_iovec_init(rest->base, len) : (h2o_iovec_t){NULL, 0};
	rest->base += end != NULL ? len + 1 : len;
	rest->len -= end != NULL ? len + 1 : len;
	return line;
}

/* The id that goes back reads the same as the one that came. */
static void check_id(h2o_mem_pool_t *pool, h2o_iovec_t body, const struct rpc_message *message)
{
	const json_t *id = json_object_get(json_read(pool, body, NULL), "id");
	demand((id == NULL) == message->is_notification);
	demand((id == NULL) == (message->id.base == NULL));
	if (id == NULL)
		return;
	struct text_buffer wrapped = {.pool = pool};
	text_append_printf(&wrapped, "[%.*s]", (int)message->id.len, message->id.base);
	json_t *again = json_read(pool, h2o_iovec_init(wrapped.base, wrapped.len), NULL);
	demand(json_array_size(again) == 1 && json_equal(json_array_get(again, 0), id));
}

/* Members of a batch are the array's, each with its own bytes, and none is lost. */
static void check_batch(h2o_mem_pool_t *pool, h2o_iovec_t body)
{
	const json_t *array = json_read(pool, body, NULL);
	size_t at = 0, count = 0;
	h2o_iovec_t member;
	while (rpc_batch_next(body, &at, &member)) {
		struct text_buffer wrapped = {.pool = pool};
		text_append_str(&wrapped, "[");
		text_append_iovec(&wrapped, member);
		text_append_str(&wrapped, "]");
		json_t *again = json_read(pool, h2o_iovec_init(wrapped.base, wrapped.len), NULL);
		demand(json_array_size(again) == 1);
		demand(json_equal(json_array_get(again, 0), json_array_get(array, count++)));
	}
	demand(count == json_array_size(array));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_mem_pool_t pool;
	struct rpc_message message;
	struct rpc_problem problem = {0, NULL};
	h2o_mem_init_pool(&pool);
	h2o_iovec_t rest = h2o_iovec_init(data, size);
	struct transport_headers headers = {.version = take_line(&rest)};
	headers.method = take_line(&rest);
	headers.name = take_line(&rest);
	if (!rpc_read(&pool, rest, &message, &problem)) {
		demand(problem.text != NULL && problem.code != 0);
	} else if (message.is_batch) {
		check_batch(&pool, rest);
	} else {
		check_id(&pool, rest, &message);
		/* an envelope that was read before is read as the same again */
		demand(json_equal(message.params, json_object_get(json_read(&pool, rest, NULL), "params")) ||
		       message.params == NULL);
		const struct method *method = method_find(message.method);
		struct verdict verdict =
		    transport_classify(&pool, &headers, &message, method != NULL ? method->named_by : NULL);
		demand(verdict.fine ? verdict.era == ERA_LEGACY || verdict.era == ERA_MODERN : verdict.status == 400);
		/* what the modern era lets in, its headers have said too */
		demand(!verdict.fine || verdict.era != ERA_MODERN || text_equal(headers.method, message.method));
	}
	h2o_mem_clear_pool(&pool);
	return 0;
}
