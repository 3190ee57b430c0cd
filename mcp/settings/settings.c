/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/settings/settings.h"

#include <string.h>

#include "common/config.h"
#include "common/master_secrets.h"
#include "common/tls.h"
#include "common/uri.h"
#include "mcp/settings/documents.h"
#include "mcp/settings/settings_parts.h"

enum { STREAMS_DEFAULT = 5000, STREAMS_PER_CALLER_DEFAULT = 64, CALLS_PER_PERSON_DEFAULT = 64 };
enum { CACHE_DEFAULT_MS = 30 * 1000, CACHE_MIN_MS = 1000, CACHE_MAX_MS = 30 * 1000 };

static bool refuse(h2o_mem_pool_t *pool, const struct mcp_settings *s, const char *member, const char *problem,
                   const char **error)
{
	*error = text_printf(pool, "%s: %s: %s", s->file, member, problem);
	return false;
}

static bool read_resource(h2o_mem_pool_t *pool, struct mcp_settings *s, const char **error)
{
	struct uri uri;
	const char *problem = uri_resource_problem(text_of(s->resource));

	if (problem == NULL && !uri_parse(text_of(s->resource), &uri))
		problem = "is not a URI";
	if (problem != NULL)
		return refuse(pool, s, "resource", problem, error);
	if (uri.query.base != NULL)
		return refuse(pool, s, "resource", "must have no query", error);
	s->base = uri.path.len == 1 ? "" : text_copy(pool, uri.path);
	s->origin = uri_origin(pool, &uri);
	s->is_loopback = uri_is_loopback(&uri);
	problem = uri_issuer_problem(text_of(s->issuer));
	return problem == NULL || refuse(pool, s, "authorization_server", problem, error);
}

static bool read_introspection(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets, struct mcp_settings *s,
                               const char **error)
{
	const json_t *introspection = json_object_get(document, "introspection");

	s->client_id = config_text(introspection, "client_id", NULL);
	s->introspection_cache_ms = config_duration_ms(introspection, "cache", CACHE_DEFAULT_MS);
	if (s->introspection_cache_ms < CACHE_MIN_MS || s->introspection_cache_ms > CACHE_MAX_MS)
		return refuse(pool, s, "introspection.cache", "must be between 1s and 30s", error);
	if (!with_secrets)
		return true;
	const char *path = config_path(pool, s->file, introspection, "client_secret_file");
	const char *problem = settings_secret_read(pool, path, &s->client_secret);
	return problem == NULL ||
	       refuse(pool, s, "introspection.client_secret_file", text_printf(pool, "%s: %s", path, problem), error);
}

static bool all_are_in(const json_t *names, const json_t *known)
{
	for (size_t i = 0; i < json_array_size(names); i++)
		if (json_object_get(known, json_string_value(json_array_get(names, i))) == NULL)
			return false;
	return true;
}

/* What a scope implies is another one, and never in the end itself: scopes are settled once all that they imply are,
 * until no more can be. NULL, or the first name that stays. */
static const char *unsettled_scope(h2o_mem_pool_t *pool, const json_t *scopes)
{
	json_t *settled = json_keep(pool, json_object()), *words;
	const char *name, *left = NULL;
	size_t before;

	do {
		before = json_object_size(settled);
		left = NULL;
		json_object_foreach ((json_t *)scopes, name, words) {
			if (all_are_in(json_object_get(words, "implies"), settled))
				json_object_set_new(settled, name, json_true());
			else if (left == NULL)
				left = name;
		}
	} while (json_object_size(settled) > before);
	return left;
}

static bool check_implied(h2o_mem_pool_t *pool, const struct mcp_settings *s, const char **error)
{
	const char *name;
	json_t *words;

	json_object_foreach ((json_t *)s->scopes, name, words)
		if (!all_are_in(json_object_get(words, "implies"), s->scopes))
			return refuse(pool, s, "scopes",
			              text_printf(pool, "%s implies one that is not among scopes", name), error);
	name = unsettled_scope(pool, s->scopes);
	return name == NULL ||
	       refuse(pool, s, "scopes", text_printf(pool, "what %s implies goes in a circle", name), error);
}

