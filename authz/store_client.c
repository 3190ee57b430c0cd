/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/store_statements.h"

#include <string.h>

void store_client_metadata_params(struct request *r, const struct client *c,
                                  struct db_param params[CLIENT_METADATA_PARAMS])
{
	*params++ = param_text_array(&r->pool, c->grant_types, c->grant_type_count);
	*params++ = param_text_array(&r->pool, c->redirect_uris, c->redirect_uri_count);
	*params++ = param_text(c->scope);
	*params++ = param_text(c->application_type);
	*params++ = param_text(c->client_uri);
	*params++ = param_text(c->logo_uri);
	*params++ = param_text(c->tos_uri);
	*params++ = param_text(c->policy_uri);
	*params++ = param_text(c->software_id);
	*params++ = param_text(c->software_version);
	*params++ = param_text(c->contacts);
	*params++ = param_text(c->resource);
	*params++ = param_text(c->jwks);
	*params++ = param_text(c->jwks_uri);
	*params++ = param_text(c->assertion_algorithm);
	*params++ = param_text(c->tls_subject_kind);
	*params++ = param_text(c->tls_subject);
	*params++ = param_bool(c->certificate_bound);
}

static struct db_param digest_param(const uint8_t *digest)
{
	return digest == NULL ? param_text(NULL) : param_bytes(digest, SHA256_SIZE);
}

void store_client_add_params(struct request *r, const struct client *c, const uint8_t *secret_digest,
                             struct db_param params[CLIENT_ADD_PARAMS])
{
	bool is_sealed = c->sealed_secret.base != NULL;

	*params++ = param_text(c->client_id);
	*params++ = param_text(c->origin);
	*params++ = param_text(c->name);
	*params++ = param_text(AUTH_METHOD_NAMES[c->auth_method]);
	*params++ = digest_param(secret_digest);
	store_client_metadata_params(r, c, params);
	params += CLIENT_METADATA_PARAMS;
	*params++ = is_sealed ? param_bytes(c->sealed_secret.base, c->sealed_secret.len) : param_text(NULL);
	*params++ = is_sealed ? param_int(&r->pool, c->sealed_with) : param_text(NULL);
	*params++ = digest_param(c->metadata_digest);
	*params++ = c->has_registration ? param_uuid(c->registration_id) : param_text(NULL);
}

step_result store_client_add(struct request *r, const struct client *c, const uint8_t *secret_digest)
{
	struct db_param params[CLIENT_ADD_PARAMS + 3] = {
	    [CLIENT_ADD_PARAMS] = param_text(c->consent),
	    param_text(c->default_resource),
	    param_bool(c->key_bound),
	};

	store_client_add_params(r, c, secret_digest, params);
	return store_ask(r, STATEMENT_CLIENT_ADD, params, CLIENT_ADD_PARAMS + 3);
}

step_result store_client_get(struct request *r, const char *client_id)
{
	struct db_param params[] = {param_text(client_id)};

	return store_ask(r, STATEMENT_CLIENT_GET, params, 1);
}

step_result store_client_list(struct request *r, const char *after, int limit)
{
	struct db_param params[] = {param_text(after), param_int(&r->pool, limit)};

	return store_ask(r, STATEMENT_CLIENT_LIST, params, 2);
}

step_result store_client_update(struct request *r, const struct client *c)
{
	enum { OWN = 2, BEHIND = 4 };
	struct db_param params[OWN + CLIENT_METADATA_PARAMS + BEHIND] = {
	    param_text(c->client_id),
	    param_text(c->name),
	    [OWN + CLIENT_METADATA_PARAMS] = param_bool(c->enabled),
	    param_text(c->consent),
	    param_text(c->default_resource),
	    param_bool(c->key_bound),
	};

	store_client_metadata_params(r, c, params + OWN);
	return store_ask(r, STATEMENT_CLIENT_UPDATE, params, OWN + CLIENT_METADATA_PARAMS + BEHIND);
}

step_result store_client_delete(struct request *r, const char *client_id)
{
	struct db_param params[] = {param_text(client_id)};

	return store_ask(r, STATEMENT_CLIENT_DELETE, params, 1);
}

