/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/client_metadata.h"

#include <string.h>

#include "authz/client_key_metadata.h"
#include "authz/client_metadata_schema.h"
#include "common/uri.h"

/* All of it reads documents whose shape has been found right: a text is text, a list has texts. */
struct reader {
	h2o_mem_pool_t *pool;
	const json_t *document;
	struct metadata_problem *problem;
	bool is_service, is_app; /* grant_types has client_credentials; authorization_code (the default) */
};

static bool refuse(struct reader *rd, const char *text)
{
	*rd->problem = (struct metadata_problem){&INVALID_CLIENT_METADATA, text};
	return false;
}

static bool refuse_redirect(struct reader *rd, const char *text)
{
	*rd->problem = (struct metadata_problem){&INVALID_REDIRECT_URI, text};
	return false;
}

static const json_t *member(const struct reader *rd, const char *name)
{
	return client_metadata_member(rd->document, name);
}

static h2o_iovec_t text_value(const json_t *value)
{
	return h2o_iovec_init(json_string_value(value), json_string_length(value));
}

/* A member that is text without invisible characters. */
static bool read_text(struct reader *rd, const char *name, const char **ret, const char *problem)
{
	const json_t *value = member(rd, name);
	*ret = NULL;
	if (value == NULL)
		return true;
	if (text_has_invisible(text_value(value)))
		return refuse(rd, problem);
	*ret = text_copy(rd->pool, text_value(value));
	return true;
}

/* Only ever shown as text or a link that a person may follow; never fetched. */
static bool read_web_uri(struct reader *rd, const char *name, const char **ret, const char *problem)
{
	const json_t *value = member(rd, name);
	struct uri u;
	*ret = NULL;
	if (value == NULL)
		return true;
	if (!uri_parse(text_value(value), &u) ||
	    (!text_is_nocase(u.scheme, "https") && !text_is_nocase(u.scheme, "http")))
		return refuse(rd, problem);
	*ret = text_copy(rd->pool, text_value(value));
	return true;
}

static bool has_text(const char **list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], text) == 0)
			return true;
	return false;
}

static bool read_redirect_uris(struct reader *rd, struct client *c)
{
	const json_t *uris = member(rd, "redirect_uris");
	size_t count = json_array_size(uris);
	if (count == 0 && (c->resource != NULL || (rd->is_service && !rd->is_app)))
		return true; /* a resource server only introspects, a service signs nobody in */
	if (count == 0)
		return refuse_redirect(rd, "redirect_uris is missing");
	c->redirect_uris = h2o_mem_alloc_pool(rd->pool, count * sizeof(*c->redirect_uris));
	for (size_t i = 0; i < count; i++) {
		h2o_iovec_t uri = text_value(json_array_get(uris, i));
		const char *problem = uri_redirect_problem(uri);
		if (problem != NULL)
			return refuse_redirect(rd, problem);
		char *text = text_copy(rd->pool, uri);
		if (!has_text(c->redirect_uris, c->redirect_uri_count, text))
			c->redirect_uris[c->redirect_uri_count++] = text;
	}
	return true;
}

static bool list_has(const json_t *list, const char *word)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (text_is(text_value(json_array_get(list, i)), word))
			return true;
	return false;
}

/* Only the administrator says that a client may have tokens of its own. */
static void read_kinds(struct reader *rd, enum metadata_source source)
{
	const json_t *types = member(rd, "grant_types");
	rd->is_service = source == METADATA_ADMIN && list_has(types, "client_credentials");
	rd->is_app = types == NULL || list_has(types, "authorization_code"); /* RFC 7591, 2: the default */
}

/* Grants that do not exist here are left out rather than refused: clients list what they could use (RFC 7591, 2: the
 * server may replace what was asked for, and the answer says what was registered). */
static bool read_grant_types(struct reader *rd, struct client *c)
{
	bool app = rd->is_app && c->redirect_uri_count > 0;
	if (!app && !rd->is_service && c->redirect_uri_count > 0)
		return refuse(rd, "grant_types must have authorization_code");
	c->grant_types = h2o_mem_alloc_pool(rd->pool, 3 * sizeof(*c->grant_types));
	if (app)
		c->grant_types[c->grant_type_count++] = "authorization_code";
	if (app && list_has(member(rd, "grant_types"), "refresh_token"))
		c->grant_types[c->grant_type_count++] = "refresh_token";
	if (rd->is_service)
		c->grant_types[c->grant_type_count++] = "client_credentials";
	return true;
}

