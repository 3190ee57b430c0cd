/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/register.h"

#include <string.h>

#include "authz/bearer.h"
#include "authz/client_secret.h"
#include "authz/event.h"
#include "common/clock.h"
#include "common/reply.h"
#include "common/secret.h"

/* Seconds: a registration that comes again within them is the same client. */
enum { SAME_WITHIN = 5 * 60 };

/* Ids and secrets are of unreserved characters only: clients put them into Basic without encoding. An id never looks
 * like a URL, which is the space of client id metadata documents. */
const char *client_credentials_make(struct request *r, struct client *c, uint8_t digest[SHA256_SIZE])
{
	c->client_id = random_token(&r->pool, "client_");
	c->created_at = clock_now();
	if (c->auth_method == AUTH_NONE || c->auth_method > AUTH_SECRET_JWT)
		return NULL;
	const char *secret = random_token(&r->pool, "secret_");
	sha256(text_of(secret), digest);
	if (c->auth_method == AUTH_SECRET_JWT)
		client_secret_seal(&r->pool, authz_of(r)->handle_keys, c, secret);
	return secret;
}

static void add_secret(json_t *answer, const char *secret)
{
	if (secret == NULL)
		return;
	json_object_set_new(answer, "client_secret", json_string(secret));
	json_object_set_new(answer, "client_secret_expires_at", json_integer(0));
}

step_result reply_new_client(struct request *r, const struct client *c, const char *secret, enum metadata_source source)
{
	json_t *answer = client_metadata_json(c, source);
	add_secret(answer, secret);
	reply_header(r, "pragma", "no-cache");
	return reply_json(r, 201, answer);
}

/* RFC 7592, 3. The token is computed again from the client's row, so no copy of it is kept. A secret is not: it is
 * shown once. */
step_result reply_registration(struct request *r, int status, const struct client *c, const char *secret)
{
	const struct authz *authz = authz_of(r);
	struct handle token = {.generation = 0};
	json_t *answer = client_metadata_json(c, METADATA_REGISTERED);
	memcpy(token.id, c->registration_id, sizeof(token.id));
	add_secret(answer, secret);
	json_object_set_new(answer, "registration_client_uri",
	                    json_sprintf("%s/register/%s", authz->settings.issuer, c->client_id));
	json_object_set_new(answer, "registration_access_token",
	                    json_string(handle_mint(&r->pool, authz->handle_keys, HANDLE_REGISTRATION, &token)));
	reply_header(r, "pragma", "no-cache");
	return reply_json(r, status, answer);
}

/* RFC 7591, 3: whether this may be registered at all. An initial access token that is given counts in mode open too. */
static step_result check_mode(struct request *r)
{
	struct register_state *s = r->state;
	enum registration_mode mode = authz_of(r)->settings.registration;
	if (mode == REGISTRATION_CLOSED)
		return fail(r, &ACCESS_DENIED, "registration is closed: the administrator adds clients");
	if (bearer_handle(r, HANDLE_INITIAL_ACCESS, &s->initial_access))
		s->registration.initial_access = s->initial_access.id;
	else if (mode == REGISTRATION_TOKEN)
		return fail(r, &INVALID_TOKEN, "an initial access token is needed to register");
	return STEP_NEXT;
}

/* Of all that is registered, and of nothing else, so that twins have the same. */
static void digest_metadata(struct request *r, const struct client *c, uint8_t digest[SHA256_SIZE])
{
	json_t *metadata = json_keep(&r->pool, client_metadata_json(c, METADATA_REGISTERED));
	sha256(json_canonical(&r->pool, metadata), digest);
}

static step_result add_client(struct request *r)
{
	struct register_state *s = r->state;
	struct client *c = &s->registration.client;
	struct metadata_problem problem;
	if (!client_metadata_read(&r->pool, r->json, METADATA_REGISTERED, c, &problem))
		return fail(r, problem.error, problem.text);
	c->origin = "dynamic";
	digest_metadata(r, c, s->metadata_digest);
	c->metadata_digest = s->metadata_digest;
	c->has_registration = true;
	random_bytes(c->registration_id, sizeof(c->registration_id));
	s->secret = client_credentials_make(r, c, s->secret_digest);
	s->registration.secret_digest = s->secret != NULL ? s->secret_digest : NULL;
	s->registration.same_within = SAME_WITHIN;
	s->registration.lease = authz_of(r)->settings.registration_lease;
	return store_client_register(r, &s->registration);
}

static bool record(struct request *r, const struct client *c, bool is_known)
{
	const struct register_state *s = r->state;
	json_t *members = json_pack("{s:s, s:s, s:s, s:o}", "client_id", c->client_id, "client_name", c->name, "method",
	                            AUTH_METHOD_NAMES[c->auth_method], "redirect_uris", client_redirect_uris_json(c));
	if (s->registration.initial_access != NULL)
		json_object_set_new(members, "initial_access_token", event_id(s->registration.initial_access));
	return event_write(r, is_known ? "client.registered_again" : "client.registered", members);
}

static step_result answer(struct request *r)
{
	const struct register_state *s = r->state;
	struct client c = {0};
	enum client_register outcome = store_read_client_register(r, &c);
	if (outcome == REGISTER_TOKEN_REFUSED)
		return fail(r, &INVALID_TOKEN, "the initial access token is unknown, expired, revoked or used up");
	if (!record(r, &c, outcome == REGISTER_KNOWN))
		return fail_unrecorded(r);
	return reply_registration(r, 201, &c, s->secret);
}

step_fn *const register_steps[] = {check_mode, event_demand_record, add_client, answer, NULL};
