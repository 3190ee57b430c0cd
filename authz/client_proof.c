/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/client_proof.h"

#include <string.h>

#include "authz/client_certificate.h"
#include "authz/client_secret.h"
#include "authz/key_sets.h"
#include "authz/token_client.h"
#include "common/clock.h"
#include "common/jws.h"
#include "common/log.h"
#include "common/service_token.h"

enum finding { PROOF_HOLDS, PROOF_FAILS, PROOF_KEY_UNKNOWN, PROOF_NO_KEYS, PROOF_NO_SECRET };

/* ---- assertions ---- */

static const json_t *open_mac(struct request *r, const struct client_guard *g, enum finding *finding, const char **why)
{
	struct secret secret = client_secret_open(r, &g->keys);

	*finding = secret.bytes != NULL ? PROOF_FAILS : PROOF_NO_SECRET;
	return secret.bytes != NULL ? service_token_open(&r->pool, secret, g->text, why) : NULL;
}

static const json_t *open_signature(struct request *r, const struct client_guard *g, enum finding *finding,
                                    const char **why)
{
	const struct key_set *set = key_sets_find(authz_of(r)->key_sets, &g->keys);
	bool key_unknown;

	*finding = set != NULL ? PROOF_FAILS : PROOF_NO_KEYS;
	*why = "the registered algorithm is another one";
	if (set == NULL || (g->keys.algorithm != NULL && strcmp(g->keys.algorithm, g->peek.algorithm) != 0))
		return NULL;
	const json_t *claims = jws_verify_own(&r->pool, set->keys, ASSERTION_JWT_TYPS, g->text, &key_unknown, why);
	if (key_unknown)
		*finding = PROOF_KEY_UNKNOWN;
	return claims;
}

static enum finding judge_assertion(struct request *r, struct client_guard *g, const char **why)
{
	enum finding finding = PROOF_FAILS;
	const json_t *claims = g->peek.is_mac ? open_mac(r, g, &finding, why) : open_signature(r, g, &finding, why);

	if (claims == NULL)
		return finding;
	*why = assertion_problem(claims, g->keys.client_id, authz_of(r)->settings.issuer, clock_now(), &g->assertion);
	return *why == NULL ? PROOF_HOLDS : PROOF_FAILS;
}

/* ---- certificates ---- */

static enum finding judge_certificate(struct request *r, const struct client_guard *g, const char **why)
{
	bool trusted;
	h2o_iovec_t der = request_certificate(r, &trusted);

	if (g->keys.method == AUTH_TLS) {
		*why = "the certificate is not of a trusted authority, or names another client";
		return trusted && certificate_has_subject(der, g->keys.tls_subject_kind, g->keys.tls_subject)
		           ? PROOF_HOLDS
		           : PROOF_FAILS;
	}
	const struct key_set *set = key_sets_find(authz_of(r)->key_sets, &g->keys);
	*why = "the certificate is none of the client's";
	if (set == NULL)
		return PROOF_NO_KEYS;
	return certificate_is_of(der, set) ? PROOF_HOLDS : PROOF_KEY_UNKNOWN;
}

/* ---- the steps ---- */

/* A certificate that nobody asked this client for proves nothing and forbids nothing: people's browsers and other
 * clients of this machine present one to whoever asks. */
static bool takes_part(struct client_guard *g)
{
	if (g->kind == PROOF_ASSERTION)
		return g->keys.method == (g->peek.is_mac ? AUTH_SECRET_JWT : AUTH_PRIVATE_KEY_JWT);
	return g->keys.method == AUTH_TLS || g->keys.method == AUTH_SELF_SIGNED_TLS;
}

step_result client_proof_take_keys(struct request *r)
{
	struct client_guard *g = r->caller;

	if (g->kind == PROOF_READ)
		return STEP_NEXT;
	g->keys.client_id = g->proof.client_id;
	if (!store_read_client_keys(r, &g->keys))
		return fail_client_because(r, "the client is unknown or disabled");
	if (!takes_part(g)) {
		if (g->kind == PROOF_ASSERTION)
			return fail_client_because(r, "the client is registered with another method");
		g->kind = PROOF_READ;
		return STEP_NEXT;
	}
	if (g->keys.method == AUTH_TLS || g->keys.method == AUTH_SECRET_JWT)
		return STEP_NEXT;
	return key_sets_prepare(authz_of(r)->key_sets, r, &g->keys);
}

static void take_proof(struct request *r, struct client_guard *g)
{
	struct client_proof *proof = &g->proof;

	g->verified = true;
	proof->method = g->keys.method;
	memcpy(proof->secret_digest, g->keys.digest, SHA256_SIZE);
	memcpy(proof->raw_secret_digest, g->keys.digest, SHA256_SIZE);
	proof->certificate_bound = g->keys.certificate_bound;
	if (!proof->certificate_bound)
		return;
	h2o_iovec_t der = request_certificate(r, NULL);
	if (der.base != NULL)
		proof->certificate_thumbprint = sha256_base64url(&r->pool, der);
}

static step_result verify(struct request *r, bool may_refresh)
{
	struct client_guard *g = r->caller;
	const char *why = NULL;

	if (g->kind == PROOF_READ || g->verified)
		return STEP_NEXT;
	enum finding finding = g->kind == PROOF_ASSERTION ? judge_assertion(r, g, &why) : judge_certificate(r, g, &why);
	if (finding == PROOF_HOLDS) {
		take_proof(r, g);
		return STEP_NEXT;
	}
	/* Nobody can say whether the proof is right: what is said must not make a client forget its registration. */
	if (finding == PROOF_NO_KEYS && g->keys.jwks_uri != NULL)
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the keys of the client cannot be read at the moment");
	if (finding == PROOF_NO_SECRET) { /* it is sealed with a master secret that this process was not given */
		log_event(LOG_ERROR, "the secret of a client cannot be opened with the secrets file", "client",
		          g->keys.client_id, "request", r->id, NULL);
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the client's secret cannot be opened at the moment");
	}
	if (finding == PROOF_KEY_UNKNOWN && may_refresh)
		return key_sets_refresh(authz_of(r)->key_sets, r, &g->keys);
	if (finding == PROOF_KEY_UNKNOWN && key_sets_are_in_doubt(authz_of(r)->key_sets, &g->keys))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the newest keys of the client cannot be read at the moment");
	return fail_client_because(r, why);
}

step_result client_proof_verify(struct request *r)
{
	return verify(r, true);
}

/* With the keys that the client may have published since. */
step_result client_proof_verify_again(struct request *r)
{
	return verify(r, false);
}

step_result client_proof_use(struct request *r)
{
	const struct client_guard *g = r->caller;

	if (g->kind != PROOF_ASSERTION)
		return STEP_NEXT;
	return store_assertion_use(r, g->keys.client_id, g->assertion.jti_digest, g->assertion.expires_at);
}

step_result client_proof_check_use(struct request *r)
{
	const struct client_guard *g = r->caller;

	if (g->kind != PROOF_ASSERTION || store_read_assertion_use(r))
		return STEP_NEXT;
	return fail_client_because(r, "the assertion was used before");
}
