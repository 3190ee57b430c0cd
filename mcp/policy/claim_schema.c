/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/policy/claim_schema.h"

#include <string.h>

#include "mcp/caller/claims.h"

#define MEMBER "$claim"

struct place {
	const char *path;    /* pointer to it in the schema */
	const char *pointer; /* into the claims */
	size_t specimen;     /* that is being tried */
};

/* A walk over the schema: finds the places, or puts a value into each. */
struct walk {
	h2o_mem_pool_t *pool;
	const json_t *claims; /* of a caller; NULL: specimens */
	struct place places[CLAIM_PLACES_MAX];
	size_t count;
	const char *problem; /* NULL while there is none */
	const char *missing; /* the claim that has no value */
};

static const char *const SPECIMENS[] = {"\"a\"", "1", "[\"a\"]", "true", "{}"};
enum { SPECIMEN_COUNT = sizeof(SPECIMENS) / sizeof(SPECIMENS[0]) };

static bool is_place(const json_t *node)
{
	return json_object_get(node, MEMBER) != NULL;
}

/* ---- filling in ---- */

static json_t *fill(struct walk *w, const json_t *node);

static json_t *fill_place(struct walk *w, const json_t *node)
{
	const char *pointer = json_get_text(node, MEMBER).base;
	size_t place = w->count++;

	if (w->claims == NULL)
		return json_loads(SPECIMENS[w->places[place].specimen], JSON_DECODE_ANY, NULL);
	json_t *value = claims_at(w->claims, pointer);
	if (value == NULL && w->missing == NULL)
		w->missing = pointer;
	return value != NULL ? json_incref(value) : json_null();
}

static json_t *fill_object(struct walk *w, const json_t *node)
{
	json_t *copy = json_object(), *member;
	const char *name;

	json_object_foreach ((json_t *)node, name, member)
		json_object_set_new(copy, name, fill(w, member));
	return copy;
}

/* A new reference. What a claim brings along is a value: no place is looked for in it. */
static json_t *fill(struct walk *w, const json_t *node)
{
	json_t *copy, *item;
	size_t i;

	if (is_place(node))
		return fill_place(w, node);
	if (json_is_object(node))
		return fill_object(w, node);
	if (!json_is_array(node))
		return json_incref((json_t *)node);
	copy = json_array();
	json_array_foreach (node, i, item)
		json_array_append_new(copy, fill(w, item));
	return copy;
}

static const struct schema *compile(struct walk *w, const json_t *document, const char **error)
{
	static const struct schema_options OPTIONS = {.assert_formats = true};

	return schema_compile(w->pool, document, &OPTIONS, error);
}

const struct schema *claim_schema_fill(h2o_mem_pool_t *pool, const struct claim_schema *schema, const json_t *claims,
                                       const char **pointer)
{
	struct walk w = {.pool = pool, .claims = claims};
	const char *error = NULL;

	json_t *filled = json_keep(pool, fill(&w, schema->document));
	*pointer = w.missing != NULL ? w.missing : "";
	return w.missing == NULL ? compile(&w, filled, &error) : NULL;
}

/* ---- loading ---- */

static const char *child_path(struct walk *w, const char *path, const char *name)
{
	struct text_buffer b = {.pool = w->pool};

	text_append_str(&b, path);
	text_append_str(&b, "/");
	for (; *name != '\0'; name++) {
		if (*name == '~' || *name == '/')
			text_append_str(&b, *name == '~' ? "~0" : "~1");
		else
			text_append(&b, name, 1);
	}
	return b.base;
}

static const char *place_problem(const struct walk *w, const json_t *node, const json_t *members)
{
	const char *pointer = json_get_text(node, MEMBER).base;

	if (json_object_size(node) != 1)
		return "has members beside " MEMBER;
	if (pointer == NULL || pointer[0] != '/')
		return "is no pointer to a claim, which begins with a slash";
	const char *name = claims_name(w->pool, pointer);
	if (name == NULL)
		return "is no pointer to a claim: behind ~ comes 0 or 1";
	if (!claims_is_built_in(name) && json_object_get(members, name) == NULL)
		return text_printf(w->pool, "%s is not among the claims of the configuration", name);
	return w->count == CLAIM_PLACES_MAX ? "is one " MEMBER " too many" : NULL;
}

