/* SPDX-License-Identifier: Apache-2.0 */
/* The DPoP header of a request (RFC 9449, 4.3), with the nonce that this server wants in it (8 and 9). */
#ifndef SALLYPORT_KEY_PROOF_H
#define SALLYPORT_KEY_PROOF_H

#include "dpop.h"
#include "handle.h"
#include "request.h"

struct key_proof_rules {
	const char *url;                /* of the endpoint */
	const struct handle_keys *keys; /* of the nonces, with their purpose */
	const char *purpose;
	bool nonce_required; /* else a proof without one must be of this minute */
	/* A proof that may have been used before then could be used again, for nobody remembers it: it needs a nonce
	 * that is not older. 0: none is ever forgotten. */
	int64_t since;
};
enum key_proof {
	KEY_PROOF_ABSENT,
	KEY_PROOF_HOLDS, /* whether it came before is for the caller to know */
	KEY_PROOF_REFUSED,
	KEY_PROOF_NEEDS_NONCE /* or a newer one */
};
/* `token`: the access token that came with it; base NULL if none belongs to it. *why is for the log. Where the client
 * should take another nonce, the answer gets the header DPoP-Nonce. */
enum key_proof key_proof_read(struct request *r, const struct key_proof_rules *rules, h2o_iovec_t token,
                              struct dpop_proof *ret, const char **why);

#endif
