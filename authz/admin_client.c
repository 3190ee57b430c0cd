/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/admin_client.h"

#include <string.h>

#include "authz/answer_cache.h"
#include "authz/bearer.h"
#include "authz/event.h"
#include "authz/parameter.h"
#include "authz/register.h"
#include "common/encoding.h"
#include "common/reply.h"

enum { LIST_DEFAULT = 100, LIST_MAX = 200 };

struct admin {
	const char *name; /* of the key, for records */
};

/* ---- the guard ---- */

static step_result ask_key(struct request *r)
{
	struct handle key;
	if (!bearer_handle(r, HANDLE_ADMIN_KEY, &key))
		return fail(r, &INVALID_TOKEN, "an admin key is needed");
	return store_admin_key(r, key.id);
}

static step_result check_key(struct request *r)
{
	struct admin *admin = h2o_mem_alloc_pool(&r->pool, sizeof(*admin));
	struct scopes scopes = {0};
	if (!store_read_admin_key(r, &scopes, &admin->name))
		return fail(r, &INVALID_TOKEN, "an admin key is needed");
	if (!scopes_has(&scopes, ADMIN_SCOPE))
		return fail(r, &INSUFFICIENT_SCOPE, "the admin key does not have the scope");
	r->caller = admin;
	return STEP_NEXT;
}

step_fn *const admin_guard[] = {ask_key, check_key, NULL};

static bool record(struct request *r, const char *event, const struct client *c)
{
	const struct admin *admin = r->caller;
	return event_write(r, event,
	                   json_pack("{s:s, s:s, s:s, s:b, s:o}", "admin_key", admin->name, "client_id", c->client_id,
	                             "client_name", c->name, "enabled", c->enabled, "redirect_uris",
	                             client_redirect_uris_json(c)));
}

static step_result fail_unknown(struct request *r)
{
	return fail(r, &NOT_FOUND, "there is no such client");
}

/* ---- GET {base}/admin/clients?after=...&limit=... ---- */

static step_result ask_list(struct request *r)
{
	struct admin_client_state *s = r->state;
	const char *after = parameter(&r->parameters, "after");
	const char *limit_text = parameter(&r->parameters, "limit");
	int64_t limit = LIST_DEFAULT;
	if (limit_text != NULL && (!text_to_int64(text_of(limit_text), &limit) || limit < 1 || limit > LIST_MAX))
		return fail(r, &INVALID_REQUEST, "limit must be 1 to 200");
	s->limit = (int)limit;
	return store_client_list(r, after != NULL ? after : "", s->limit + 1);
}

static step_result answer_list(struct request *r)
{
	const struct admin_client_state *s = r->state;
	struct client *clients = NULL;
	size_t count = store_read_clients(r, &clients), limit = (size_t)s->limit;
	bool has_more = count > limit;
	json_t *array = json_array();
	for (size_t i = 0; i < count && i < limit; i++)
		json_array_append_new(array, client_metadata_json(&clients[i], METADATA_ADMIN));
	json_t *next = has_more ? json_string(clients[limit - 1].client_id) : json_null();
	return reply_json(r, 200, json_pack("{s:o, s:o}", "clients", array, "next", next));
}

/* ---- POST {base}/admin/clients ---- */

static step_result add_client(struct request *r)
{
	struct admin_client_state *s = r->state;
	struct metadata_problem problem;
	uint8_t digest[SHA256_SIZE];
	if (!client_metadata_read(&r->pool, r->json, METADATA_ADMIN, &s->client, &problem))
		return fail(r, problem.error, problem.text);
	s->client.origin = "admin";
	s->secret = client_credentials_make(r, &s->client, digest);
	return store_client_add(r, &s->client, s->secret != NULL ? digest : NULL);
}

static step_result answer_added(struct request *r)
{
	const struct admin_client_state *s = r->state;
	struct client added;
	if (!store_read_client(r, &added))
		return fail_internal(r, "a random client id is taken");
	if (!record(r, "client.added", &s->client))
		return fail_unrecorded(r);
	reply_header(r, "location",
	             text_printf(&r->pool, "%s/admin/clients/%s", authz_of(r)->settings.issuer, s->client.client_id));
	return reply_new_client(r, &s->client, s->secret, METADATA_ADMIN);
}

/* ---- GET, PATCH, DELETE {base}/admin/clients/<id> ---- */

