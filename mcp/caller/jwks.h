/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of the authorization server: its metadata (RFC 8414) is read once the process starts and again every few
 * minutes, and its key set with it. The last good set stays when a refresh fails, for a day at most. Nothing of a token
 * decides what is fetched. */
#ifndef SALLYPORT_MCP_JWKS_H
#define SALLYPORT_MCP_JWKS_H

#include "common/egress.h"
#include "common/jwk.h"

struct jwks;
/* Starts the first fetch. `issuer` must live as long. Without `with_keys` the metadata alone is read, and jwks_current
 * stays NULL. */
struct jwks *jwks_open(struct egress *egress, const char *issuer, bool with_keys);
void jwks_close(struct jwks *jwks);
/* Once a second: refreshes when it is time, or when somebody waits. */
void jwks_tick(void *jwks);
/* NULL while there is no set that may be believed. Valid until the loop turns. */
const struct jwk_set *jwks_current(const struct jwks *jwks);
/* NULL as jwks_current. */
const char *jwks_introspection_url(const struct jwks *jwks);
/* NULL as jwks_current, and if the authorization server has none. */
const char *jwks_revocation_feed_url(const struct jwks *jwks);
/* Both documents are read again as soon as can be. */
void jwks_read_again(struct jwks *jwks);
/* When the set was read (clock_monotonic_ms): what was signed later may have a key that it does not have yet. */
int64_t jwks_read_ms(const struct jwks *jwks);
/* For a token whose key is unknown, or while there is no set: STEP_WAIT for a refresh (one at a time, with a known set
 * at most one in a second or two); the request's next step runs when it ended, well or not. STEP_NEXT if there is no
 * set and one was asked for in vain just now. */
step_result jwks_refresh(struct jwks *jwks, struct request *r);

#endif
