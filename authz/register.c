/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/register.h"

#include "authz/event.h"
#include "common/clock.h"
#include "common/reply.h"
#include "common/secret.h"

/* Ids and secrets are of unreserved characters only: clients put them into Basic without encoding. An id never looks
 * like a URL, which is the space of client id metadata documents. */
const char *client_credentials_make(struct request *r, struct client *c, uint8_t digest[SHA256_SIZE])
{
	c->client_id = random_token(&r->pool, "client_");
	c->created_at = clock_now();
	if (c->auth_method == AUTH_NONE)
		return NULL;
	const char *secret = random_token(&r->pool, "secret_");
	sha256(text_of(secret), digest);
	return secret;
}

step_result reply_new_client(struct request *r, const struct client *c, const char *secret, enum metadata_source source)
{
	json_t *answer = client_metadata_json(c, source);
	if (secret != NULL) {
		json_object_set_new(answer, "client_secret", json_string(secret));
		json_object_set_new(answer, "client_secret_expires_at", json_integer(0));
	}
	reply_header(r, "pragma", "no-cache");
	return reply_json(r, 201, answer);
}

static step_result add_client(struct request *r)
{
	struct register_state *s = r->state;
	struct metadata_problem problem;
	uint8_t digest[SHA256_SIZE];
	if (!authz_of(r)->settings.registration_open)
		return fail(r, &ACCESS_DENIED, "registration is closed: the administrator adds clients");
	if (!client_metadata_read(&r->pool, r->json, METADATA_REGISTERED, &s->client, &problem))
		return fail(r, problem.error, problem.text);
	s->client.origin = "dynamic";
	s->secret = client_credentials_make(r, &s->client, digest);
	return store_client_add(r, &s->client, s->secret != NULL ? digest : NULL);
}

static step_result answer(struct request *r)
{
	const struct register_state *s = r->state;
	struct client added;
	if (!store_read_client(r, &added))
		return fail_internal(r, "a random client id is taken");
	event_write(r, "client.registered",
	            json_pack("{s:s, s:s, s:s, s:o}", "client_id", s->client.client_id, "client_name", s->client.name,
	                      "method", AUTH_METHOD_NAMES[s->client.auth_method], "redirect_uris",
	                      client_redirect_uris_json(&s->client)));
	return reply_new_client(r, &s->client, s->secret, METADATA_REGISTERED);
}

step_fn *const register_steps[] = {add_client, answer, NULL};
