/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/bearer.h"

#include <string.h>

#include "common/clock.h"
#include "common/jws.h"
#include "common/secret.h"
#include "mcp/caller/authorization.h"
#include "mcp/caller/challenge.h"
#include "mcp/caller/introspection.h"
#include "mcp/caller/jwks.h"
#include "mcp/caller/possession.h"
#include "mcp/caller/revocation.h"
#include "mcp/caller/token_source.h"

enum { ASKED_AGAIN_MS = 30 * 1000 }; /* of calls under way, what no event tells of */

/* r->caller: what the guard knows so far. */
struct proof {
	const struct bearer *bearer; /* proved */
	h2o_iovec_t token;           /* stays here, but for bearer_subject_token: nothing passes it on */
	uint8_t digest[SHA256_SIZE];
	struct token_source source; /* whose it is; not looked for where the token is known */
	json_t *claims;             /* of TOKEN_SIGNED, verified */
	bool with_key;              /* it came with the scheme DPoP */
	bool possessed;             /* by whom it is bound to: judged once, for that uses a proof up */
	uint64_t disturbed;         /* introspection_disturbed when it was asked */
	int64_t believed_ms; /* as long what was said last needs no question (clock_monotonic_ms); 0: see bearer */
};

static struct proof *proof_of(const struct request *r)
{
	return r->caller;
}

const struct bearer *bearer_of(const struct request *r)
{
	return proof_of(r)->bearer;
}

h2o_iovec_t bearer_subject_token(const struct request *r)
{
	return proof_of(r)->token;
}

void bearer_inherit(struct request *r, const struct request *from)
{
	struct proof *proof = h2o_mem_alloc_pool(&r->pool, sizeof(*proof));
	const struct proof *known = proof_of(from);

	*proof = *known;
	proof->token = h2o_iovec_init(text_copy(&r->pool, known->token), known->token.len);
	proof->claims = NULL; /* they have been judged */
	proof->source = (struct token_source){TOKEN_UNKNOWN, NULL, NULL};
	h2o_mem_link_shared(&r->pool, (struct bearer *)known->bearer);
	r->caller = proof;
}

/* True if the token is known; the entry then lives as long as the request. */
static bool look_up(struct request *r, struct proof *proof, int64_t now_ms, int64_t age_limit_ms)
{
	struct bearer *bearer = token_cache_find(mcp_of(r)->tokens, proof->digest, now_ms, age_limit_ms);

	if (bearer == NULL)
		return false;
	h2o_mem_link_shared(&r->pool, bearer);
	proof->bearer = bearer;
	return true;
}

static step_result refuse_dead(struct request *r)
{
	return challenge_invalid(r, "the authorization server says that the token is not active");
}

static step_result read_header(struct request *r)
{
	bool repeats;
	h2o_iovec_t header = request_header(r, "authorization", &repeats);
	struct proof *proof = h2o_mem_alloc_pool(&r->pool, sizeof(*proof));

	if (header.base == NULL)
		return challenge_missing(r);
	if (repeats)
		return challenge_malformed(r, "more than one Authorization header");
	*proof = (struct proof){0};
	switch (bearer_read(header, &proof->token)) {
	case BEARER_OTHER_SCHEME: return challenge_missing(r);
	case BEARER_MALFORMED: return challenge_invalid(r, "not in the form of a bearer token");
	case BEARER_WITH_KEY: proof->with_key = true; break;
	case BEARER_FINE: break;
	}
	if (proof->token.len > JWS_SIZE_MAX)
		return challenge_invalid(r, "the token is too long");
	r->caller = proof;
	sha256(proof->token, proof->digest);
	if (look_up(r, proof, r->started_ms, revocation_age_limit_ms(mcp_of(r), r->started_ms)) &&
	    !proof->bearer->active)
		return refuse_dead(r);
	return STEP_NEXT;
}

static step_result choose_source(struct request *r)
{
	struct proof *proof = proof_of(r);

	if (proof->bearer != NULL)
		return STEP_NEXT;
	proof->source = token_source_of(mcp_of(r), &r->pool, proof->token);
	if (proof->source.kind == TOKEN_UNKNOWN)
		return challenge_invalid(r, "the token is of nobody whose tokens are taken here");
	return STEP_NEXT;
}