static bool read_response_types(struct reader *rd)
{
	const json_t *types = member(rd, "response_types");
	return json_array_size(types) == 0 || list_has(types, "code") || refuse(rd, "response_types must have code");
}

static void read_auth_method(struct reader *rd, struct client *c)
{
	const json_t *value = member(rd, "token_endpoint_auth_method");
	c->auth_method = AUTH_SECRET_BASIC; /* RFC 7591, 2: the default */
	for (int i = 0; value != NULL && i < AUTH_METHODS; i++)
		if (text_is(text_value(value), AUTH_METHOD_NAMES[i]))
			c->auth_method = (enum auth_method)i;
}

static bool read_keys(struct reader *rd, struct client *c)
{
	const char *problem = client_key_metadata_read(rd->pool, rd->document, c);
	return problem == NULL || refuse(rd, problem);
}

static bool read_scope(struct reader *rd, struct client *c)
{
	const json_t *value = member(rd, "scope");
	struct scopes scopes;
	c->scope = "";
	if (value == NULL)
		return true;
	if (!scopes_parse(rd->pool, text_value(value), &scopes)) /* which bounds names and their number */
		return refuse(rd, "scope must be scope names with blanks between them");
	c->scope = text_copy(rd->pool, text_value(value));
	return true;
}

/* OpenID Connect Registration, 2. Where the client does not say, its redirect URIs tell. */
static void read_application_type(struct reader *rd, struct client *c)
{
	const json_t *value = member(rd, "application_type");
	bool is_web = c->redirect_uri_count == 0;
	for (size_t i = 0; i < c->redirect_uri_count; i++)
		is_web = is_web || text_starts(text_of(c->redirect_uris[i]), "https:");
	c->application_type = is_web ? "web" : "native";
	if (value != NULL)
		c->application_type = text_is(text_value(value), "web") ? "web" : "native";
}

static bool read_contacts(struct reader *rd, struct client *c)
{
	const json_t *value = member(rd, "contacts");
	if (value == NULL)
		return true;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (text_has_invisible(text_value(json_array_get(value, i))))
			return refuse(
			    rd, "contacts must be an array of at most 10 texts of at most 256 visible characters");
	c->contacts = json_text(rd->pool, value).base;
	return true;
}

static bool read_described(struct reader *rd, struct client *c)
{
	if (!read_text(rd, "client_name", &c->name, "client_name must be at most 64 visible characters"))
		return false;
	if (c->name == NULL)
		c->name = "";
	return read_web_uri(rd, "client_uri", &c->client_uri, "client_uri must be a web URL") &&
	       read_web_uri(rd, "logo_uri", &c->logo_uri, "logo_uri must be a web URL") &&
	       read_web_uri(rd, "tos_uri", &c->tos_uri, "tos_uri must be a web URL") &&
	       read_web_uri(rd, "policy_uri", &c->policy_uri, "policy_uri must be a web URL") &&
	       read_text(rd, "software_id", &c->software_id, "software_id must be at most 256 visible characters") &&
	       read_text(rd, "software_version", &c->software_version,
	                 "software_version must be at most 256 visible characters") &&
	       read_contacts(rd, c);
}

static bool read_resource(struct reader *rd, const char *name, const char **ret)
{
	const json_t *value = member(rd, name);
	*ret = NULL;
	if (value == NULL)
		return true;
	if (uri_resource_problem(text_value(value)) != NULL)
		return refuse(rd, text_printf(rd->pool, "%s must be the URI of a resource", name));
	*ret = text_copy(rd->pool, text_value(value));
	return true;
}

/* The people of an application of the house are not asked. That holds only for one that nobody else can pose as (RFC
 * 8252, 8.6), which is judged again at use. */
