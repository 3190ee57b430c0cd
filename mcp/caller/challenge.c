/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/challenge.h"

#include "common/dpop.h"
#include "common/log.h"
#include "common/reply.h"
#include "mcp/caller/authorization.h"

/* No word of these may look like a parameter of the challenge: clients search the whole header. */
static const char INVALID_TEXT[] = "The access token is expired or revoked or malformed or not meant for this server";
static const char PROOF_TEXT[] = "The DPoP proof is missing or malformed or old or used or not for this request";
static const char NONCE_TEXT[] = "The DPoP proof must have the nonce that comes with this answer";
static const char SCOPE_TEXT[] = "The access token does not open this tool";
static const char AUTHENTICATION_TEXT[] = "The person has to sign in anew or otherwise for this tool";
static const char MALFORMED_TEXT[] = "The request must carry exactly one access token in one Authorization header";

char *challenge_text(h2o_mem_pool_t *pool, const char *scheme, const char *metadata_url, const struct challenge *c)
{
	struct text_buffer b = {.pool = pool};

	text_append_printf(&b, "%s ", scheme);
	if (c->error != NULL)
		text_append_printf(&b, "error=\"%s\", error_description=\"%s\", ", c->error, c->description);
	if (scheme[0] == 'D')
		text_append_printf(&b, "algs=\"%s\", ", DPOP_ALGORITHMS_TEXT);
	text_append_printf(&b, "resource_metadata=\"%s\"", metadata_url);
	if (c->scope[0] != '\0')
		text_append_printf(&b, ", scope=\"%s\"", c->scope);
	if (c->acr_values != NULL)
		text_append_printf(&b, ", acr_values=\"%s\"", c->acr_values);
	if (c->max_age > 0)
		text_append_printf(&b, ", max_age=\"%lld\"", (long long)c->max_age);
	return b.base;
}

static bool came_with_key(struct request *r)
{
	h2o_iovec_t token;

	return bearer_read(request_header(r, "authorization", NULL), &token) == BEARER_WITH_KEY;
}

static void set_challenges(struct request *r, int status, const struct challenge *c)
{
	const char *url = mcp_of(r)->metadata_url;
	bool with_key = came_with_key(r);

	reply_header(r, "www-authenticate", challenge_text(&r->pool, with_key ? "DPoP" : "Bearer", url, c));
	if (status == 401 && !with_key)
		reply_header(r, "www-authenticate", text_printf(&r->pool, "DPoP algs=\"%s\"", DPOP_ALGORITHMS_TEXT));
}

static step_result refuse_with(struct request *r, const struct oauth_error *error, const struct challenge *c)
{
	set_challenges(r, error->status, c);
	return show_error_json(r, error, c->description);
}

static step_result refuse(struct request *r, const struct oauth_error *error, const char *description,
                          const char *scope)
{
	struct challenge c = {.error = error->code, .description = description, .scope = scope};

	return refuse_with(r, error, &c);
}

static const char *initial_scope(struct request *r)
{
	return scopes_text(&r->pool, &mcp_of(r)->settings.initial_scopes);
}

step_result challenge_missing(struct request *r)
{
	struct challenge c = {.scope = initial_scope(r)};

	set_challenges(r, 401, &c);
	reply_header(r, "x-request-id", r->id);
	return reply_json(r, 401, json_pack("{s:s}", "error_description", "An access token is required"));
}

static void log_refusal(const struct request *r, const char *reason)
{
	log_event(LOG_INFO, "access token refused", "request", r->id, "reason", reason, NULL);
}

step_result challenge_invalid(struct request *r, const char *reason)
{
	log_refusal(r, reason);
	return refuse(r, &INVALID_TOKEN, INVALID_TEXT, initial_scope(r));
}

step_result challenge_proof(struct request *r, const char *reason)
{
	log_refusal(r, reason);
	return refuse(r, &DPOP_PROOF_REFUSED, PROOF_TEXT, initial_scope(r));
}

step_result challenge_nonce(struct request *r)
{
	return refuse(r, &DPOP_NONCE_DEMANDED, NONCE_TEXT, initial_scope(r));
}

step_result challenge_malformed(struct request *r, const char *reason)
{
	log_refusal(r, reason);
	return refuse(r, &INVALID_REQUEST, MALFORMED_TEXT, "");
}

step_result challenge_authentication(struct request *r, const char *acr_values, int64_t max_age,
                                     const struct scopes *scopes)
{
	struct challenge c = {
	    .error = INSUFFICIENT_USER_AUTHENTICATION.code,
	    .description = AUTHENTICATION_TEXT,
	    .scope = scopes_text(&r->pool, scopes),
	    .acr_values = acr_values,
	    .max_age = max_age,
	};

	return refuse_with(r, &INSUFFICIENT_USER_AUTHENTICATION, &c);
}

step_result challenge_details(struct request *r, const char *words, json_t *details, const struct scopes *scopes)
{
	const struct oauth_error *error = &INSUFFICIENT_AUTHORIZATION_DETAILS;
	struct challenge c = {.error = error->code, .description = words, .scope = scopes_text(&r->pool, scopes)};

	set_challenges(r, error->status, &c);
	reply_header(r, "x-request-id", r->id);
	return reply_json(r, error->status,
	                  json_pack("{s:s, s:s, s:o}", "error", error->code, "error_description", words,
	                            "authorization_details", details));
}

step_result challenge_scope(struct request *r, const struct scopes *scopes)
{
	return refuse(r, &INSUFFICIENT_SCOPE, SCOPE_TEXT, scopes_text(&r->pool, scopes));
}
