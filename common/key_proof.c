/* SPDX-License-Identifier: Apache-2.0 */
#include "key_proof.h"

#include "clock.h"
#include "dpop_nonce.h"
#include "jws.h"
#include "reply.h"

/* A nonce of ours is the better clock: without one, iat must do. */
static enum key_proof judge_nonce(struct request *r, const struct key_proof_rules *rules,
                                  const struct dpop_proof *proof, const char **why)
{
	int64_t now = clock_now();

	bool iat_decides = proof->nonce.base == NULL && !rules->nonce_required;
	if (iat_decides && !dpop_is_fresh(proof)) {
		*why = "the proof is too old or of the future";
		return KEY_PROOF_REFUSED;
	}
	if (iat_decides && rules->since == 0)
		return KEY_PROOF_HOLDS;
	/* before that it would have been of the future */
	if (iat_decides && now - proof->age_s >= rules->since + CLOCK_SKEW_S)
		return KEY_PROOF_HOLDS;
	enum dpop_nonce nonce = dpop_nonce_judge(rules->keys, rules->purpose, proof->nonce, now, rules->since);
	if (nonce != NONCE_FRESH)
		reply_header(
		    r, "dpop-nonce",
		    dpop_nonce_make(&r->pool, rules->keys, rules->purpose, now > rules->since ? now : rules->since));
	*why = "the proof has no nonce, or not a living one";
	return nonce != NONCE_REFUSED ? KEY_PROOF_HOLDS : KEY_PROOF_NEEDS_NONCE;
}

enum key_proof key_proof_read(struct request *r, const struct key_proof_rules *rules, h2o_iovec_t token,
                              struct dpop_proof *ret, const char **why)
{
	bool repeats;
	h2o_iovec_t text = request_header(r, "dpop", &repeats);
	struct dpop_request request = {
	    .method = text_copy(&r->pool, r->method), .url = rules->url, .token = token, .now = clock_now()};

	if (text.base == NULL)
		return KEY_PROOF_ABSENT;
	*why = repeats ? "there is more than one proof" : dpop_verify(&r->pool, text, &request, ret);
	return *why != NULL ? KEY_PROOF_REFUSED : judge_nonce(r, rules, ret, why);
}
