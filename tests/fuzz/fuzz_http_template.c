/* SPDX-License-Identifier: Apache-2.0 */
/* Input: a template, a NUL, a value. Whatever the value is, what it makes of the path "/a/TEMPLATE/z" has the same
 * segments before and behind it, and no query; and a pointer (RFC 6901) made of either finds a place or none. */
#include <stdlib.h>
#include <string.h>

#include "common/json_pointer.h"
#include "common/uri.h"
#include "mcp/backend/http/http_template.h"

static void require(bool fine)
{
	if (!fine)
		abort();
}

static void check_path(h2o_mem_pool_t *pool, h2o_iovec_t template, const json_t *arguments)
{
	struct text_buffer text = {.pool = pool}, filled = {.pool = pool};
	const char *problem;
	struct uri uri;
	size_t slashes = 0, wanted = 2;

	text_append_str(&text, "/a/");
	text_append_iovec(&text, template);
	text_append_str(&text, "/z");
	for (size_t i = 0; i < template.len; i++)
		wanted += template.base[i] == '/';
	const struct http_path *path =
	    http_path_compile(pool, h2o_iovec_init(text.base, text.len), arguments, &problem);
	if (path == NULL) {
		require(problem != NULL);
		return;
	}
	require(http_path_segment_count(path) == wanted + 1);
	text_append_str(&filled, "https://example.com");
	if (http_path_append(&filled, path, arguments) != NULL)
		return;
	/* the file's own text has been checked at load; here it may be anything */
	if (!uri_parse(h2o_iovec_init(filled.base, filled.len), &uri) || uri.query.base != NULL || uri.has_fragment)
		return;
	require(text_is(uri.host, "example.com"));
	for (size_t i = 0; i < uri.path.len; i++)
		slashes += uri.path.base[i] == '/';
	require(slashes == wanted + 1);
	require(text_starts(uri.path, "/a/"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
	h2o_mem_pool_t pool;

	if (nul == NULL || size > 4096)
		return 0;
	h2o_mem_init_pool(&pool);
	h2o_iovec_t template = h2o_iovec_init((char *)data, (size_t)(nul - data));
	h2o_iovec_t value = h2o_iovec_init((char *)nul + 1, size - (size_t)(nul - data) - 1);
	json_t *arguments = json_keep(&pool, json_object()), *text = json_stringn(value.base, value.len);
	if (text != NULL && memchr(value.base, 0, value.len) == NULL) {
		json_object_set(arguments, "x", text);
		check_path(&pool, template, arguments);
	}
	json_decref(text);
	json_t *document = json_read(&pool, value, NULL);
	if (json_pointer_problem(template) == NULL && document != NULL)
		json_pointer_find(document, template);
	json_pointer_find(arguments, template);
	h2o_mem_clear_pool(&pool);
	return 0;
}