static bool read_scopes(h2o_mem_pool_t *pool, const json_t *document, struct mcp_settings *s, const char **error)
{
	const json_t *initial = json_object_get(document, "initial_scopes");
	struct text_buffer names = {.pool = pool};
	const char *name;
	json_t *words;

	s->scopes = json_object_get(document, "scopes");
	json_object_foreach ((json_t *)s->scopes, name, words)
		if (text_has_invisible(json_get_text(words, "title")))
			return refuse(pool, s, "scopes", "a title has control or invisible characters", error);
	if (!check_implied(pool, s, error))
		return false;
	s->has_initial_scopes = initial != NULL;
	for (size_t i = 0; i < json_array_size(initial); i++) {
		name = json_string_value(json_array_get(initial, i));
		if (json_object_get(s->scopes, name) == NULL)
			return refuse(pool, s, "initial_scopes", text_printf(pool, "%s is not among scopes", name),
			              error);
		text_append_printf(&names, "%s%s", names.len > 0 ? " " : "", name);
	}
	return scopes_parse(pool, h2o_iovec_init(names.base, names.len), &s->initial_scopes) ||
	       refuse(pool, s, "initial_scopes", "is not a list of scopes", error);
}

static bool read_secrets(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets, struct mcp_settings *s,
                         const char **error)
{
	struct master_secrets_place place = master_secrets_place_read(pool, s->file, document);

	s->has_secrets = place.file != NULL || place.variable != NULL || place.credential != NULL;
	if (!with_secrets || !s->has_secrets)
		return true;
	s->secrets = master_secrets_load(pool, &place, error);
	return s->secrets != NULL;
}

static bool read_parts(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets, struct mcp_settings *s,
                       const char **error)
{
	const char *problem = NULL;

	for (size_t i = 0; problem == NULL && SETTINGS_PARTS[i] != NULL; i++)
		problem = SETTINGS_PARTS[i]->read(pool, document, with_secrets, s);
	if (problem != NULL)
		*error = text_printf(pool, "%s: %s", s->file, problem);
	return problem == NULL;
}

static struct mcp_database read_database(const json_t *databases, const char *name)
{
	const json_t *database = json_object_get(databases, name);

	return (struct mcp_database){
	    .conninfo = config_text(database, "conninfo", NULL),
	    .connections = (unsigned)config_int(database, "connections", 4),
	};
}

bool settings_load(h2o_mem_pool_t *pool, const char *file, bool with_secrets, struct mcp_settings *ret,
                   const char **error)
{
	struct mcp_settings *s = ret;
	h2o_mem_pool_t schema; /* much memory that is wanted once */

	h2o_mem_init_pool(&schema);
	json_t *document = config_load(pool, file, serving_schema_compile(&schema, document_of_config(&schema)), error);
	h2o_mem_clear_pool(&schema);
	if (document == NULL)
		return false;
	*s = (struct mcp_settings){.file = file};
	s->resource = config_text(document, "resource", NULL);
	s->issuer = config_text(document, "authorization_server", NULL);
	s->name = config_text(document, "name", "Sallyport");
	if (text_has_invisible(text_of(s->name)))
		return refuse(pool, s, "name", "has control or invisible characters", error);
	serving_settings_read(pool, file, document, &s->serving);
	s->ca_file = config_path(pool, file, document, "ca_file");
	if (s->ca_file != NULL && tls_ca_problem(s->ca_file) != NULL)
		return refuse(pool, s, "ca_file", text_printf(pool, "%s: %s", s->ca_file, tls_ca_problem(s->ca_file)),
		              error);
	s->dpop_nonce_required =
	    strcmp(config_text(json_object_get(document, "dpop"), "nonce", "required"), "required") == 0;
	s->tools = config_path(pool, file, document, "tools");
	s->watches_files = config_bool(document, "watch_files", true);
	s->resources = config_path(pool, file, document, "resources");
	s->prompts = config_path(pool, file, document, "prompts");
	s->allowed_origins = serving_text_list(pool, json_object_get(document, "allowed_origins"));
	s->allowed_hosts = serving_text_list(pool, json_object_get(document, "allowed_hosts"));
	const json_t *databases = json_object_get(document, "databases");
	s->read = read_database(databases, "read");
	s->write = read_database(databases, "write");
	s->analyst = read_database(databases, "analyst");
	const json_t *streams = json_object_get(document, "streams");
	s->streams = (unsigned)config_int(streams, "all", STREAMS_DEFAULT);
	s->streams_per_caller = (unsigned)config_int(streams, "per_caller", STREAMS_PER_CALLER_DEFAULT);
	s->calls_per_person =
	    (unsigned)config_int(json_object_get(document, "calls"), "per_person", CALLS_PER_PERSON_DEFAULT);
	return read_resource(pool, s, error) && read_introspection(pool, document, with_secrets, s, error) &&
	       read_scopes(pool, document, s, error) && read_secrets(pool, document, with_secrets, s, error) &&
	       read_parts(pool, document, with_secrets, s, error);
}

const char *settings_scope_title(const struct mcp_settings *settings, const char *scope)
{
	return json_string_value(json_object_get(json_object_get(settings->scopes, scope), "title"));
}
