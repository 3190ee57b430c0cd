/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/caller/claims.h"

#include <string.h>

#include "common/json_pointer.h"
#include "mcp/caller/token_cache.h"

/* Who it is: what the facts say. */
static const char *const NAMES[] = {"sub", "username", "client_id", "scope", "iss"};
static const char *const SAID[] = {"roles", "groups", "auth_time", "acr", "authorization_details"};

static bool is_among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

bool claims_is_built_in(const char *name)
{
	return is_among(name, NAMES, sizeof(NAMES) / sizeof(NAMES[0])) ||
	       is_among(name, SAID, sizeof(SAID) / sizeof(SAID[0]));
}

static void set_name(json_t *claims, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		json_object_set_new(claims, name, json_string(value));
}

/* With the issuer before each name; what is no list of names could still be taken for one by a database. */
static json_t *foreign_names(h2o_mem_pool_t *pool, const char *issuer, const json_t *said)
{
	json_t *names = json_array();

	for (size_t i = 0; i < json_array_size(said); i++) {
		const char *name = json_string_value(json_array_get(said, i));
		if (name == NULL)
			break;
		json_array_append_new(names, json_string(text_printf(pool, "%s %s", issuer, name)));
	}
	if (json_is_array(said) && json_array_size(names) == json_array_size(said))
		return names;
	json_decref(names);
	return json_true();
}

static void set_foreign_names(h2o_mem_pool_t *pool, json_t *claims, const char *name, const char *issuer)
{
	const json_t *said = json_object_get(claims, name);

	if (said != NULL && !json_is_null(said))
		json_object_set_new(claims, name, foreign_names(pool, issuer, said));
}

static void copy_said(json_t *claims, const char *name, const struct claims_sources *sources)
{
	json_t *said = json_object_get(sources->answer, name);

	if (said == NULL)
		said = json_object_get(sources->token, name);
	if (said != NULL)
		json_object_set(claims, name, said);
}

const char *claims_text(h2o_mem_pool_t *pool, const struct bearer_facts *facts, const struct claims_sources *sources)
{
	json_t *claims = json_keep(pool, json_object()), *member;
	const char *name;

	set_name(claims, "sub", facts->subject);
	set_name(claims, "username", facts->username);
	set_name(claims, "client_id", facts->client_id);
	set_name(claims, "iss", sources->issuer);
	json_object_set_new(claims, "scope", json_string(facts->scope != NULL ? facts->scope : ""));
	for (size_t i = 0; i < sizeof(SAID) / sizeof(SAID[0]); i++)
		copy_said(claims, SAID[i], sources);
	json_object_foreach ((json_t *)sources->members, name, member)
		if (!claims_is_built_in(name))
			copy_said(claims, name, sources);
	if (sources->is_foreign) {
		set_foreign_names(pool, claims, "roles", sources->issuer);
		set_foreign_names(pool, claims, "groups", sources->issuer);
	}
	h2o_iovec_t text = json_canonical(pool, claims);
	return text.len <= CLAIMS_MAX ? text.base : NULL;
}

/* ---- pointers ---- */

json_t *claims_at(const json_t *claims, const char *pointer)
{
	const json_t *value = json_pointer_find(claims, text_of(pointer));

	return json_is_null(value) ? NULL : (json_t *)value;
}

const char *claims_name(h2o_mem_pool_t *pool, const char *pointer)
{
	h2o_iovec_t text = text_of(pointer);

	return json_pointer_problem(text) == NULL ? json_pointer_first(pool, text) : NULL;
}
