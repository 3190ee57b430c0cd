/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/token_source.h"

#include <stdlib.h>

#include "common/encoding.h"
#include "common/jws.h"
#include "mcp/caller/introspection.h"
#include "mcp/caller/jwks.h"

struct foreign_source {
	const struct foreign_issuer *settings;
	struct jwks *jwks; /* its metadata; NULL where the endpoint is configured */
	struct introspection *introspection;
};

struct token_sources {
	struct foreign_source *foreign;
	size_t count;
};

static void open_foreign(const struct mcp *mcp, const struct foreign_issuer *settings, struct foreign_source *ret)
{
	struct introspection_options options = {
	    .egress = mcp->egress,
	    .issuer = settings->issuer,
	    .endpoint = settings->endpoint,
	    .jwks = settings->endpoint == NULL ? jwks_open(mcp->egress, settings->issuer, false) : NULL,
	    .tokens = mcp->tokens,
	    .resource = mcp->settings.resource,
	    .client_id = settings->client_id,
	    .client_secret = settings->client_secret,
	    .cache_ms = settings->cache_ms,
	    .claims = mcp->settings.claims,
	    .foreign = settings,
	};

	*ret = (struct foreign_source){settings, options.jwks, introspection_open(&options)};
}

struct token_sources *token_sources_open(const struct mcp *mcp)
{
	const struct token_issuers *issuers = &mcp->settings.issuers;
	struct token_sources *sources = h2o_mem_alloc(sizeof(*sources));

	*sources = (struct token_sources){.count = issuers->foreign_count};
	sources->foreign = h2o_mem_alloc((sources->count + 1) * sizeof(*sources->foreign));
	for (size_t i = 0; i < sources->count; i++)
		open_foreign(mcp, &issuers->foreign[i], &sources->foreign[i]);
	return sources;
}

void token_sources_close(struct token_sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		introspection_close(sources->foreign[i].introspection);
		if (sources->foreign[i].jwks != NULL)
			jwks_close(sources->foreign[i].jwks);
	}
	free(sources->foreign);
	free(sources);
}

void token_sources_tick(void *data)
{
	struct token_sources *sources = data;

	for (size_t i = 0; i < sources->count; i++)
		if (sources->foreign[i].jwks != NULL)
			jwks_tick(sources->foreign[i].jwks);
}

/* A JWT says whose it is; that nobody else's key made it, the one who is asked about it knows. */
static struct token_source source_of_issuer(const struct mcp *mcp, h2o_iovec_t issuer)
{
	const struct token_sources *sources = mcp->sources;
	const struct service_tokens *service = &mcp->settings.issuers.service;

	if (text_is(issuer, mcp->settings.issuer))
		return (struct token_source){TOKEN_SIGNED, mcp->introspection, NULL};
	if (service->issuer != NULL && text_is(issuer, service->issuer))
		return (struct token_source){TOKEN_SERVICE, NULL, NULL};
	for (size_t i = 0; i < sources->count; i++)
		if (text_is(issuer, sources->foreign[i].settings->issuer))
			return (struct token_source){TOKEN_FOREIGN, sources->foreign[i].introspection, NULL};
	return (struct token_source){TOKEN_UNKNOWN, NULL, NULL};
}

/* To resource servers a key's id is its jti, and its grant. */
static json_t *claims_of_key(h2o_mem_pool_t *pool, h2o_iovec_t key)
{
	uint8_t id[16];
	char text[UUID_TEXT_SIZE];

	if (!handle_peek_id(HANDLE_API_KEY, key, id))
		return NULL;
	uuid_format(id, text);
	return json_keep(pool, json_pack("{s:s, s:s}", "jti", text, "grant_id", text));
}

struct token_source token_source_of(const struct mcp *mcp, h2o_mem_pool_t *pool, h2o_iovec_t token)
{
	const struct token_sources *sources = mcp->sources;
	h2o_iovec_t issuer;

	if (handle_looks_like(HANDLE_API_KEY, token))
		return (struct token_source){TOKEN_API_KEY, mcp->introspection, claims_of_key(pool, token)};
	if (jws_peek_issuer(pool, token, &issuer)) {
		struct token_source source = source_of_issuer(mcp, issuer);
		if (source.kind == TOKEN_FOREIGN)
			source.shown = jws_peek_claims(pool, token);
		return source;
	}
	if (handle_has_tag(token)) /* a refresh token or key of ours in the wrong place is not shown to strangers */
		return (struct token_source){TOKEN_UNKNOWN, NULL, NULL};
	for (size_t i = 0; i < sources->count; i++)
		if (sources->foreign[i].settings->opaque)
			return (struct token_source){TOKEN_FOREIGN, sources->foreign[i].introspection, NULL};
	return (struct token_source){TOKEN_UNKNOWN, NULL, NULL};
}
