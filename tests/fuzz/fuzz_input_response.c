/* SPDX-License-Identifier: Apache-2.0 */
/* What a client answers when it is asked: a letter for the method, a line with the params, then the result. */
#include <stdlib.h>
#include <string.h>

#include "mcp/call/input_response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size > 1 ? memchr(data + 1, '\n', size - 1) : NULL;
	h2o_mem_pool_t pool;

	if (line == NULL)
		return 0;
	h2o_mem_init_pool(&pool);
	const char *method = data[0] == 'e'   ? "elicitation/create"
	                     : data[0] == 's' ? "sampling/createMessage"
	                                      : "roots/list";
	const json_t *params = json_read(&pool, h2o_iovec_init(data + 1, (size_t)(line - data) - 1), NULL);
	const json_t *result = json_read(&pool, h2o_iovec_init(line + 1, (size_t)(data + size - line) - 1), NULL);
	const char *problem = input_response_problem(&pool, method, params, result);
	if (problem == NULL && !json_is_object(result))
		abort();
	h2o_mem_clear_pool(&pool);
	return 0;
}
