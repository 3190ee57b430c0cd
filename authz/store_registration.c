/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "authz/store_statements.h"

step_result store_client_register(struct request *r, const struct registration *registration)
{
	enum { OWN = 3 };
	struct db_param params[OWN + CLIENT_ADD_PARAMS + 1] = {
	    registration->initial_access != NULL ? param_uuid(registration->initial_access) : param_text(NULL),
	    param_int(&r->pool, registration->same_within),
	    param_int(&r->pool, registration->lease),
	    [OWN + CLIENT_ADD_PARAMS] = param_bool(registration->client.key_bound),
	};

	store_client_add_params(r, &registration->client, registration->secret_digest, params + OWN);
	if (registration->initial_access != NULL) /* whose row it locks, too */
		return store_ask(r, STATEMENT_CLIENT_REGISTER, params, OWN + CLIENT_ADD_PARAMS + 1);
	return store_ask_together(r, STATEMENT_CLIENT_REGISTER, params, OWN + CLIENT_ADD_PARAMS + 1,
	                          registration->client.metadata_digest);
}

enum client_register store_read_client_register(struct request *r, struct client *ret)
{
	static const char *const OUTCOMES[] = {"token_refused", "known", "added"};
	enum client_register outcome = (enum client_register)store_outcome(r, OUTCOMES, 3);

	if (outcome != REGISTER_TOKEN_REFUSED)
		store_read_client(r, ret);
	return outcome;
}

step_result store_client_registered(struct request *r, const uint8_t registration_id[16], const char *client_id)
{
	struct db_param params[] = {param_uuid(registration_id), param_text(client_id)};

	return store_ask(r, STATEMENT_CLIENT_REGISTERED, params, 2);
}

step_result store_client_replace(struct request *r, const struct client *c, const uint8_t *secret_digest)
{
	enum { OWN = 5 };
	struct db_param params[OWN + CLIENT_METADATA_PARAMS + 1] = {
	    param_uuid(c->registration_id),
	    param_text(c->client_id),
	    param_text(AUTH_METHOD_NAMES[c->auth_method]),
	    secret_digest != NULL ? param_bytes(secret_digest, SHA256_SIZE) : param_text(NULL),
	    param_text(c->name),
	    [OWN + CLIENT_METADATA_PARAMS] = param_bool(c->key_bound),
	};

	store_client_metadata_params(r, c, params + OWN);
	return store_ask(r, STATEMENT_CLIENT_REPLACE, params, OWN + CLIENT_METADATA_PARAMS + 1);
}

enum client_replace store_read_client_replace(struct request *r, struct client *ret)
{
	static const char *const OUTCOMES[] = {"unknown", "shared", "method_differs", "secret_differs", "replaced"};
	enum client_replace outcome = (enum client_replace)store_outcome(r, OUTCOMES, 5);

	if (outcome == REPLACE_DONE)
		store_read_client(r, ret);
	return outcome;
}

step_result store_client_unregister(struct request *r, const uint8_t registration_id[16], const char *client_id)
{
	struct db_param params[] = {param_uuid(registration_id), param_text(client_id)};

	return store_ask(r, STATEMENT_CLIENT_UNREGISTER, params, 2);
}

enum client_unregister store_read_client_unregister(struct request *r)
{
	static const char *const OUTCOMES[] = {"unknown", "shared", "deleted"};

	return (enum client_unregister)store_outcome(r, OUTCOMES, 3);
}
