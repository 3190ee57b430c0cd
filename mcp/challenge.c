/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/challenge.h"

#include "common/log.h"
#include "common/reply.h"

/* No word of these may look like a parameter of the challenge: clients search the whole header. */
static const char INVALID_TEXT[] = "The access token is expired or revoked or malformed or not meant for this server";
static const char SCOPE_TEXT[] = "The access token does not open this tool";
static const char MALFORMED_TEXT[] = "The request must carry exactly one access token in one Authorization header";

char *challenge_text(h2o_mem_pool_t *pool, const char *metadata_url, const char *error, const char *description,
                     const char *scope)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "Bearer ");
	if (error != NULL)
		text_append_printf(&b, "error=\"%s\", error_description=\"%s\", ", error, description);
	text_append_printf(&b, "resource_metadata=\"%s\"", metadata_url);
	if (scope[0] != '\0')
		text_append_printf(&b, ", scope=\"%s\"", scope);
	return b.base;
}

static step_result refuse(struct request *r, const struct oauth_error *error, const char *description,
                          const char *scope)
{
	const struct mcp *mcp = mcp_of(r);

	reply_header(r, "www-authenticate",
	             challenge_text(&r->pool, mcp->metadata_url, error->code, description, scope));
	return show_error_json(r, error, description);
}

step_result challenge_missing(struct request *r)
{
	const struct mcp *mcp = mcp_of(r);
	const char *scope = scopes_text(&r->pool, &mcp->settings.initial_scopes);

	reply_header(r, "www-authenticate", challenge_text(&r->pool, mcp->metadata_url, NULL, NULL, scope));
	reply_header(r, "x-request-id", r->id);
	return reply_json(r, 401, json_pack("{s:s}", "error_description", "An access token is required"));
}

static void log_refusal(const struct request *r, const char *reason)
{
	log_event(LOG_INFO, "access token refused", "request", r->id, "reason", reason, NULL);
}

step_result challenge_invalid(struct request *r, const char *reason)
{
	const struct mcp *mcp = mcp_of(r);

	log_refusal(r, reason);
	return refuse(r, &INVALID_TOKEN, INVALID_TEXT, scopes_text(&r->pool, &mcp->settings.initial_scopes));
}

step_result challenge_malformed(struct request *r, const char *reason)
{
	log_refusal(r, reason);
	return refuse(r, &INVALID_REQUEST, MALFORMED_TEXT, "");
}

step_result challenge_scope(struct request *r, const struct scopes *scopes)
{
	return refuse(r, &INSUFFICIENT_SCOPE, SCOPE_TEXT, scopes_text(&r->pool, scopes));
}
