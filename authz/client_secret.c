/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/client_secret.h"

enum { KEY_SIZE = 32 };
static const char PURPOSE[] = "client-secrets";

void client_secret_seal(h2o_mem_pool_t *pool, const struct handle_keys *keys, struct client *c, const char *secret)
{
	uint8_t key[KEY_SIZE];

	if (!handle_keys_derive(keys, -1, PURPOSE, key, &c->sealed_with))
		h2o_fatal("no master secret");
	c->sealed_secret = secret_seal(pool, key, text_of(c->client_id), text_of(secret));
	secret_wipe(key, sizeof(key));
}

struct secret client_secret_open(struct request *r, const struct client_keys *client)
{
	struct secret secret = {NULL, 0};
	uint8_t key[KEY_SIZE];

	if (client->sealed_secret.base == NULL ||
	    !handle_keys_derive(authz_of(r)->handle_keys, client->sealed_with, PURPOSE, key, NULL))
		return secret;
	secret = secret_open(&r->pool, key, text_of(client->client_id), client->sealed_secret);
	secret_wipe(key, sizeof(key));
	return secret;
}
