/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens of ours whose signature was verified: it need not be computed again while the keys are the same. A
 * bounded table by the SHA-256 of the token. Whether a token has expired or was revoked is not known here. */
#ifndef SALLYPORT_KNOWN_TOKENS_H
#define SALLYPORT_KNOWN_TOKENS_H

#include "authz/access_token.h"
#include "common/jwk.h"

struct known_tokens;

/* NULL is a table that is always empty: all functions take it. */
struct known_tokens *known_tokens_open(size_t capacity);
void known_tokens_close(struct known_tokens *known);

/* False if it is not known under these keys. The texts are copied to the request's pool. */
bool known_tokens_get(struct request *r, const struct jwk_set *keys, const uint8_t digest[SHA256_SIZE],
                      struct access_token *ret);
/* Remembers what a token whose signature these keys verify says. */
void known_tokens_put(struct request *r, const struct jwk_set *keys, const uint8_t digest[SHA256_SIZE],
                      const struct access_token *token);

#endif
