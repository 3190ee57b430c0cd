/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/shown_key.h"

#include <string.h>

#include "authz/store.h"
#include "common/dpop_nonce.h"
#include "common/key_proof.h"
#include "common/log.h"

static step_result refuse(struct request *r, bool at_resource, const char *why)
{
	log_event(LOG_INFO, "proof of a key refused", "request", r->id, "reason", why, NULL);
	return fail(r, at_resource ? &DPOP_PROOF_REFUSED : &INVALID_DPOP_PROOF,
	            "the DPoP proof is not one for this request, or came before");
}

step_result shown_key_read(struct request *r, const char *path, h2o_iovec_t token, struct shown_key *ret)
{
	const struct authz *authz = authz_of(r);
	bool at_resource = token.base != NULL;
	struct key_proof_rules rules = {
	    .url = text_printf(&r->pool, "%s%s", authz->settings.issuer, path),
	    .keys = authz->handle_keys,
	    .purpose = "authz-dpop-nonce",
	    .nonce_required = authz->settings.dpop_nonce_required,
	};
	struct dpop_proof proof;
	const char *why = NULL;

	*ret = (struct shown_key){.thumbprint = NULL};
	switch (key_proof_read(r, &rules, token, &proof, &why)) {
	case KEY_PROOF_ABSENT: return STEP_NEXT;
	case KEY_PROOF_REFUSED: return refuse(r, at_resource, why);
	case KEY_PROOF_NEEDS_NONCE:
		return fail(r, at_resource ? &DPOP_NONCE_DEMANDED : &USE_DPOP_NONCE,
		            "the DPoP proof must have the nonce that comes with this answer");
	case KEY_PROOF_HOLDS: break;
	}
	ret->thumbprint = proof.thumbprint_text;
	memcpy(ret->digest, proof.digest, SHA256_SIZE);
	return STEP_NEXT;
}

step_result shown_key_use(struct request *r, const struct shown_key *key)
{
	if (key->thumbprint == NULL)
		return STEP_NEXT;
	return store_proof_use(r, key->digest, DPOP_NONCE_LIFETIME_S);
}

step_result shown_key_check_use(struct request *r, const struct shown_key *key, bool at_resource)
{
	if (key->thumbprint == NULL || store_read_proof_use(r))
		return STEP_NEXT;
	return refuse(r, at_resource, "it was used before");
}