/* A key that nobody here knows may be a new one of the authorization server. */
static step_result fetch_keys(struct request *r)
{
	struct jwks *jwks = mcp_of(r)->jwks;
	struct proof *proof = proof_of(r);

	if (proof->bearer != NULL || proof->source.kind != TOKEN_SIGNED)
		return STEP_NEXT;
	h2o_iovec_t kid = jws_peek_kid(&r->pool, proof->token, "at+jwt");
	if (kid.base == NULL)
		return challenge_invalid(r, "not a signed access token");
	const struct jwk_set *keys = jwks_current(jwks);
	if (keys != NULL && jwk_set_find(keys, kid) != NULL)
		return STEP_NEXT;
	return jwks_refresh(jwks, r);
}

static step_result check_possession(struct request *r, const struct confirmation *bound)
{
	struct proof *proof = proof_of(r);

	if (!proof->possessed && possession_check(r, bound, proof->with_key, proof->token) == STEP_DONE)
		return STEP_DONE;
	proof->possessed = true;
	return STEP_NEXT;
}

/* Before anybody is asked about it: a token that was stolen without its key is worth nothing. */
static step_result check_confirmation(struct request *r, const json_t *claims)
{
	struct confirmation bound;

	/* RFC 7800: as a bearer token it would be weaker than it is meant to be */
	if (!confirmation_read(claims, &bound))
		return challenge_invalid(r, "the token is bound to what cannot be proved here");
	return check_possession(r, &bound);
}

static step_result verify_signed(struct request *r, struct proof *proof)
{
	const struct mcp *mcp = mcp_of(r);
	const char *why = NULL;
	const struct jwk_set *keys = jwks_current(mcp->jwks);
	if (keys == NULL)
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the keys of the authorization server are not known yet");
	/* Nobody can say that a key is unknown while the authorization server cannot be asked for its keys. */
	if (jwks_read_ms(mcp->jwks) < r->started_ms &&
	    jwk_set_find(keys, jws_peek_kid(&r->pool, proof->token, "at+jwt")) == NULL)
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the keys of the authorization server cannot be read");
	proof->claims = jws_verify(&r->pool, keys, "at+jwt", proof->token, &why);
	if (proof->claims == NULL)
		return challenge_invalid(r, why);
	why =
	    jwt_claims_problem(proof->claims, mcp->settings.issuer, mcp->settings.resource, clock_now(), CLOCK_SKEW_S);
	if (why != NULL)
		return challenge_invalid(r, why);
	/* RFC 9068, 2.2 demands both; without them nobody could be named in the audit log */
	if (json_get_text(proof->claims, "sub").len == 0 || json_get_text(proof->claims, "client_id").len == 0)
		return challenge_invalid(r, "the token has no sub or no client_id");
	return check_confirmation(r, proof->claims);
}

static step_result verify(struct request *r)
{
	struct proof *proof = proof_of(r);

	if (proof->bearer != NULL)
		return STEP_NEXT;
	if (proof->source.kind == TOKEN_SIGNED)
		return verify_signed(r, proof);
	if (proof->source.kind != TOKEN_SERVICE)
		return STEP_NEXT; /* only its issuer can read it */
	const char *why = service_bearer_take(mcp_of(r), &r->pool, proof->token, proof->digest);
	if (why != NULL)
		return challenge_invalid(r, why);
	look_up(r, proof, clock_monotonic_ms(), INT64_MAX);
	return STEP_NEXT;
}

static step_result introspect(struct request *r)
{
	struct proof *proof = proof_of(r);

	if (proof->bearer != NULL || proof->source.introspection == NULL)
		return STEP_NEXT;
	proof->disturbed = introspection_disturbed(proof->source.introspection);
	bool verified = proof->source.kind == TOKEN_SIGNED;
	return introspection_ask(proof->source.introspection, r, proof->token, proof->digest,
	                         verified ? proof->claims : proof->source.shown, verified);
}

/* What was asked for is as new as can be: it has no age limit. */
static bool take_answer(struct request *r, struct proof *proof)
{
	return proof->bearer != NULL || look_up(r, proof, clock_monotonic_ms(), INT64_MAX);
}

