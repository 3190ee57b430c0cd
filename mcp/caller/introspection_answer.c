/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/introspection_answer.h"

#include "common/clock.h"
#include "common/jws.h"
#include "mcp/caller/claims.h"
#include "mcp/settings/settings_issuers.h"

enum {
	BELIEVED_MAX_S = 60 * 60, /* who uses the answer may want a newer one */
	UNSETTLED_MS = 1000,      /* soon after an event */
};

const char *const TOKEN_KEY_CLAIMS[TOKEN_KEYS] = {
    [TOKEN_GRANT] = "grant_id", [TOKEN_JTI] = "jti", [TOKEN_CLIENT] = "client_id"};

/* ---- does the answer speak of this token? ---- */

static bool same_text(const json_t *answer, const json_t *claims, const char *member)
{
	if (json_object_get(answer, member) == NULL)
		return true; /* RFC 7662, 2.2: optional */
	h2o_iovec_t said = json_get_text(answer, member);
	return said.base != NULL && text_equal(said, json_get_text(claims, member));
}

/* By its grant a token is forgotten: one that names its grant is of no other. */
static bool same_grant(const json_t *answer, const json_t *claims)
{
	return json_object_get(claims, "grant_id") == NULL || same_text(answer, claims, "grant_id");
}

/* The token's own claim was checked. */
static bool is_for(const json_t *answer, const char *resource)
{
	const json_t *aud = json_object_get(answer, "aud");

	return aud == NULL || jwt_audience_has(aud, resource);
}

/* RFC 8705, 3.2 and RFC 9449, 6.2: of a token that is bound the answer says so too, of another one it does not. */
static bool same_confirmation(const json_t *answer, const json_t *claims)
{
	struct confirmation said, claimed;

	return confirmation_read(answer, &said) && confirmation_read(claims, &claimed) &&
	       confirmation_equal(&said, &claimed);
}

/* An authorization server that mixes tokens up is not believed, neither that this one is alive nor that it is dead.
 * NULL, or what is wrong. */
static const char *verified_problem(const struct asked *asked, const json_t *answer)
{
	const json_t *claims = asked->claims;

	if (!same_text(answer, claims, "iss") || !same_text(answer, claims, "sub") ||
	    !same_text(answer, claims, "client_id") || !same_text(answer, claims, "jti") ||
	    !same_grant(answer, claims) || !is_for(answer, asked->options->resource))
		return "the answer speaks of another token";
	if (json_is_true(json_object_get(answer, "active")) && !same_confirmation(answer, claims))
		return "the answer and the token differ in what the token is bound to";
	return NULL;
}

/* ---- or is there nothing but the answer? ---- */

static bool is_named(const json_t *aud)
{
	return aud != NULL && !(json_is_array(aud) && json_array_size(aud) == 0);
}

/* What is said to be for whom, by the answer or by the token itself. Nobody may be let in with a token that was made
 * for somebody else's server. */
static bool audience_fits(const struct asked *asked, const json_t *answer)
{
	const struct introspection_options *o = asked->options;
	const char *us = o->foreign != NULL ? o->foreign->audience : o->resource;
	const json_t *said = json_object_get(answer, "aud"), *shown = json_object_get(asked->shown, "aud");

	if (is_named(shown) && !jwt_audience_has(shown, us))
		return false;
	if (!is_named(said))
		return o->foreign != NULL && !o->foreign->audience_required;
	return jwt_audience_has(said, us);
}

/* An issuer may keep cnf to itself (RFC 7662, 2.2), and still have signed it: what either names binds the token. False:
 * they differ, or name what cannot be proved here. */
static bool bound_of(const struct asked *asked, const json_t *answer, struct confirmation *ret)
{
	struct confirmation shown;

	if (!confirmation_read(answer, ret) || !confirmation_read(asked->shown, &shown))
		return false;
	if (!shown.by_certificate && !shown.by_key)
		return true;
	if (ret->by_certificate || ret->by_key)
		return confirmation_equal(ret, &shown);
	*ret = shown;
	return true;
}

static bool word_is_one_of(const json_t *answer, const char *member, const char *const *words)
{
	const json_t *value = json_object_get(answer, member);

	for (; value != NULL && *words != NULL; words++)
		if (text_is_nocase(json_get_text(answer, member), *words))
			return true;
	return value == NULL;
}

/* Servers say of a refresh token or an ID token that it is active, too. */
static bool is_access_token(const json_t *answer)
{
	static const char *const TYPES[] = {"Bearer", "DPoP", "access_token", NULL};
	static const char *const FORMS[] = {"Bearer", "DPoP", "at+jwt", "JWT", NULL};
	static const char *const USES[] = {"access_token", NULL};

	return word_is_one_of(answer, "token_type", TYPES) && word_is_one_of(answer, "typ", FORMS) &&
	       word_is_one_of(answer, "token_use", USES);
}

