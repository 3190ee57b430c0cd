/* SPDX-License-Identifier: Apache-2.0 */
/* The secret of a client_secret_jwt client: the one kind that this server must know, so it is kept sealed. */
#ifndef SALLYPORT_CLIENT_SECRET_H
#define SALLYPORT_CLIENT_SECRET_H

#include "authz/store.h"

/* Fills in sealed_secret and sealed_with; client_id must be set. */
void client_secret_seal(h2o_mem_pool_t *pool, const struct handle_keys *keys, struct client *c, const char *secret);
/* bytes NULL if the master secret is gone, or the sealed text is another client's. */
struct secret client_secret_open(struct request *r, const struct client_keys *client);

#endif
