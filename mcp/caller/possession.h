/* SPDX-License-Identifier: Apache-2.0 */
/* Whether who presents a token is whom it is bound to: a certificate (RFC 8705, 3), a key (RFC 9449, 7), both, or
 * nobody. */
#ifndef SALLYPORT_MCP_POSSESSION_H
#define SALLYPORT_MCP_POSSESSION_H

#include "common/confirmation.h"
#include "mcp/mcp.h"

enum {
	/* proofs of keys that one process takes in three minutes: 64 MiB at most, for what is remembered of them */
	USED_PROOFS_MAX = 1 << 20
};

/* `with_key`: the token came with the scheme DPoP. STEP_NEXT, or the request has ended with a challenge. A proof is
 * used up by it: once for each request. */
step_result possession_check(struct request *r, const struct confirmation *bound, bool with_key, h2o_iovec_t token);

#endif