/* Something about this token, or another one, changed while the question was under way. */
static step_result introspect_again(struct request *r)
{
	struct proof *proof = proof_of(r);

	if (take_answer(r, proof) || proof->source.introspection == NULL ||
	    introspection_disturbed(proof->source.introspection) == proof->disturbed)
		return STEP_NEXT;
	return introspect(r);
}

static step_result settle(struct request *r)
{
	struct proof *proof = proof_of(r);

	if (!take_answer(r, proof))
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the authorization server does not answer");
	if (!proof->bearer->active)
		return refuse_dead(r);
	return check_possession(r, &proof->bearer->bound);
}

step_fn *const bearer_steps[] = {read_header, choose_source,    fetch_keys, verify,
                                 introspect,  introspect_again, settle,     NULL};

/* ---- what is still under way when the guard has long let it in ---- */

static const struct token_source *source_of(struct request *r)
{
	struct proof *proof = proof_of(r);

	if (proof->source.kind == TOKEN_UNKNOWN)
		proof->source = token_source_of(mcp_of(r), &r->pool, proof->token);
	return &proof->source;
}

static int64_t believed_until(const struct bearer *bearer)
{
	int64_t asked_again_ms = bearer->asked_ms + ASKED_AGAIN_MS;

	return bearer->dies_ms < asked_again_ms ? bearer->dies_ms : asked_again_ms;
}

/* A grant of ours outlives its tokens, and the feed tells of its end, as it does of the end of a key. */
bool bearer_is_doubtful(struct request *r, int64_t now_ms)
{
	const struct proof *proof = proof_of(r);
	enum token_kind kind = source_of(r)->kind;

	if (kind == TOKEN_SIGNED)
		return false;
	if (clock_now() >= proof->bearer->expires)
		return true;
	return kind != TOKEN_API_KEY &&
	       now_ms >= (proof->believed_ms != 0 ? proof->believed_ms : believed_until(proof->bearer));
}

static enum bearer_state known_state(struct request *r, int64_t since_ms)
{
	struct proof *proof = proof_of(r);
	int64_t now_ms = clock_monotonic_ms();
	const struct bearer *known = token_cache_find(mcp_of(r)->tokens, proof->digest, now_ms, now_ms - since_ms + 1);

	if (known == NULL)
		return BEARER_UNKNOWN;
	proof->believed_ms = believed_until(known);
	return known->active ? BEARER_ALIVE : BEARER_DEAD;
}

enum bearer_state bearer_check_again(struct request *r, int64_t since_ms, bool ask)
{
	const struct mcp *mcp = mcp_of(r);
	const struct proof *proof = proof_of(r);
	const struct token_source *source = source_of(r);
	const char *why;

	if (source->kind != TOKEN_SIGNED && clock_now() >= proof->bearer->expires)
		return BEARER_DEAD;
	enum bearer_state state = known_state(r, since_ms);
	/* by the other side's clock, which may be ahead; that it is dead then says nothing of its grant */
	bool expired = source->kind == TOKEN_SIGNED && clock_now() + CLOCK_SKEW_S >= proof->bearer->expires;
	if (expired && state != BEARER_ALIVE)
		return token_cache_knows_grant(mcp->tokens, text_of(proof->bearer->grant_id), since_ms)
		           ? BEARER_ALIVE
		           : BEARER_EXPIRED;
	if (state != BEARER_UNKNOWN || !ask)
		return state;
	json_t *claims = source->shown;
	if (source->kind == TOKEN_SERVICE)
		return service_bearer_take(mcp, &r->pool, proof->token, proof->digest) == NULL
		           ? known_state(r, since_ms)
		           : BEARER_DEAD;
	if (source->kind == TOKEN_SIGNED) {
		const struct jwk_set *keys = jwks_current(mcp->jwks);
		if (keys == NULL)
			return BEARER_UNKNOWN;
		claims = jws_verify(&r->pool, keys, "at+jwt", proof->token, &why);
		if (claims == NULL)
			return BEARER_DEAD; /* its key was withdrawn */
	}
	introspection_check(source->introspection, proof->token, proof->digest, claims, source->kind == TOKEN_SIGNED);
	return BEARER_UNKNOWN;
}