static bool consent_fits(const struct client *c)
{
	if (c->consent == NULL || strcmp(c->consent, "implicit") != 0 || c->auth_method != AUTH_NONE)
		return true;
	for (size_t i = 0; i < c->redirect_uri_count; i++)
		if (!text_starts(text_of(c->redirect_uris[i]), "https://"))
			return false;
	return true;
}

static bool read_admin_members(struct reader *rd, struct client *c)
{
	const json_t *enabled = member(rd, "enabled"), *consent = member(rd, "consent");
	c->enabled = enabled == NULL || json_is_true(enabled);
	c->consent = consent == NULL ? "explicit" : json_string_value(consent);
	return read_resource(rd, "default_resource", &c->default_resource) &&
	       read_resource(rd, "resource", &c->resource);
}

bool client_metadata_read(h2o_mem_pool_t *pool, const json_t *document, enum metadata_source source, struct client *ret,
                          struct metadata_problem *problem)
{
	struct reader rd = {.pool = pool, .document = document, .problem = problem};
	*ret = (struct client){.enabled = true};
	if (!client_metadata_has_shape(pool, document, source, problem))
		return false;
	if (source == METADATA_ADMIN && !read_admin_members(&rd, ret))
		return false;
	read_kinds(&rd, source);
	read_auth_method(&rd, ret);
	if (!read_redirect_uris(&rd, ret) || !read_grant_types(&rd, ret) || !read_response_types(&rd) ||
	    !read_keys(&rd, ret) || !read_scope(&rd, ret) || !read_described(&rd, ret))
		return false;
	read_application_type(&rd, ret);
	if (!consent_fits(ret))
		return refuse(&rd, "a client with implicit consent must prove who it is or return to https only");
	if (ret->resource != NULL && ret->auth_method == AUTH_NONE)
		return refuse(&rd, "a resource server needs a secret");
	if (rd.is_service && ret->auth_method == AUTH_NONE)
		return refuse(&rd, "a client of client_credentials must prove who it is");
	if (rd.is_service && strspn(ret->scope, " ") == strlen(ret->scope))
		return refuse(&rd, "a client of client_credentials needs a scope");
	return true;
}

static json_t *text_array(const char *const *texts, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(texts[i]));
	return array;
}

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text != NULL && *text != '\0')
		json_object_set_new(object, name, json_string(text));
}

static void set_admin_members(json_t *object, const struct client *c)
{
	set_text(object, "resource", c->resource);
	set_text(object, "default_resource", c->default_resource);
	set_text(object, "consent", c->consent);
	set_text(object, "origin", c->origin);
	json_object_set_new(object, "enabled", json_boolean(c->enabled));
	json_object_set_new(object, "last_used_at", c->last_used_at > 0 ? json_integer(c->last_used_at) : json_null());
}

json_t *client_redirect_uris_json(const struct client *c)
{
	return text_array(c->redirect_uris, c->redirect_uri_count);
}

json_t *client_metadata_json(const struct client *c, enum metadata_source source)
{
	json_t *object = json_object();
	set_text(object, "client_id", c->client_id);
	if (c->created_at > 0)
		json_object_set_new(object, "client_id_issued_at", json_integer(c->created_at));
	set_text(object, "client_name", c->name);
	json_object_set_new(object, "redirect_uris", client_redirect_uris_json(c));
	json_object_set_new(object, "grant_types", text_array(c->grant_types, c->grant_type_count));
	const char *const code = "code";
	json_object_set_new(object, "response_types",
	                    text_array(&code, has_text(c->grant_types, c->grant_type_count, "authorization_code")));
	set_text(object, "token_endpoint_auth_method", AUTH_METHOD_NAMES[c->auth_method]);
	client_key_metadata_show(object, c);
	set_text(object, "application_type", c->application_type);
	set_text(object, "scope", c->scope);
	set_text(object, "client_uri", c->client_uri);
	set_text(object, "logo_uri", c->logo_uri);
	set_text(object, "tos_uri", c->tos_uri);
	set_text(object, "policy_uri", c->policy_uri);
	set_text(object, "software_id", c->software_id);
	set_text(object, "software_version", c->software_version);
	if (c->contacts != NULL)
		json_object_set_new(object, "contacts", json_loads(c->contacts, 0, NULL));
	if (source == METADATA_ADMIN)
		set_admin_members(object, c);
	return object;
}
