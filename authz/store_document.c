/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/store_statements.h"

step_result store_document_lookup(struct request *r, const char *client_id, const char *resource)
{
	struct db_param params[] = {param_text(client_id), param_text(resource)};

	return store_ask(r, STATEMENT_DOCUMENT_LOOKUP, params, 2);
}

void store_read_document(struct request *r, struct document_kept *ret)
{
	static const char *const STATES[] = {"none", "disabled", "imported", "fresh", "stale", "withdrawn"};
	const char *state = rows_count(r->rows) == 1 ? rows_text(r->rows, 0, "document_state") : NULL;

	*ret = (struct document_kept){
	    .state = KEPT_NONE,
	    .age = rows_int(r->rows, 0, "document_age"),
	    .etag = store_text(r, 0, "document_etag"),
	    .last_modified = store_text(r, 0, "document_last_modified"),
	};
	for (enum document_state s = KEPT_NONE; state != NULL && s <= KEPT_WITHDRAWN; s++)
		if (text_is(text_of(state), STATES[s]))
			ret->state = s;
}

/* A change of what is kept, and then the question of /authorize, in one round trip. */
static step_result ask_and_look_up(struct request *r, enum store_statement statement, const struct db_param *params,
                                   size_t count, const char *resource)
{
	struct db_param lookup[] = {params[0], param_text(resource)};
	struct db_question questions[] = {
	    {.statement = statement, .params = params, .count = count},
	    {.statement = STATEMENT_AUTHORIZE_LOOKUP, .params = lookup, .count = 2},
	};

	return db_ask_all(r, authz_of(r)->db, questions, 2, false);
}

void store_document_params(h2o_mem_pool_t *pool, const struct client *c, const struct document_put *d, bool imported,
                           struct db_param params[DOCUMENT_PUT_PARAMS])
{
	*params++ = param_text(c->client_id);
	*params++ = param_bytes(d->digest, sizeof(d->digest));
	*params++ = param_int(pool, d->lifetime);
	*params++ = param_text(d->etag);
	*params++ = param_text(d->last_modified);
	*params++ = param_bool(imported);
	*params++ = param_text(c->name);
	*params++ = param_text(AUTH_METHOD_NAMES[c->auth_method]);
	*params++ = param_text_array(pool, c->grant_types, c->grant_type_count);
	*params++ = param_text_array(pool, c->redirect_uris, c->redirect_uri_count);
	*params++ = param_text(c->scope);
	*params++ = param_text(c->application_type);
	*params++ = param_text(c->client_uri);
	*params++ = param_text(c->logo_uri);
	*params++ = param_text(c->tos_uri);
	*params++ = param_text(c->policy_uri);
	*params++ = param_text(c->software_id);
	*params++ = param_text(c->software_version);
	*params++ = param_text(c->contacts);
	*params++ = param_text(c->jwks);
	*params++ = param_text(c->jwks_uri);
	*params++ = param_text(c->assertion_algorithm);
	*params++ = param_text(c->tls_subject_kind);
	*params++ = param_text(c->tls_subject);
	*params++ = param_bool(c->certificate_bound);
	*params++ = param_bool(c->key_bound);
}

step_result store_document_put(struct request *r, const struct client *c, const struct document_put *d,
                               const char *resource)
{
	struct db_param params[DOCUMENT_PUT_PARAMS];

	store_document_params(&r->pool, c, d, false, params);
	return ask_and_look_up(r, STATEMENT_DOCUMENT_PUT, params, DOCUMENT_PUT_PARAMS, resource);
}

step_result store_document_confirm(struct request *r, const char *client_id, int64_t lifetime, const char *resource)
{
	struct db_param params[] = {param_text(client_id), param_int(&r->pool, lifetime)};

	return ask_and_look_up(r, STATEMENT_DOCUMENT_CONFIRM, params, 2, resource);
}

step_result store_document_withdraw(struct request *r, const char *client_id)
{
	struct db_param params[] = {param_text(client_id)};

	return store_ask(r, STATEMENT_DOCUMENT_WITHDRAW, params, 1);
}
