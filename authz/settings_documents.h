/* SPDX-License-Identifier: Apache-2.0 */
/* `client_documents` of authz.yaml: clients that are described by a document at the URL that is their id. */
#ifndef SALLYPORT_SETTINGS_DOCUMENTS_H
#define SALLYPORT_SETTINGS_DOCUMENTS_H

#include "authz/settings.h"

/* Reads the checked member of `values`; NULL, or one line in the pool that names file and member. */
const char *settings_documents_read(h2o_mem_pool_t *pool, const char *file, const json_t *values,
                                    struct client_document_settings *ret);

#endif
