/* SPDX-License-Identifier: Apache-2.0 */
/* DPoP at this server's own endpoints (RFC 9449, 5, 7 and 8): a request may show a key that its tokens are to be, or
 * are, bound to. */
#ifndef SALLYPORT_SHOWN_KEY_H
#define SALLYPORT_SHOWN_KEY_H

#include "authz/authz.h"
#include "common/secret.h"

struct shown_key {
	const char *thumbprint;      /* RFC 7638; NULL: the request shows no key */
	uint8_t digest[SHA256_SIZE]; /* of what must not come twice */
};
/* Reads the DPoP header of a request to {issuer}<path>. `token`: the access token that came with it; base NULL at the
 * token endpoint. STEP_NEXT also without the header. */
step_result shown_key_read(struct request *r, const char *path, h2o_iovec_t token, struct shown_key *ret);
/* Two steps' work: a proof counts once, at all processes. Without a proof nothing is asked. */
step_result shown_key_use(struct request *r, const struct shown_key *key);
step_result shown_key_check_use(struct request *r, const struct shown_key *key, bool at_resource);

#endif
