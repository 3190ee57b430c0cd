/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of client metadata as a JSON Schema: types, lengths, words, numbers of items. What depends on other
 * members, or on what a URI means, is client_metadata.c's. Both are parts of one validator (client_metadata.h). */
#ifndef SALLYPORT_CLIENT_METADATA_SCHEMA_H
#define SALLYPORT_CLIENT_METADATA_SCHEMA_H

#include "authz/client_metadata.h"

/* For people: what clients say of themselves, and what administrators say of them beside it. In the pool. */
json_t *client_metadata_document(h2o_mem_pool_t *pool);
/* Made ready at the first use, or earlier by this. */
void client_metadata_schema_prepare(void);
/* False and *problem ("contacts must be ...") if the document has another shape. */
bool client_metadata_has_shape(h2o_mem_pool_t *pool, const json_t *document, enum metadata_source source,
                               struct metadata_problem *problem);
/* NULL if absent; clients send null and "" for what they do not have. */
const json_t *client_metadata_member(const json_t *document, const char *name);

#endif
