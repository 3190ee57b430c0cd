/* SPDX-License-Identifier: Apache-2.0 */
/* A document from anywhere: whatever is made of it is a tool that loads, or a problem in words that can be shown. */
#include <stdlib.h>

#include "mcp/import/import.h"

static void check(h2o_mem_pool_t *pool, const struct import_operation *op)
{
	const char *said = op->problem != NULL ? op->problem : op->label;

	if (op->is_chosen && op->problem == NULL && op->text.len == 0)
		abort();
	if (text_has_invisible(text_of(said)) || import_find_invisible(pool, op->notes) != NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_mem_pool_t pool;
	struct import_run run = {.pool = &pool, .options = {.file = "f", .credential_file = "/f"}};
	const char *error = NULL;

	h2o_mem_init_pool(&pool);
	if (import_document_read(&pool, h2o_iovec_init((char *)data, size), "f", &run.document, &error) &&
	    import_all(&run, &error))
		for (size_t i = 0; i < run.count; i++)
			check(&pool, &run.operations[i]);
	h2o_mem_clear_pool(&pool);
	return 0;
}
