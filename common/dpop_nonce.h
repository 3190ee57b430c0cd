/* SPDX-License-Identifier: Apache-2.0 */
/* Nonces that a server demands in DPoP proofs (RFC 9449, 8 and 9): nothing is kept of them. A nonce is the number of a
 * second with a MAC under a key of the master secrets, so that all processes and replicas that share these agree. */
#ifndef SALLYPORT_DPOP_NONCE_H
#define SALLYPORT_DPOP_NONCE_H

#include "handle.h"

/* A nonce is good for two minutes; also in the one before, for a replica whose clock is ahead. So a proof with it must
 * be remembered for that long. */
enum { DPOP_NONCE_PERIOD_S = 60, DPOP_NONCE_LIFETIME_S = 3 * DPOP_NONCE_PERIOD_S };

/* `purpose` tells the nonces of one server's endpoints from another's. In the pool. */
char *dpop_nonce_make(h2o_mem_pool_t *pool, const struct handle_keys *keys, const char *purpose, int64_t now);
enum dpop_nonce {
	NONCE_REFUSED, /* not ours, or too old */
	NONCE_AGEING,  /* good, but the client should take a newer one */
	NONCE_FRESH
};
/* `since`: one that is older has been good before anybody here could remember its proofs; 0: all are remembered. */
enum dpop_nonce dpop_nonce_judge(const struct handle_keys *keys, const char *purpose, h2o_iovec_t nonce, int64_t now,
                                 int64_t since);

#endif
