/* SPDX-License-Identifier: Apache-2.0 */
/* authorization_details of an authorization request: what is taken can be shown and has a digest, and is small. */
#include <stdlib.h>
#include <string.h>

#include "authz/authorization_details.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_mem_pool_t pool;
	struct authorization a = {.resource = "https://mcp.example/mcp"};

	h2o_mem_init_pool(&pool);
	const char *text = text_copy(&pool, h2o_iovec_init((char *)data, size));
	if (authorization_details_read(&pool, text, &a) == NULL) {
		const json_t *shown = json_read(&pool, text_of(a.details), NULL);
		const json_t *given = json_array_get(json_read(&pool, text_of(a.approval), NULL), 0);
		demand(json_is_object(json_object_get(shown, "arguments")));
		demand(text_equal(json_get_text(shown, "tool"), json_get_text(given, "tool")));
		demand(json_get_text(given, "arguments_digest").len == 43);
		demand(strlen(a.details) <= 16384 && strlen(a.approval) <= 4096);
	} else {
		demand(a.details == NULL && a.approval == NULL);
	}
	h2o_mem_clear_pool(&pool);
	return 0;
}