bool store_read_deleted(struct request *r)
{
	return rows_count(r->rows) == 1 && rows_bool(r->rows, 0, "deleted");
}

/* The database holds one of these names only; what nobody knows is held to a secret that nobody has. */
static enum auth_method auth_method_of(const char *name)
{
	for (enum auth_method m = AUTH_NONE; name != NULL && m < AUTH_METHODS; m++)
		if (strcmp(AUTH_METHOD_NAMES[m], name) == 0)
			return m;
	return AUTH_SECRET_BASIC;
}

static void read_client_row(struct request *r, size_t row, struct client *ret)
{
	*ret = (struct client){
	    .client_id = store_text(r, row, "client_id"),
	    .name = store_text(r, row, "name"),
	    .auth_method = auth_method_of(rows_text(r->rows, row, "auth_method")),
	    .scope = store_text(r, row, "scope"),
	    .application_type = store_text(r, row, "application_type"),
	    .client_uri = store_text(r, row, "client_uri"),
	    .logo_uri = store_text(r, row, "logo_uri"),
	    .tos_uri = store_text(r, row, "tos_uri"),
	    .policy_uri = store_text(r, row, "policy_uri"),
	    .software_id = store_text(r, row, "software_id"),
	    .software_version = store_text(r, row, "software_version"),
	    .contacts = store_text(r, row, "contacts"),
	    .resource = store_text(r, row, "resource"),
	    .origin = store_text(r, row, "origin"),
	    .consent = store_text(r, row, "consent"),
	    .default_resource = store_text(r, row, "default_resource"),
	    .enabled = rows_bool(r->rows, row, "enabled"),
	    .created_at = rows_int(r->rows, row, "created_at"),
	    .last_used_at = rows_int(r->rows, row, "last_used_at"),
	    .last_granted_at = rows_int(r->rows, row, "last_granted_at"),
	    .jwks = store_text(r, row, "jwks"),
	    .jwks_uri = store_text(r, row, "jwks_uri"),
	    .assertion_algorithm = store_text(r, row, "assertion_algorithm"),
	    .tls_subject_kind = store_text(r, row, "tls_subject_kind"),
	    .tls_subject = store_text(r, row, "tls_subject"),
	    .certificate_bound = rows_bool(r->rows, row, "certificate_bound"),
	    .key_bound = rows_bool(r->rows, row, "key_bound"),
	    .shared = rows_bool(r->rows, row, "shared"),
	    .has_registration = !rows_is_null(r->rows, row, "registration_id"),
	};
	rows_uuid(r->rows, row, "registration_id", ret->registration_id);
	ret->redirect_uris = store_texts(r, row, "redirect_uris", &ret->redirect_uri_count);
	ret->grant_types = store_texts(r, row, "grant_types", &ret->grant_type_count);
}

bool store_read_client(struct request *r, struct client *ret)
{
	if (rows_count(r->rows) != 1)
		return false;
	read_client_row(r, 0, ret);
	return true;
}

size_t store_read_clients(struct request *r, struct client **ret)
{
	size_t count = rows_count(r->rows);

	*ret = h2o_mem_alloc_pool(&r->pool, (count + 1) * sizeof(**ret));
	for (size_t i = 0; i < count; i++)
		read_client_row(r, i, &(*ret)[i]);
	return count;
}

/* ---- what proofs are verified against ---- */

step_result store_client_keys(struct request *r, const char *client_id)
{
	struct db_param params[] = {param_text(client_id)};

	return store_ask(r, STATEMENT_CLIENT_KEYS, params, 1);
}

