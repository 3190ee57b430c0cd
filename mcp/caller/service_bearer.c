/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "common/jws.h"
#include "common/service_token.h"
#include "mcp/caller/claims.h"
#include "mcp/caller/token_cache.h"
#include "mcp/caller/token_source.h"

enum { BELIEVED_MAX_S = 60 * 60 };

/* NULL, or why the claims are no good here. Nobody can revoke such a token: it must end by itself, and soon. */
static const char *claims_problem(const struct mcp *mcp, const json_t *claims)
{
	const struct service_tokens *service = &mcp->settings.issuers.service;
	const char *why =
	    jwt_claims_problem(claims, service->issuer, mcp->settings.resource, clock_now(), CLOCK_SKEW_S);

	if (why != NULL)
		return why;
	int64_t issued = json_integer_value(json_object_get(claims, "iat"));
	if (issued < 0 || json_integer_value(json_object_get(claims, "exp")) - issued > service->lifetime_max_s)
		return "the service token lives too long";
	return json_get_text(claims, "sub").len == 0 ? "the service token has no sub" : NULL;
}

/* Its names are its issuer's own (introspection_answer.c has the same form); NULL if it has none. The issuer alone, a
 * word of the configuration, could be the id of a client of ours. */
static const char *name_of(h2o_mem_pool_t *pool, const struct service_tokens *service, h2o_iovec_t name)
{
	return name.len > 0 ? text_printf(pool, "%s %s", service->issuer, name.base) : NULL;
}

const char *service_bearer_take(const struct mcp *mcp, h2o_mem_pool_t *pool, h2o_iovec_t token,
                                const uint8_t digest[32])
{
	const struct service_tokens *service = &mcp->settings.issuers.service;
	struct scopes asked;
	const char *why = NULL;
	struct bearer_facts facts = {.digest = digest, .active = true, .asked_ms = clock_monotonic_ms()};
	json_t *claims = service_token_open(pool, service->key, token, &why);

	if (claims != NULL)
		why = claims_problem(mcp, claims);
	if (why != NULL)
		return why;
	if (!confirmation_read(claims, &facts.bound))
		return "the token is bound to what cannot be proved here";
	if (!scopes_parse(pool, json_get_text(claims, "scope"), &asked))
		return "the service token's scope is none";
	struct scopes granted = scopes_intersect(pool, &asked, &service->allowed);
	facts.expires = json_integer_value(json_object_get(claims, "exp"));
	int64_t left_s = facts.expires - clock_now();
	facts.dies_ms = facts.asked_ms + (left_s < BELIEVED_MAX_S ? left_s : BELIEVED_MAX_S) * 1000;
	facts.subject = name_of(pool, service, json_get_text(claims, "sub"));
	facts.client_id = name_of(pool, service, json_get_text(claims, "client_id"));
	facts.scope = scopes_text(pool, &granted);
	const struct claims_sources said = {service->issuer, true, NULL, claims, mcp->settings.claims};
	facts.claims = claims_text(pool, &facts, &said);
	if (facts.claims == NULL)
		return "the service token says more of the caller than is taken";
	token_cache_put(mcp->tokens, bearer_make(&facts));
	return NULL;
}