/* NULL, or why the token is no good here, though it is active: it is then as good as dead. */
static const char *unverified_refusal(const struct asked *asked, const json_t *answer)
{
	const json_t *nbf = json_object_get(answer, "nbf");
	struct confirmation bound;

	if (!audience_fits(asked, answer))
		return "the token is not for this server";
	if (!is_access_token(answer))
		return "the token is no access token";
	if (json_is_integer(nbf) && json_integer_value(nbf) > clock_now() + CLOCK_SKEW_S)
		return "the token is not valid yet";
	if (!bound_of(asked, answer, &bound))
		return "the token is bound to what cannot be proved here";
	/* whoever had stolen the token would not need its key */
	if (!bound.by_key && (text_is_nocase(json_get_text(answer, "token_type"), "DPoP") ||
	                      text_is_nocase(json_get_text(answer, "typ"), "DPoP")))
		return "the token is bound to a key that the answer does not name";
	return NULL;
}

/* NULL, or what is wrong with the answer. */
static const char *unverified_problem(const struct introspection_options *o, const json_t *answer)
{
	h2o_iovec_t iss = json_get_text(answer, "iss");

	if (!json_is_true(json_object_get(answer, "active")))
		return NULL;
	if (json_object_get(answer, "iss") != NULL ? !text_is(iss, o->issuer) : o->foreign == NULL)
		return "the answer speaks of a token of another issuer";
	if (json_get_text(answer, "sub").len == 0 && json_get_text(answer, "client_id").len == 0)
		return "the answer does not say whose the token is";
	return NULL;
}

/* ---- what is kept ---- */

/* Scopes of ours that a foreign issuer's open; as they are where no map stands. */
static struct scopes mapped_scopes(h2o_mem_pool_t *pool, const json_t *map, const struct scopes *foreign)
{
	struct text_buffer b = {.pool = pool};
	struct scopes ret = {NULL, 0};

	if (map == NULL)
		return *foreign;
	for (size_t i = 0; i < foreign->count; i++) {
		const json_t *own = json_object_get(map, foreign->names[i]);
		for (size_t j = 0; j < json_array_size(own); j++)
			text_append_printf(&b, "%s%s", b.len > 0 ? " " : "", json_string_value(json_array_get(own, j)));
	}
	if (!scopes_parse(pool, h2o_iovec_init(b.base, b.len), &ret))
		return (struct scopes){NULL, 0};
	return ret;
}

/* Scopes that both the token and the answer have. */
static struct scopes granted_scopes(h2o_mem_pool_t *pool, const struct asked *asked, const json_t *answer)
{
	const struct foreign_issuer *foreign = asked->options->foreign;
	struct scopes of_token = {NULL, 0}, of_answer = {NULL, 0};

	if (asked->claims != NULL && !scopes_parse(pool, json_get_text(asked->claims, "scope"), &of_token))
		return (struct scopes){NULL, 0};
	if (asked->claims != NULL && json_object_get(answer, "scope") == NULL)
		return of_token;
	if (!scopes_parse(pool, json_get_text(answer, "scope"), &of_answer))
		return (struct scopes){NULL, 0};
	if (foreign != NULL)
		of_answer = mapped_scopes(pool, foreign->scope_map, &of_answer);
	return asked->claims != NULL ? scopes_intersect(pool, &of_token, &of_answer) : of_answer;
}

static void keep_dead(const struct asked *asked, int64_t dies_ms)
{
	/* no event speaks of another issuer's */
	const json_t *named = asked->options->foreign == NULL ? asked->shown : NULL;
	struct bearer_facts facts = {
	    .digest = asked->digest,
	    .asked_ms = asked->asked_ms,
	    .dies_ms = dies_ms,
	    .client_id = json_get_text(named, "client_id").base,
	    .grant_id = json_get_text(named, "grant_id").base,
	    .jti = json_get_text(named, "jti").base,
	};

	token_cache_put(asked->options->tokens, bearer_make(&facts));
}

/* RFC 7662, 2.2: the grant may end before the token does. */
static int64_t end_of(const json_t *answer, const json_t *claims)
{
	const json_t *said = json_object_get(answer, "exp"), *claimed = json_object_get(claims, "exp");
	int64_t end = json_is_integer(claimed) ? json_integer_value(claimed) : INT64_MAX;

	return json_is_integer(said) && json_integer_value(said) < end ? json_integer_value(said) : end;
}

/* How long the answer may be believed as far as events go. Those who answer may know of a change a little later than
 * those who tell of it. What no event can name has to be asked for again and again. */