bool store_read_client_keys(struct request *r, struct client_keys *ret)
{
	if (rows_count(r->rows) != 1)
		return false;
	*ret = (struct client_keys){
	    .client_id = ret->client_id,
	    .method = auth_method_of(rows_text(r->rows, 0, "auth_method")),
	    .jwks = store_text(r, 0, "jwks"),
	    .jwks_uri = store_text(r, 0, "jwks_uri"),
	    .algorithm = store_text(r, 0, "assertion_algorithm"),
	    .sealed_secret = rows_bytes(&r->pool, r->rows, 0, "sealed_secret"),
	    .sealed_with = (int)rows_int(r->rows, 0, "sealed_with"),
	    .tls_subject_kind = store_text(r, 0, "tls_subject_kind"),
	    .tls_subject = store_text(r, 0, "tls_subject"),
	    .certificate_bound = rows_bool(r->rows, 0, "certificate_bound"),
	};
	h2o_iovec_t digest = rows_bytes(&r->pool, r->rows, 0, "key_digest");
	if (digest.len == SHA256_SIZE)
		memcpy(ret->digest, digest.base, SHA256_SIZE);
	return true;
}

step_result store_assertion_use(struct request *r, const char *client_id, const uint8_t jti_digest[SHA256_SIZE],
                                int64_t expires_at)
{
	struct db_param params[] = {param_text(client_id), param_bytes(jti_digest, SHA256_SIZE),
	                            param_int(&r->pool, expires_at)};

	return store_ask(r, STATEMENT_ASSERTION_USE, params, 3);
}

bool store_read_assertion_use(struct request *r)
{
	return rows_count(r->rows) == 1 && rows_bool(r->rows, 0, "first");
}

step_result store_proof_use(struct request *r, const uint8_t digest[SHA256_SIZE], int64_t lifetime)
{
	struct db_param params[] = {param_bytes(digest, SHA256_SIZE), param_int(&r->pool, lifetime)};

	return store_ask(r, STATEMENT_PROOF_USE, params, 2);
}

bool store_read_proof_use(struct request *r)
{
	return store_read_assertion_use(r);
}

/* ---- what /authorize checks ---- */

step_result store_authorize_lookup(struct request *r, const char *client_id, const char *resource)
{
	struct db_param params[] = {param_text(client_id), param_text(resource)};

	return store_ask(r, STATEMENT_AUTHORIZE_LOOKUP, params, 2);
}

static void read_scopes(struct request *r, struct terms *ret)
{
	size_t count, open_count;
	const char **names = store_texts(r, 0, "scope_names", &count);
	const char **open = store_texts(r, 0, "scope_open", &open_count);

	if (open_count < count)
		count = 0;
	ret->scopes = h2o_mem_alloc_pool(&r->pool, (count + 1) * sizeof(struct scope_row));
	ret->scope_count = count;
	for (size_t i = 0; i < count; i++)
		ret->scopes[i] = (struct scope_row){names[i], strcmp(open[i], "true") == 0};
}

void store_read_authorize_lookup(struct request *r, struct terms *ret)
{
	static const char *const OUTCOMES[] = {"no_client", "no_resource", "found"};

	*ret = (struct terms){.found = (enum authorize_lookup)store_outcome(r, OUTCOMES, 3)};
	if (ret->found == LOOKUP_NO_CLIENT)
		return;
	ret->redirect_uris = store_texts(r, 0, "redirect_uris", &ret->redirect_uri_count);
	ret->may_use_codes = rows_bool(r->rows, 0, "may_use_codes");
	if (ret->found == LOOKUP_NO_RESOURCE)
		return;
	ret->resource = store_text(r, 0, "resource_uri");
	read_scopes(r, ret);
}

/* ---- admin ---- */

step_result store_admin_key(struct request *r, const uint8_t key_id[16])
{
	struct db_param params[] = {param_uuid(key_id)};

	return store_ask(r, STATEMENT_ADMIN_KEY, params, 1);
}

bool store_read_admin_key(struct request *r, struct scopes *ret, const char **ret_name)
{
	struct text_buffer text = {.pool = &r->pool};
	const char **names;
	size_t count;

	if (rows_count(r->rows) != 1)
		return false;
	names = store_texts(r, 0, "scopes", &count);
	for (size_t i = 0; i < count; i++)
		text_append_printf(&text, "%s%s", i == 0 ? "" : " ", names[i]);
	if (!scopes_parse(&r->pool, h2o_iovec_init(text.base, text.len), ret))
		return false;
	*ret_name = store_text(r, 0, "name");
	return true;
}
