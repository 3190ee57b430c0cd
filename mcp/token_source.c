/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/token_source.h"

#include <stdlib.h>

#include "common/jws.h"
#include "mcp/introspection.h"
#include "mcp/jwks.h"

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
	    .jwks = settings->endpoint == NULL ? jwks_open(mcp->egress, settings->issuer) : NULL,
	    .tokens = mcp->tokens,
	    .resource = mcp->settings.resource,
	    .client_id = settings->client_id,
	    .client_secret = settings->client_secret,
	    .cache_ms = settings->cache_ms,
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
		return (struct token_source){TOKEN_SIGNED, mcp->introspection};
	if (service->issuer != NULL && text_is(issuer, service->issuer))
		return (struct token_source){TOKEN_SERVICE, NULL};
	for (size_t i = 0; i < sources->count; i++)
		if (text_is(issuer, sources->foreign[i].settings->issuer))
			return (struct token_source){TOKEN_FOREIGN, sources->foreign[i].introspection};
	return (struct token_source){TOKEN_UNKNOWN, NULL};
}

struct token_source token_source_of(const struct mcp *mcp, h2o_mem_pool_t *pool, h2o_iovec_t token)
{
	const struct token_sources *sources = mcp->sources;
	h2o_iovec_t issuer;

	if (handle_looks_like(HANDLE_API_KEY, token))
		return (struct token_source){TOKEN_API_KEY, mcp->introspection};
	if (jws_peek_issuer(pool, token, &issuer))
		return source_of_issuer(mcp, issuer);
	if (handle_has_tag(token)) /* a refresh token or key of ours in the wrong place is not shown to strangers */
		return (struct token_source){TOKEN_UNKNOWN, NULL};
	for (size_t i = 0; i < sources->count; i++)
		if (sources->foreign[i].settings->opaque)
			return (struct token_source){TOKEN_FOREIGN, sources->foreign[i].introspection};
	return (struct token_source){TOKEN_UNKNOWN, NULL};
}