/* Ids that are URLs or have other reserved characters come percent-encoded. */
static bool read_path_id(struct request *r)
{
	struct admin_client_state *s = r->state;
	struct text_buffer b = {.pool = &r->pool};
	for (size_t i = 0; i < r->path_id.len; i++) /* "+" means itself in a path */
		text_append_str(&b, r->path_id.base[i] == '+' ? "%2B" : (char[]){r->path_id.base[i], '\0'});
	h2o_iovec_t id = form_decode(&r->pool, h2o_iovec_init(b.base, b.len));
	if (id.base == NULL || id.len == 0 || id.len > CLIENT_ID_MAX)
		return false;
	s->client_id = id.base;
	return true;
}

static step_result ask_client(struct request *r)
{
	const struct admin_client_state *s = r->state;
	return read_path_id(r) ? store_client_get(r, s->client_id) : fail_unknown(r);
}

static step_result answer_client(struct request *r)
{
	struct admin_client_state *s = r->state;
	if (!store_read_client(r, &s->client))
		return fail_unknown(r);
	return reply_json(r, 200, client_metadata_json(&s->client, METADATA_ADMIN));
}

/* RFC 7396: what the patch does not name stays, null takes away. The result is judged as a whole, as a new client would
 * be. */
static json_t *merge(struct request *r, const struct client *c)
{
	json_t *merged = json_keep(&r->pool, client_metadata_json(c, METADATA_ADMIN));
	json_object_update(merged, r->json);
	return merged;
}

/* Who a client is and how it proves it do not change under its grants. */
static bool identity_stays(const struct client *before, const json_t *merged)
{
	return text_is(json_get_text(merged, "client_id"), before->client_id) &&
	       text_is(json_get_text(merged, "token_endpoint_auth_method"), AUTH_METHOD_NAMES[before->auth_method]) &&
	       text_is(json_get_text(merged, "origin"), before->origin);
}

static step_result update_client(struct request *r)
{
	struct admin_client_state *s = r->state;
	struct client before = {0};
	struct metadata_problem problem;
	if (!store_read_client(r, &before))
		return fail_unknown(r);
	if (!json_is_object(r->json))
		return fail(r, &INVALID_CLIENT_METADATA, "client metadata must be a JSON object");
	json_t *merged = merge(r, &before);
	if (!identity_stays(&before, merged))
		return fail(r, &INVALID_CLIENT_METADATA,
		            "client_id, token_endpoint_auth_method and origin cannot be changed");
	if (!client_metadata_read(&r->pool, merged, METADATA_ADMIN, &s->client, &problem))
		return fail(r, problem.error, problem.text);
	if (strcmp(before.origin, "admin") != 0 && strcmp(s->client.consent, "implicit") == 0)
		return fail(r, &INVALID_CLIENT_METADATA,
		            "only a client that an administrator added may have implicit consent");
	s->client.client_id = before.client_id;
	s->client.origin = before.origin;
	s->client.created_at = before.created_at;
	return store_client_update(r, &s->client);
}

static step_result answer_updated(struct request *r)
{
	struct admin_client_state *s = r->state;
	if (!store_read_client(r, &s->client))
		return fail_unknown(r);
	answer_cache_forget(authz_of(r)->answers, "client", s->client.client_id);
	record(r, "client.changed", &s->client);
	return reply_json(r, 200, client_metadata_json(&s->client, METADATA_ADMIN));
}

static step_result delete_client(struct request *r)
{
	const struct admin_client_state *s = r->state;
	return read_path_id(r) ? store_client_delete(r, s->client_id) : fail_unknown(r);
}

static step_result answer_deleted(struct request *r)
{
	const struct admin_client_state *s = r->state;
	const struct admin *admin = r->caller;
	if (!store_read_deleted(r))
		return fail_unknown(r);
	answer_cache_forget(authz_of(r)->answers, "client", s->client_id);
	event_write(r, "client.deleted", json_pack("{s:s, s:s}", "admin_key", admin->name, "client_id", s->client_id));
	reply_header(r, "cache-control", "no-store");
	return reply_body(r, 204, NULL, (h2o_iovec_t){NULL, 0});
}

step_fn *const admin_client_list_steps[] = {ask_list, answer_list, NULL};
step_fn *const admin_client_add_steps[] = {event_demand_record, add_client, answer_added, NULL};
step_fn *const admin_client_show_steps[] = {ask_client, answer_client, NULL};
step_fn *const admin_client_update_steps[] = {ask_client, update_client, answer_updated, NULL};
step_fn *const admin_client_delete_steps[] = {delete_client, answer_deleted, NULL};
