/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as client metadata: what is accepted is shown, and what was shown is accepted again and shown the same. */
#include <stdlib.h>
#include <string.h>

#include "authz/client_metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(h2o_mem_pool_t *pool, const struct client *c, enum metadata_source source)
{
	struct client again;
	struct metadata_problem problem;
	json_t *shown = json_keep(pool, client_metadata_json(c, source));
	if (!client_metadata_read(pool, shown, source, &again, &problem))
		abort();
	again.origin = c->origin;
	json_t *shown_again = json_keep(pool, client_metadata_json(&again, source));
	if (!json_equal(shown, shown_again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	json_t *document = json_read(&pool, h2o_iovec_init(data, size), NULL);
	for (int source = METADATA_REGISTERED; document != NULL && source <= METADATA_ADMIN; source++) {
		struct client c;
		struct metadata_problem problem = {NULL, NULL};
		if (client_metadata_read(&pool, document, (enum metadata_source)source, &c, &problem))
			check_again(&pool, &c, (enum metadata_source)source);
		else if (problem.error == NULL || problem.text == NULL)
			abort();
	}
	h2o_mem_clear_pool(&pool);
	return 0;
}
