/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs that this daemon verifies itself: signed assertions and TLS certificates. What the client registered is read
 * first (one round trip that Basic, a secret in the form and public clients do not need); the verdict then compares
 * the digest of what was verified against, so that it holds for no other keys. */
#ifndef SALLYPORT_CLIENT_PROOF_H
#define SALLYPORT_CLIENT_PROOF_H

#include "authz/assertion.h"
#include "authz/shown_key.h"
#include "authz/store.h"

struct client_guard {              /* r->caller of a CLIENT row */
	struct client_proof proof; /* first: client_of */
	enum { PROOF_READ /* the verdict compares it */, PROOF_ASSERTION, PROOF_CERTIFICATE } kind;
	h2o_iovec_t text; /* the assertion */
	struct assertion_peek peek;
	struct assertion assertion;
	struct client_keys keys;
	bool verified;
	struct shown_key key; /* at /token: what client_of(r)->key_thumbprint is of */
};

/* Steps behind the one that read the request; each lets PROOF_READ pass. */
step_result client_proof_take_keys(struct request *r);
step_result client_proof_verify(struct request *r);
step_result client_proof_verify_again(struct request *r);
step_result client_proof_use(struct request *r);
step_result client_proof_check_use(struct request *r);

#endif
