/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/registered_client.h"

#include <string.h>

#include "authz/answer_cache.h"
#include "authz/bearer.h"
#include "authz/event.h"
#include "authz/register.h"
#include "common/reply.h"
#include "common/secret.h"

/* ---- the guard ---- */

/* RFC 7592, 3: of a client that is not there, the token is as bad as a forged one. */
static step_result fail_token(struct request *r)
{
	return fail(r, &INVALID_TOKEN, "this is not the registration access token of a registered client");
}

static step_result ask_registered(struct request *r)
{
	struct handle token;
	/* ids that this server makes need no encoding, so an encoded one is not one of them */
	if (r->path_id.len == 0 || r->path_id.len > CLIENT_ID_HERE_MAX ||
	    !bearer_handle(r, HANDLE_REGISTRATION, &token))
		return fail_token(r);
	return store_client_registered(r, token.id, text_copy(&r->pool, r->path_id));
}

static step_result check_registered(struct request *r)
{
	struct client *client = h2o_mem_alloc_pool(&r->pool, sizeof(*client));
	if (!store_read_client(r, client))
		return fail_token(r);
	r->caller = client;
	return STEP_NEXT;
}

step_fn *const registrant_guard[] = {ask_registered, check_registered, NULL};

static step_result fail_shared(struct request *r)
{
	return fail(r, &ACCESS_DENIED,
	            "the same metadata was registered more than once, so this client can only be read");
}

/* ---- GET ---- */

static step_result answer_client(struct request *r)
{
	return reply_registration(r, 200, r->caller, NULL);
}

/* ---- PUT ---- */

/* RFC 7592, 2.2 */
static const char *request_problem(const json_t *document, const struct client *before)
{
	static const char *const OURS[] = {"registration_access_token", "registration_client_uri",
	                                   "client_secret_expires_at", "client_id_issued_at"};
	for (size_t i = 0; i < sizeof(OURS) / sizeof(OURS[0]); i++)
		if (json_object_get(document, OURS[i]) != NULL)
			return "what the server says about a registration is not part of the new metadata";
	if (!text_is(json_get_text(document, "client_id"), before->client_id))
		return "client_id must be given, as it is";
	const json_t *secret = json_object_get(document, "client_secret");
	if (secret != NULL && !json_is_string(secret))
		return "client_secret must be text";
	return NULL;
}

/* A method that is left out stays: there is no default that could take its place without a secret or key. */
static json_t *with_method(struct request *r, const struct client *before)
{
	json_t *document = json_keep(&r->pool, json_copy(r->json));
	const json_t *method = json_object_get(document, "token_endpoint_auth_method");
	if (method == NULL || json_is_null(method) || (json_is_string(method) && json_string_length(method) == 0))
		json_object_set_new(document, "token_endpoint_auth_method",
		                    json_string(AUTH_METHOD_NAMES[before->auth_method]));
	return document;
}

static step_result replace_client(struct request *r)
{
	struct registered_client_state *s = r->state;
	const struct client *before = r->caller;
	struct metadata_problem problem;
	uint8_t digest[SHA256_SIZE];
	if (before->shared)
		return fail_shared(r);
	if (!json_is_object(r->json))
		return fail(r, &INVALID_CLIENT_METADATA, "client metadata must be a JSON object");
	const char *text = request_problem(r->json, before);
	if (text != NULL)
		return fail(r, &INVALID_REQUEST, text);
	if (!client_metadata_read(&r->pool, with_method(r, before), METADATA_REGISTERED, &s->client, &problem))
		return fail(r, problem.error, problem.text);
	s->client.client_id = before->client_id;
	memcpy(s->client.registration_id, before->registration_id, sizeof(s->client.registration_id));
	h2o_iovec_t secret = json_get_text(r->json, "client_secret");
	if (secret.base != NULL)
		sha256(secret, digest);
	return store_client_replace(r, &s->client, secret.base != NULL ? digest : NULL);
}

static step_result answer_replaced(struct request *r)
{
	struct registered_client_state *s = r->state;
	switch (store_read_client_replace(r, &s->client)) {
	case REPLACE_UNKNOWN: return fail_token(r);
	case REPLACE_SHARED: return fail_shared(r);
	case REPLACE_METHOD_DIFFERS:
		return fail(r, &INVALID_CLIENT_METADATA, "token_endpoint_auth_method cannot be changed");
	case REPLACE_SECRET_DIFFERS: return fail(r, &INVALID_REQUEST, "client_secret is not that of the client");
	case REPLACE_DONE: break;
	}
	answer_cache_forget(authz_of(r)->answers, "client", s->client.client_id);
	event_write(r, "client.changed",
	            json_pack("{s:s, s:s, s:s, s:o}", "by", "registration access token", "client_id",
	                      s->client.client_id, "client_name", s->client.name, "redirect_uris",
	                      client_redirect_uris_json(&s->client)));
	return reply_registration(r, 200, &s->client, NULL);
}

/* ---- DELETE ---- */

static step_result delete_client(struct request *r)
{
	const struct client *client = r->caller;
	return store_client_unregister(r, client->registration_id, client->client_id);
}

static step_result answer_deleted(struct request *r)
{
	const struct client *client = r->caller;
	switch (store_read_client_unregister(r)) {
	case UNREGISTER_UNKNOWN: return fail_token(r);
	case UNREGISTER_SHARED: return fail_shared(r);
	case UNREGISTER_DONE: break;
	}
	answer_cache_forget(authz_of(r)->answers, "client", client->client_id);
	event_write(r, "client.deleted",
	            json_pack("{s:s, s:s}", "by", "registration access token", "client_id", client->client_id));
	reply_header(r, "cache-control", "no-store");
	reply_header(r, "pragma", "no-cache");
	return reply_body(r, 204, NULL, (h2o_iovec_t){NULL, 0});
}

step_fn *const registered_client_show_steps[] = {answer_client, NULL};
step_fn *const registered_client_replace_steps[] = {replace_client, answer_replaced, NULL};
step_fn *const registered_client_delete_steps[] = {delete_client, answer_deleted, NULL};