static void collect(struct walk *w, const json_t *node, const char *path, const json_t *members)
{
	const char *name;
	json_t *child;
	size_t i;

	if (is_place(node)) {
		const char *problem = place_problem(w, node, members);
		if (problem != NULL && w->problem == NULL)
			w->problem = text_printf(w->pool, "%s: %s", path, problem);
		if (problem == NULL)
			w->places[w->count++] = (struct place){path, json_get_text(node, MEMBER).base, 0};
		return;
	}
	json_object_foreach ((json_t *)node, name, child)
		collect(w, child, child_path(w, path, name), members);
	json_array_foreach (node, i, child)
		collect(w, child, text_printf(w->pool, "%s/%zu", path, i), members);
}

static bool is_within(const char *inner, size_t inner_len, const char *outer, size_t outer_len)
{
	return inner_len >= outer_len && memcmp(inner, outer, outer_len) == 0 &&
	       (inner_len == outer_len || inner[outer_len] == '/');
}

/* The place that an error speaks of, which begins with a pointer: at it, in it, or last around it. */
static struct place *place_of(struct walk *w, const char *error)
{
	const char *colon = strstr(error, ": ");
	size_t len = *error == '/' && colon != NULL ? (size_t)(colon - error) : 0;
	struct place *around = NULL;

	for (size_t i = 0; i < w->count; i++) {
		struct place *p = &w->places[i];
		size_t path_len = strlen(p->path);
		if (is_within(error, len, p->path, path_len))
			return p;
		if (is_within(p->path, path_len, error, len) && p->specimen + 1 < SPECIMEN_COUNT)
			around = p;
	}
	return around;
}

/* Every place gets a specimen that its keyword takes. NULL, or a problem. */
static const char *try_specimens(struct walk *w, const json_t *document)
{
	const char *error = NULL;

	for (size_t tries = 0; tries <= CLAIM_PLACES_MAX * SPECIMEN_COUNT; tries++) {
		size_t count = w->count;
		w->count = 0;
		json_t *filled = json_keep(w->pool, fill(w, document));
		w->count = count;
		if (compile(w, filled, &error) != NULL)
			return NULL;
		struct place *place = place_of(w, error);
		if (place == NULL)
			return error;
		if (++place->specimen == SPECIMEN_COUNT)
			return text_printf(w->pool, "%s: nothing that a claim could be fits there", place->path);
	}
	return error;
}

static const struct claim_schema *refuse(h2o_mem_pool_t *pool, const char *error, const char **problem)
{
	*problem = text_printf(pool, "%s%s", *error == '/' || *error == ':' ? "" : ": ", error);
	return NULL;
}

const struct claim_schema *claim_schema_load(h2o_mem_pool_t *pool, const json_t *document, const json_t *members,
                                             const char **problem)
{
	struct claim_schema *schema = h2o_mem_alloc_pool(pool, sizeof(*schema));
	h2o_mem_pool_t scratch; /* of specimens */
	struct walk w = {.pool = &scratch};
	const char *error = NULL;

	h2o_mem_init_pool(&scratch);
	collect(&w, document, "", members);
	error = w.problem;
	if (error == NULL && w.count > 0)
		error = try_specimens(&w, document);
	*schema = (struct claim_schema){.document = document, .place_count = w.count};
	error = error != NULL ? text_printf(pool, "%s", error) : NULL;
	h2o_mem_clear_pool(&scratch);
	w.pool = pool;
	if (error == NULL && schema->place_count == 0)
		schema->fixed = compile(&w, document, &error);
	return error == NULL ? schema : refuse(pool, error, problem);
}