static int64_t believed_ms(const struct asked *asked, const json_t *answer)
{
	bool named = true;

	if (asked->options->foreign != NULL)
		return asked->options->cache_ms;
	for (enum token_key key = 0; key < TOKEN_KEYS; key++) {
		h2o_iovec_t value = json_get_text(asked->claims, TOKEN_KEY_CLAIMS[key]);

		if (value.len == 0 && (key == TOKEN_GRANT || asked->claims == NULL))
			value = json_get_text(answer, TOKEN_KEY_CLAIMS[key]);
		named = named && value.len > 0;
		if (recent_events_have(asked->recent, key, value, asked->asked_ms))
			return UNSETTLED_MS;
	}
	return named ? INT64_MAX : asked->options->cache_ms;
}

/* A name that another issuer gave is its own: it stands behind the issuer, with a blank, which no issuer has. */
static const char *name_of(h2o_mem_pool_t *pool, const struct asked *asked, const char *name)
{
	if (asked->options->foreign == NULL || name == NULL)
		return name;
	return text_printf(pool, "%s %s", asked->options->issuer, name);
}

/* NULL, or why the answer says nothing. */
static const char *keep_alive(h2o_mem_pool_t *pool, const struct asked *asked, const json_t *answer, int64_t now_ms)
{
	const struct introspection_options *o = asked->options;
	const json_t *token = asked->claims != NULL ? asked->claims : answer; /* what says whose it is */
	bool own = o->foreign == NULL;
	struct scopes granted = granted_scopes(pool, asked, answer), grantable = {NULL, 0};
	int64_t expires = end_of(answer, asked->shown), now = clock_now();
	int64_t left_ms = expires - now < BELIEVED_MAX_S ? (expires - now) * 1000 : BELIEVED_MAX_S * 1000;
	int64_t unnamed_ms = believed_ms(asked, answer);

	if (expires <= now) { /* it ended while the question was under way */
		keep_dead(asked, now_ms + o->cache_ms);
		return NULL;
	}
	if (own && !scopes_parse(pool, json_get_text(answer, "grantable_scope"), &grantable))
		grantable = (struct scopes){NULL, 0};
	h2o_iovec_t grant = json_get_text(answer, "grant_id"), subject = json_get_text(token, "sub");
	const char *client_id = name_of(pool, asked, json_get_text(token, "client_id").base);
	struct bearer_facts facts = {
	    .digest = asked->digest,
	    .active = true,
	    .asked_ms = asked->asked_ms,
	    .dies_ms = now_ms + (left_ms < unnamed_ms ? left_ms : unnamed_ms),
	    .expires = expires,
	    .subject = subject.len > 0 ? name_of(pool, asked, subject.base) : client_id,
	    .username = name_of(pool, asked, json_get_text(answer, "username").base),
	    .client_id = client_id,
	    .grant_id = !own                 ? NULL
	                : grant.base != NULL ? grant.base
	                                     : json_get_text(token, "grant_id").base,
	    .jti = own ? json_get_text(token, "jti").base : NULL,
	    .scope = scopes_text(pool, &granted),
	    .grantable = scopes_text(pool, &grantable),
	};
	const struct claims_sources said = {o->issuer, !own, answer, asked->claims, o->claims};
	facts.claims = claims_text(pool, &facts, &said);
	if (facts.claims == NULL)
		return "more is said of the caller than is taken";
	bound_of(asked, answer, &facts.bound);
	token_cache_put(o->tokens, bearer_make(&facts));
	return NULL;
}

/* NULL, or why the answer says nothing. */
static const char *take_document(h2o_mem_pool_t *pool, const struct asked *asked, const json_t *answer)
{
	const struct introspection_options *o = asked->options;
	const json_t *active = json_object_get(answer, "active");
	int64_t now_ms = clock_monotonic_ms();

	if (!json_is_boolean(active))
		return "the answer is no introspection response";
	const char *problem = asked->claims != NULL ? verified_problem(asked, answer) : unverified_problem(o, answer);
	if (problem != NULL)
		return problem;
	bool refused = asked->claims == NULL && unverified_refusal(asked, answer) != NULL;
	if (json_is_true(active) && !refused)
		return keep_alive(pool, asked, answer, now_ms);
	keep_dead(asked, now_ms + o->cache_ms);
	return NULL;
}

const char *introspection_take(const struct asked *asked, const struct egress_answer *answer)
{
	h2o_mem_pool_t pool;

	if (answer->status == 0)
		return answer->problem;
	if (answer->status == 401)
		return "the authorization server does not know this resource server's credentials";
	if (answer->status != 200)
		return "the answer is not 200";
	h2o_mem_init_pool(&pool);
	const char *problem = take_document(&pool, asked, json_read(&pool, answer->body, NULL));
	h2o_mem_clear_pool(&pool);
	return problem;
}
