/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "authz/client_metadata.h"
#include "authz/verbs.h"
#include "common/secret.h"
#include "common/uri.h"

enum { URI_OPTIONS_MAX = 32 };

struct new_client {
	const char *id, *name, *resource, *scope;
	const char *redirect_uris[URI_OPTIONS_MAX];
	size_t redirect_uri_count;
	bool is_public, is_service, json;
	const char *grant_types[3];
	size_t grant_type_count;
};

static bool parse_options(int argc, char **argv, struct new_client *ret)
{
	static const struct option OPTIONS[] = {
	    {"id", required_argument, NULL, 'i'},
	    {"name", required_argument, NULL, 'n'},
	    {"redirect-uri", required_argument, NULL, 'u'},
	    {"public", no_argument, NULL, 'p'},
	    {"client-credentials", no_argument, NULL, 'c'},
	    {"scope", required_argument, NULL, 's'},
	    {"resource", required_argument, NULL, 'r'},
	    {"json", no_argument, NULL, 'j'},
	    {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option == 'i')
			ret->id = optarg;
		else if (option == 'n')
			ret->name = optarg;
		else if (option == 'u' && ret->redirect_uri_count < URI_OPTIONS_MAX)
			ret->redirect_uris[ret->redirect_uri_count++] = optarg;
		else if (option == 'p')
			ret->is_public = true;
		else if (option == 'c')
			ret->is_service = true;
		else if (option == 's')
			ret->scope = optarg;
		else if (option == 'r')
			ret->resource = optarg;
		else if (option == 'j')
			ret->json = true;
		else
			return false;
	}
	return optind == argc && ret->name != NULL;
}

static const char *auth_method_of(const struct new_client *c)
{
	return AUTH_METHOD_NAMES[c->is_public ? AUTH_NONE : AUTH_SECRET_BASIC];
}

static bool id_acceptable(const char *id)
{
	size_t len = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-");

	return len > 0 && len <= CLIENT_ID_HERE_MAX && id[len] == '\0';
}

static void choose_grant_types(struct new_client *c)
{
	if (c->redirect_uri_count > 0) {
		c->grant_types[c->grant_type_count++] = "authorization_code";
		c->grant_types[c->grant_type_count++] = "refresh_token";
	}
	if (c->is_service)
		c->grant_types[c->grant_type_count++] = "client_credentials";
}

/* Validated as a registration is, whoever asks. */
static const char *metadata_problem_of(h2o_mem_pool_t *pool, const struct new_client *c)
{
	json_t *document = json_keep(pool, json_pack("{s:s, s:s, s:[]}", "client_name", c->name,
	                                             "token_endpoint_auth_method", auth_method_of(c), "redirect_uris"));
	struct metadata_problem problem;
	struct client unused;

	if (document == NULL)
		return "a name has visible characters of UTF-8 only";
	if (c->resource != NULL)
		json_object_set_new(document, "resource", json_string(c->resource));
	if (c->scope != NULL)
		json_object_set_new(document, "scope", json_string(c->scope));
	for (size_t i = 0; i < c->redirect_uri_count; i++)
		json_array_append_new(json_object_get(document, "redirect_uris"), json_string(c->redirect_uris[i]));
	json_object_set_new(document, "grant_types", json_array());
	for (size_t i = 0; i < c->grant_type_count; i++)
		json_array_append_new(json_object_get(document, "grant_types"), json_string(c->grant_types[i]));
	return client_metadata_read(pool, document, METADATA_ADMIN, &unused, &problem) ? NULL : problem.text;
}

/* What the option's name or value says better than the metadata's member comes first. */
static const char *problem_of(h2o_mem_pool_t *pool, const struct new_client *c)
{
	const char *problem;

	if (c->id != NULL && !id_acceptable(c->id))
		return "an id has 1 to 128 letters, digits and the signs . _ ~ -";
	if (c->resource != NULL && c->is_public)
		return "a resource server is never public";
	if (c->resource == NULL && c->redirect_uri_count == 0 && !c->is_service)
		return "a client needs --redirect-uri or --client-credentials, a resource server --resource";
	if (c->resource != NULL && (problem = uri_resource_problem(text_of(c->resource))) != NULL)
		return text_printf(pool, "%s: %s", c->resource, problem);
	for (size_t i = 0; i < c->redirect_uri_count; i++)
		if ((problem = uri_redirect_problem(text_of(c->redirect_uris[i]))) != NULL)
			return text_printf(pool, "%s: %s", c->redirect_uris[i], problem);
	return metadata_problem_of(pool, c);
}

