/* SPDX-License-Identifier: Apache-2.0 */
/* Polls for security events: whatever is read as a position, is one that comes back the same. */
#include <stdlib.h>

#include "authz/poll_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_mem_pool_t pool;
	struct poll_request request;
	struct feed_position again;
	json_t *body;

	h2o_mem_init_pool(&pool);
	body = json_read(&pool, h2o_iovec_init((char *)data, size), NULL);
	if (body != NULL && poll_request_read(&pool, body, &request) == NULL && request.has_position) {
		const char *text = feed_position_text(&pool, &request.position);
		if (!feed_position_read(&pool, text_of(text), &again))
			abort();
	}
	feed_position_read(&pool, h2o_iovec_init((char *)data, size), &again);
	h2o_mem_clear_pool(&pool);
	return 0;
}
