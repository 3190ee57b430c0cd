/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/possession.h"

#include "common/clock.h"
#include "common/key_proof.h"
#include "mcp/caller/challenge.h"
#include "mcp/caller/used_proofs.h"

static step_result check_key(struct request *r, const uint8_t thumbprint[SHA256_SIZE], h2o_iovec_t token)
{
	const struct mcp *mcp = mcp_of(r);
	struct key_proof_rules rules = {
	    .url = mcp->settings.resource,
	    .keys = mcp->handle_keys,
	    .purpose = "mcp-dpop-nonce",
	    .nonce_required = mcp->settings.dpop_nonce_required,
	    .since = used_proofs_since(mcp->used_proofs),
	};
	struct dpop_proof proof;
	const char *why = NULL;

	switch (key_proof_read(r, &rules, token, &proof, &why)) {
	case KEY_PROOF_ABSENT: return challenge_proof(r, "there is no proof of the key");
	case KEY_PROOF_REFUSED: return challenge_proof(r, why);
	case KEY_PROOF_NEEDS_NONCE: return challenge_nonce(r);
	case KEY_PROOF_HOLDS: break;
	}
	if (!secret_equal(proof.thumbprint, thumbprint, SHA256_SIZE))
		return challenge_invalid(r, "the token is bound to another key");
	switch (used_proofs_add(mcp->used_proofs, proof.digest, clock_monotonic_ms())) {
	case PROOF_FIRST: return STEP_NEXT;
	case PROOF_AGAIN: return challenge_proof(r, "the proof was used before");
	case PROOF_NO_ROOM: break;
	}
	return fail(r, &TEMPORARILY_UNAVAILABLE, "more proofs came than can be remembered");
}

step_result possession_check(struct request *r, const struct confirmation *bound, bool with_key, h2o_iovec_t token)
{
	if (bound->by_certificate && !request_certificate_is(r, bound->certificate))
		return challenge_invalid(r, "the token is bound to a certificate that is not this connection's");
	if (bound->by_key != with_key) /* RFC 9449, 7.1 and 7.2 */
		return challenge_invalid(r, with_key ? "the token came with a proof of a key, and is bound to none"
		                                     : "the token is bound to a key, and came as a bearer token");
	return with_key ? check_key(r, bound->key, token) : STEP_NEXT;
}