static void print_client(h2o_mem_pool_t *pool, const struct new_client *c, const char *secret)
{
	json_t *object;

	if (!c->json) {
		printf("client_id      %s\n", c->id);
		if (secret != NULL)
			printf("client_secret  %s\n", secret);
		return;
	}
	object = json_keep(pool, json_pack("{s:s}", "client_id", c->id));
	if (secret != NULL)
		json_object_set_new(object, "client_secret", json_string(secret));
	puts(json_text(pool, object).base);
}

static bool note_unknown_scopes(struct operator* op, const char *scope)
{
	struct db_param scopes;

	if (scope == NULL)
		return true;
	if (!operator_scopes(op, scope, &scopes))
		return false;
	operator_note_unknown_scopes(op, &scopes);
	return true;
}

enum verb_status verb_client_add(struct operator* op, int argc, char **argv)
{
	struct new_client c = {0};
	uint8_t digest[SHA256_SIZE];
	const char *problem, *secret = NULL;
	enum verb_status status;

	if (!parse_options(argc, argv, &c))
		return VERB_USAGE;
	choose_grant_types(&c);
	problem = problem_of(&op->pool, &c);
	if (problem != NULL)
		return refuse("%s", problem);
	if (c.resource != NULL) {
		struct db_param resource = param_text(c.resource);

		status = operator_do(op, "SELECT EXISTS (SELECT FROM authz.resource_list() AS r WHERE r.uri = $1)",
		                     &resource, 1, "there is no such resource; `resource put` adds it");
		if (status != VERB_DONE)
			return status;
	}
	if (!note_unknown_scopes(op, c.scope))
		return VERB_REFUSED;
	if (c.id == NULL)
		c.id = random_token(&op->pool, "client_");
	if (!c.is_public) {
		secret = random_token(&op->pool, "secret_");
		sha256(text_of(secret), digest);
	}
	struct db_param params[] = {
	    param_text(c.id),
	    param_text(c.name),
	    param_text(auth_method_of(&c)),
	    secret == NULL ? param_text(NULL) : param_bytes(digest, SHA256_SIZE),
	    param_text_array(&op->pool, c.grant_types, c.grant_type_count),
	    param_text_array(&op->pool, c.redirect_uris, c.redirect_uri_count),
	    param_text(c.resource),
	    param_text(c.scope != NULL ? c.scope : ""),
	};
	status =
	    operator_do(op,
	                "SELECT EXISTS (SELECT 1 FROM authz.client_add($1, 'admin', $2, $3, $4, $5, $6, $8, 'web', "
	                "NULL, NULL, NULL, NULL, NULL, NULL, NULL, $7, NULL, NULL, NULL, NULL, NULL, false, NULL, "
	                "NULL, NULL, NULL))",
	                params, sizeof(params) / sizeof(params[0]), "there is a client of this id");
	if (status == VERB_DONE)
		print_client(&op->pool, &c, secret);
	return status;
}

enum verb_status verb_client_list(struct operator* op, int argc, char **argv)
{
	return operator_list(op, argc, argv,
	                     "SELECT client_id, name, origin, enabled, auth_method, resource, "
	                     "array_to_string(redirect_uris, ' ') AS redirect_uris "
	                     "FROM authz.client_list('', 2147483647)");
}

static const char NO_CLIENT[] = "there is no client of this id";

static enum verb_status set_enabled(struct operator* op, int argc, char **argv, bool enabled)
{
	if (argc != 2)
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1]), param_bool(enabled)};
	return operator_do(op, "SELECT authz.client_set_enabled($1, $2)", params, 2, NO_CLIENT);
}

enum verb_status verb_client_disable(struct operator* op, int argc, char **argv)
{
	return set_enabled(op, argc, argv, false);
}

enum verb_status verb_client_enable(struct operator* op, int argc, char **argv)
{
	return set_enabled(op, argc, argv, true);
}

enum verb_status verb_client_delete(struct operator* op, int argc, char **argv)
{
	if (argc != 2)
		return VERB_USAGE;
	struct db_param params[] = {param_text(argv[1])};
	return operator_do(op, "SELECT authz.client_delete($1)", params, 1, NO_CLIENT);
}
