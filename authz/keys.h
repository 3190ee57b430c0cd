/* SPDX-License-Identifier: Apache-2.0 */
/* The signing keys, sealed in the database and kept fresh from it: a key is published before it signs, and stays
 * published until the last token that it signed has expired. What the readers return lives as long as the pool that
 * they are given, whatever becomes of the keyring meanwhile. */
#ifndef SALLYPORT_KEYS_H
#define SALLYPORT_KEYS_H

#include "common/db.h"
#include "common/handle.h"
#include "common/jwk.h"
#include "common/server.h"

struct keyring;
struct notices;

/* An empty keyring. `token_lifetime`: seconds that a signed token lives at most. */
struct keyring *keyring_open(const struct handle_keys *secrets, int64_t token_lifetime);
void keyring_close(struct keyring *keyring);
/* The key that signs now; NULL while none has been loaded (answer 503). */
const struct jwk *keyring_signing_key(struct keyring *keyring, h2o_mem_pool_t *pool);
/* All published keys, to verify tokens of ours; NULL while none has been loaded. */
const struct jwk_set *keyring_public_keys(struct keyring *keyring, h2o_mem_pool_t *pool);
/* The JWKS document, prepared once per change; {NULL, 0} while none has been loaded. May be handed to reply_body. */
h2o_iovec_t keyring_jwks(struct keyring *keyring, h2o_mem_pool_t *pool);

/* The key of that name is published, but this process has not the secret that opens it: of its tokens it can say
 * nothing. */
bool keyring_is_closed(const struct keyring *keyring, h2o_iovec_t kid);

/* Asks the database on every notice of keys and every 15 s (every second while there are no keys), makes the first key
 * if there never was one, and a successor in time: `rotate` seconds (0: never) after a key began to sign, another one
 * takes its place that was published `announce` seconds before. */
void keyring_keep_fresh(struct keyring *keyring, struct db *db, struct server *server, struct notices *notices);
void keyring_rotate_by_age(struct keyring *keyring, int64_t rotate, int64_t announce);
/* Asks it now (SIGHUP). */
void keyring_refresh(struct keyring *keyring);
/* Another daemon may sign with a key that this one has not heard of yet: nobody may be told that such a token is none
 * of ours. Waits until the keys were read anew, by a question that is sent from now on and at most once a second; ends
 * the request with 503 if they cannot be read. */
step_result keyring_reread(struct request *r, struct keyring *keyring);
/* What is signed because of a notice shall not be signed with a key that the same notice ended: waits for a reading
 * that is under way, else STEP_NEXT. Ends the request as keyring_reread does. */
step_result keyring_await(struct request *r, struct keyring *keyring);

/* The first parameters of the functions that add a fresh ES256 key, in the pool. False if OpenSSL fails. */
enum { FIRST_KEY_PARAMS = 4 };
bool key_first_params(h2o_mem_pool_t *pool, const struct handle_keys *secrets,
                      struct db_param params[FIRST_KEY_PARAMS]);

#endif
