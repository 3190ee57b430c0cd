/* SPDX-License-Identifier: Apache-2.0 */
/* What a service wants to know of who asks: one secret of the operator's, in one header. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcp/import/import.h"

/* A path that means the same to the file of the tool, wherever that is. */
static const char *absolute_path(h2o_mem_pool_t *pool, const char *path)
{
	char *folder = path[0] != '/' ? getcwd(NULL, 0) : NULL;
	const char *ret = folder != NULL ? text_printf(pool, "%s/%s", folder, path) : path;

	free(folder);
	return ret;
}

/* NULL: it is no scheme that a tool can follow. A new reference. */
static json_t *credential_of(struct import_operation *op, const json_t *scheme)
{
	h2o_iovec_t type = json_get_text(scheme, "type"), http = json_get_text(scheme, "scheme");
	h2o_iovec_t name = json_get_text(scheme, "name");
	const char *file = absolute_path(op->document->pool, op->options->credential_file);

	if (text_is(type, "oauth2") || text_is(type, "openIdConnect") ||
	    (text_is(type, "http") && text_is_nocase(http, "bearer")))
		return json_pack("{s:s, s:s}", "file", file, "as", "bearer");
	if (text_is(type, "http") && text_is_nocase(http, "basic"))
		return json_pack("{s:s, s:s}", "file", file, "as", "basic");
	if (text_is(type, "apiKey") && text_is(json_get_text(scheme, "in"), "header") &&
	    egress_field_name_is_free(name))
		return json_pack("{s:s, s:s, s:s}", "file", file, "as", "header", "header", name.base);
	return NULL;
}

/* One way to ask: names of schemes, all of which are demanded. */
static json_t *credential_of_requirement(struct import_operation *op, const json_t *requirement)
{
	const json_t *schemes = json_object_get(json_object_get(op->document->root, "components"), "securitySchemes");
	const char *name = json_object_iter_key(json_object_iter((json_t *)requirement));

	if (json_object_size(requirement) != 1)
		return NULL;
	const json_t *scheme = import_resolve(op, json_object_get(schemes, name), "a security scheme");
	return scheme != NULL ? credential_of(op, scheme) : NULL;
}

static const char *names_of(h2o_mem_pool_t *pool, const json_t *requirements)
{
	const json_t *first = json_array_get(requirements, 0);
	struct text_buffer b = {.pool = pool};
	json_t *scopes;
	const char *name;

	text_append(&b, "", 0);
	json_object_foreach ((json_t *)first, name, scopes)
		text_append_printf(&b, "%s%s", b.len > 0 ? " and " : "", name);
	return b.base;
}

/* An argument of that name would stand beside the secret, or in its place. */
static bool set_credential(struct import_operation *op, json_t *credential)
{
	const char *secret = json_string_value(json_object_get(credential, "header")), *name;
	json_t *value;

	json_object_set_new(op->http, "credential", credential);
	if (secret != NULL)
		json_object_foreach (json_object_get(op->http, "headers"), name, value)
			if (egress_field_name_is(text_of(name), secret))
				return import_refuse(op, "it has the header %s, which is the credential's", name);
	return true;
}

bool import_credential(struct import_operation *op)
{
	const json_t *requirements = json_object_get(op->source, "security"), *requirement;
	bool is_free = false;
	size_t i;

	if (requirements == NULL)
		requirements = json_object_get(op->document->root, "security");
	json_array_foreach (requirements, i, requirement)
		is_free = is_free || json_object_size(requirement) == 0;
	if (json_array_size(requirements) == 0 || (is_free && op->options->credential_file == NULL))
		return true;
	if (op->options->credential_file == NULL)
		return import_refuse(op, "it demands a credential (%s): say --credential-file",
		                     names_of(op->document->pool, requirements));
	json_array_foreach (requirements, i, requirement) {
		json_t *credential = credential_of_requirement(op, requirement);
		if (op->problem != NULL) {
			json_decref(credential);
			return false;
		}
		if (credential != NULL)
			return set_credential(op, credential);
	}
	return is_free || import_refuse(op, "it demands a credential (%s) that no single header carries",
	                                names_of(op->document->pool, requirements));
}
