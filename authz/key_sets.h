/* SPDX-License-Identifier: Apache-2.0 */
/* The public keys of clients, ready for use: those that a client registered (`jwks`), and those that it publishes
 * (`jwks_uri`), which are fetched through the guarded door. A bounded cache: reading an RSA key costs milliseconds. */
#ifndef SALLYPORT_KEY_SETS_H
#define SALLYPORT_KEY_SETS_H

#include "authz/store.h"
#include "common/egress.h"
#include "common/jwk.h"

enum { CLIENT_KEYS_MAX = 16, CLIENT_KEYS_SIZE_MAX = 65536 };

struct key_set {
	const struct jwk_set *keys;
	uint8_t (*certificates)[SHA256_SIZE]; /* digests of the first certificate of each x5c (RFC 7517, 4.7) */
	size_t certificate_count;
};

/* NULL and *error (in the pool or static) if the document is no set of public keys that a client may have: a secret or
 * private member, a key that is none, more than CLIENT_KEYS_MAX. `rsa` as in jwk_set_read_own. */
struct key_set *key_set_read(h2o_mem_pool_t *pool, const json_t *document, enum jws_algorithm rsa, const char **error);

struct key_sets;
struct key_sets *key_sets_open(struct egress *egress);
/* The egress must be closed before. */
void key_sets_close(struct key_sets *sets);

/* Before key_sets_find: STEP_WAIT while the client's keys are fetched, since there are none yet or they are too old;
 * the next step runs whether or not that succeeds. */
step_result key_sets_prepare(struct key_sets *sets, struct request *r, const struct client_keys *client);
/* NULL if no keys are known. Valid until the loop turns. */
const struct key_set *key_sets_find(struct key_sets *sets, const struct client_keys *client);
/* For a key that the set does not have: STEP_WAIT if the client publishes its keys and they were not asked for within
 * the last minute; the next step runs whether or not that succeeds. STEP_NEXT if there is nothing to wait for. */
step_result key_sets_refresh(struct key_sets *sets, struct request *r, const struct client_keys *client);
/* The client publishes its keys and did not give them when they were asked for last: one that is not among those of
 * before may be a new one. */
bool key_sets_are_in_doubt(struct key_sets *sets, const struct client_keys *client);

#endif
